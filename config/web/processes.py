"""Several web processes on one socket: each holds models of its own, and one that ends is replaced."""

import logging
import signal
import socket
import subprocess
import sys
import threading

from django.conf import settings

logger = logging.getLogger(__name__)
PAUSE = 2  # Seconds between two starts of a process that ends at once.
STOP_SECONDS = 40  # The grace of a server (config.web.server), and some.


def supervise(listener: socket.socket, count: int) -> None:
    """Keep `count` processes serving a bound socket, until SIGTERM or Ctrl-C; then wait for them to finish."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    processes = [_start(listener) for _ in range(count)]
    while not ended.wait(PAUSE):
        for place, process in enumerate(processes):
            if process.poll() is not None:
                logger.error("Web process %d ended with %d: another is started", process.pid, process.returncode)
                processes[place] = _start(listener)
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _start(listener: socket.socket) -> subprocess.Popen[bytes]:
    """A process that the kernel ends if this one is killed."""
    serve = [sys.executable, "-m", "config.web", "--socket", str(listener.fileno())]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *serve], cwd=settings.BASE_DIR, pass_fds=[listener.fileno()]
    )
