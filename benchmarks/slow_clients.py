"""What slow clients do to others: Lamplight's web server beside the same application in others.

Each attack holds its connections while /livez and a search by photo are asked, one after the other. The first row of
each server has no attack.
"""

import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from threading import Event, Thread

import numpy as np

from benchmarks.shop import data_folder
from benchmarks.web import LIVEZ, parser, port, prepare, search_request, wait_until, web_server

EXAMPLES = """examples:
  python -m benchmarks.slow_clients
  python -m benchmarks.slow_clients --seconds 20 --servers Lamplight gunicorn
"""
PATIENCE = 30  # Seconds that a client waits at most for an answer.
THREADS = 8
# A form of a megabyte, of which the rest comes at two bytes a second.
HALF_BODY = b"POST /api/v1/search/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
ATTACKS: dict[str, tuple[int, bytes, bytes]] = {
    "none": (0, b"", b""),
    "32 slow bodies": (32, HALF_BODY, b"xx"),
    "32 half request lines": (32, b"GET /api/v1/sea", b""),
    "200 silent connections": (200, b"", b""),
}


def servers() -> dict[str, tuple[str, ...]]:
    """Command lines of the servers that are installed."""
    at, threads, app = f"127.0.0.1:{port()}", str(THREADS), "config.wsgi:application"
    peers = {
        "gunicorn": ("gunicorn", "--bind", at, "--worker-class", "gthread", "--threads", threads, app),
        "granian": ("granian", "--interface=wsgi", f"--port={port()}", f"--blocking-threads={threads}", app),
        "waitress": ("waitress", "--listen", at, "--threads", threads, app),
    }
    return {"Lamplight": ("config.web",), **{name: command for name, command in peers.items() if find_spec(name)}}


def main() -> None:
    arguments = parser("slow_clients", __doc__, EXAMPLES)
    arguments.add_argument("--seconds", type=float, default=10, help="seconds of each attack (%(default)s)")
    arguments.add_argument("--servers", nargs="+", metavar="NAME", help="some of the servers (all that are installed)")
    options = arguments.parse_args()
    with data_folder(options.weights):
        prepare()
        print("\n| server | attack | /livez longest, ms | search p50, ms | search longest, ms | unanswered |")
        print("|---|---|---|---|---|---|")
        for name, command in servers().items():
            if options.servers and name not in options.servers:
                continue
            with web_server(command):
                wait_until(listens=True)
                for _ in range(20):
                    taken(search_request())
                for attack in ATTACKS:
                    print(f"| {name} | {attack} | {measured(attack, options.seconds)} |", flush=True)
                    time.sleep(1)


def measured(attack: str, seconds: float) -> str:
    """The cells of a row."""
    count, first, then = ATTACKS[attack]
    held = [socket.create_connection(("127.0.0.1", port())) for _ in range(count)]
    over = Event()
    for one in held:
        one.sendall(first)
    trickling = Thread(target=trickle, args=(held, then, over))
    trickling.start()
    time.sleep(1)
    asked: list[Callable[[], float]] = [lambda: taken(LIVEZ), lambda: taken(search_request())]
    times: list[list[float]] = [[], []]
    threads = [Thread(target=repeat, args=(ask, seconds, found)) for ask, found in zip(asked, times, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    trickling.join()
    for one in held:
        one.close()
    livez, searches = ([1000 * one for one in found if one < PATIENCE] for found in times)
    unanswered = sum(one >= PATIENCE for found in times for one in found)
    longest, p50, worst = max(livez, default=np.nan), np.median(searches or [np.nan]), max(searches, default=np.nan)
    return f"{longest:.0f} | {p50:.0f} | {worst:.0f} | {unanswered}"


def repeat(ask: Callable[[], float], seconds: float, found: list[float]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found.append(ask())
        time.sleep(0.05)


def trickle(held: list[socket.socket], data: bytes, over: Event) -> None:
    while data and not over.wait(1):
        for one in held:
            try:
                one.sendall(data)
            except OSError:  # The server gave it up.
                continue


def taken(request: bytes) -> float:
    """Seconds until a request was answered whole; PATIENCE if it was not."""
    begun = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port()), PATIENCE) as asked:
            asked.sendall(request)
            answer = b""
            while part := asked.recv(65_536):
                answer += part
    except OSError:
        return float(PATIENCE)
    return time.monotonic() - begun if answer.startswith(b"HTTP/1.1 200") else float(PATIENCE)


if __name__ == "__main__":
    main()
