"""More searches than the machine can answer: what those wait that are accepted, and what the others are told.

The capacity is what four clients get, each asking again as soon as it is answered. Then searches come at random times,
at shares of the capacity, whether or not those before them are answered, each on a connection of its own. /livez is
asked beside them.
"""

import asyncio
import random
import subprocess
import time
from dataclasses import dataclass, field

import numpy as np

from benchmarks.shop import data_folder
from benchmarks.web import LIVEZ, descriptors, parser, port, prepare, resident, search_request, wait_until, web_server

EXAMPLES = """examples:
  python -m benchmarks.load
  python -m benchmarks.load --seconds 180 --shares 0.5 1 4
"""
PATIENCE = 60  # Seconds that a client waits at most.
PROBED_EVERY = 0.25  # Seconds between two questions to /livez.
WARM_UP = 200  # Searches that are asked first: memory grows until each thread has met each network.
RECOVERED = 2  # The load is over when a search takes less than so many times the median before it.


@dataclass
class Asked:
    """What came of the searches of one load."""

    accepted: list[float] = field(default_factory=list)
    """Seconds that each took."""
    refused: list[float] = field(default_factory=list)
    """The same of those answered with a 503."""
    livez: list[float] = field(default_factory=list)
    failed: int = 0

    def row(self, rate: float, process: subprocess.Popen[bytes]) -> str:
        p50, p95 = np.percentile(self.accepted or [np.nan], [50, 95]) * 1000
        refused = np.percentile(self.refused, 95) * 1000 if self.refused else 0
        livez = np.percentile(self.livez, [95, 100]) * 1000
        cells = [f"{rate:.0f}", len(self.accepted), len(self.refused), self.failed, f"{p50:.0f}", f"{p95:.0f}"]
        cells += [f"{refused:.0f}", f"{livez[0]:.0f}", f"{livez[1]:.0f}", f"{resident(process):.0f}"]
        return f"| {' | '.join(map(str, [*cells, descriptors(process)]))} |"


COLUMNS = (
    *("searches/s offered", "accepted", "refused", "failed", "p50 ms", "p95 ms", "refused within, p95 ms"),
    *("/livez p95 ms", "/livez longest ms", "memory, MB", "descriptors"),
)


def main() -> None:
    arguments = parser("load", __doc__, EXAMPLES)
    arguments.add_argument("--seconds", type=float, default=60, help="seconds of each load (%(default)s)")
    arguments.add_argument(
        "--shares", nargs="+", type=float, default=[0.5, 1, 4], help="of the capacity, in turn (0.5 1 4)"
    )
    options = arguments.parse_args()
    with data_folder(options.weights):
        prepare()
        with web_server() as process:
            wait_until(listens=True)
            asyncio.run(measure(process, options.shares, options.seconds))


async def measure(process: subprocess.Popen[bytes], shares: list[float], seconds: float) -> None:
    search = search_request()
    for _ in range(WARM_UP):
        await ask(search)
    alone = float(np.median([(await ask(search))[1] for _ in range(50)]))
    print(f"\nBefore: {resident(process):.0f} MB, {descriptors(process)} descriptors, a search {1000 * alone:.0f} ms")
    times = await closed_loop(search, 4, 15)
    capacity, without_a_queue = len(times) / 15, float(np.percentile(times, 95))
    print(f"Four clients, the capacity: {capacity:.1f} searches a second, p95 {1000 * without_a_queue:.0f} ms")
    print(f"\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    p95: dict[float, float] = {}
    for share in shares:
        asked = await offered(search, share * capacity, seconds)
        print(asked.row(share * capacity, process), flush=True)
        p95[share] = float(np.percentile(asked.accepted or [np.nan], 95))
        print(f"Recovered after {await recovery(search, RECOVERED * alone):.1f} s", flush=True)
    ratio = p95[max(shares)] / without_a_queue
    print(f"p95 of the accepted, at {max(shares):g} times the capacity / of four clients: {ratio:.2f} (bar: 3)")
    await asyncio.sleep(5)
    print(f"After: {resident(process):.0f} MB, {descriptors(process)} descriptors")


async def closed_loop(search: bytes, clients: int, seconds: float) -> list[float]:
    """Seconds of each search of clients that ask again as soon as they are answered."""
    end, times = time.monotonic() + seconds, []

    async def client() -> None:
        while time.monotonic() < end:
            times.append((await ask(search))[1])

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


async def offered(search: bytes, rate: float, seconds: float) -> Asked:
    """Searches at random times, so many a second."""
    asked, generator = Asked(), random.Random(0)
    end = time.monotonic() + seconds
    running = [asyncio.create_task(probe(asked, end))]
    while time.monotonic() < end:
        running = [task for task in running if not task.done()]
        running.append(asyncio.create_task(note(asked, search)))
        await asyncio.sleep(generator.expovariate(rate))
    await asyncio.gather(*running)
    return asked


async def note(asked: Asked, search: bytes) -> None:
    status, took = await ask(search)
    if status == 200:
        asked.accepted.append(took)
    elif status == 503:
        asked.refused.append(took)
    else:
        asked.failed += 1


async def probe(asked: Asked, end: float) -> None:
    while time.monotonic() < end:
        asked.livez.append((await ask(LIVEZ))[1])
        await asyncio.sleep(PROBED_EVERY)


async def recovery(search: bytes, target: float) -> float:
    """Seconds until a search takes no longer than `target`, or 60."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < 60:
        status, took = await ask(search)
        if status == 200 and took <= target:
            return waited
    return waited


async def ask(request: bytes) -> tuple[int, float]:
    """Status of the answer and seconds until it was there; the status is 0 without one."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port())
            writer.write(request)
            answer = await reader.read(-1)
            writer.close()
    except OSError:  # TimeoutError is one.
        return 0, time.monotonic() - begun
    return int(answer[9:12] or 0), time.monotonic() - begun


if __name__ == "__main__":
    main()
