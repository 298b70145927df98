"""What logs cost a request: its id, the fields of its lines, and the line itself.

    .venv/bin/python -m benchmarks.logs

Two web servers of one process answer the same address in turn, through all of Django: one as it is, one without what
belongs to the logs. The difference of their medians is what a request pays. Needs no database.
"""

import argparse
import http.client
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["LOG_FORMAT"] = "json"

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from config.logs.middleware import RequestIdMiddleware
from config.web.channel import Channel
from config.web.server import Server

PATH = "/nothing"  # A page that is not there: it asks no database, and has a line.
MIDDLEWARE = f"{RequestIdMiddleware.__module__}.{RequestIdMiddleware.__name__}"


class SilentChannel(Channel):
    """A connection whose requests have neither an id nor a line."""

    task_class = WSGITask
    service = HTTPChannel.service


class SilentServer(Server):
    channel_class = SilentChannel


def serve(kind: type[Server], application: Any) -> tuple[Server, http.client.HTTPConnection]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = kind(application, listener, lambda request: None)
    threading.Thread(target=server.run, daemon=True).start()
    return server, http.client.HTTPConnection("127.0.0.1", port)


def ms(client: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    client.request("GET", PATH)
    client.getresponse().read()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.logs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=3_000, help="of each server (%(default)s)")
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
        django.setup()
        with override_settings(MIDDLEWARE=[name for name in settings.MIDDLEWARE if name != MIDDLEWARE]):
            silent = serve(SilentServer, WSGIHandler())
        told = serve(Server, WSGIHandler())
        for _, client in (silent, told):
            for _ in range(100):  # What is slow at first is not what is measured.
                ms(client)
        times = [(ms(silent[1]), ms(told[1])) for _ in range(options.requests)]
        lines = Path(log.name).read_text().count('"event": "request"')
    without, with_logs = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"A request without logs: {without:.3f} ms (median of {options.requests:,})")
    print(f"The same with its line: {with_logs:.3f} ms; {lines:,} lines were written")
    print(f"Logs cost {with_logs - without:.3f} ms, {with_logs / without - 1:.0%}")
    for server, _ in (silent, told):
        server.stop()


if __name__ == "__main__":
    main()
