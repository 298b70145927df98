"""Several web processes on one socket: each holds models of its own, and one that ends is replaced."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from django.conf import settings

logger = logging.getLogger(__name__)
LOOK_SECONDS = 1
PAUSE = 1.0  # Seconds until a process that ended is replaced, doubled each time that one ends at once.
# A life shorter than this ended at once. To import everything takes 3 s on two idle cores, and that is where a process
# ends that has a wrong setting.
AT_ONCE_SECONDS = 10
MOST_DEATHS = 5  # At once and in a row: what is wrong does not pass by itself. Two processes take half a minute.
# The exit code after that. Whoever starts this part again would see it live for half a minute each time, and never die
# at once: so the supervisor takes this code for as many deaths (config.stack.part).
GAVE_UP = os.EX_CONFIG
STOP_SECONDS = 40  # The grace of a server (config.web.server), and some.


def supervise(listener: socket.socket, count: int) -> None:
    """Keep `count` processes serving a bound socket, until SIGTERM or Ctrl-C; then wait for them to finish.

    Exits with GAVE_UP when they end at once again and again and none is left.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    processes = Processes(listener, count)
    processes.start()
    while not ended.wait(LOOK_SECONDS):
        processes.tend()
    processes.stop()


class Processes:
    """Those that run, and when they are to be as many as they should be."""

    def __init__(self, listener: socket.socket, count: int) -> None:
        self.listener = listener
        self.count = count
        self.begun: dict[subprocess.Popen[bytes], float] = {}
        self.deaths = 0  # At once and in a row.
        self.due = 0.0

    def start(self) -> None:
        while len(self.begun) < self.count:
            self.begun[_start(self.listener)] = time.monotonic()

    def tend(self) -> None:
        now = time.monotonic()
        for process, begun in list(self.begun.items()):
            if process.poll() is not None:
                del self.begun[process]
                self.deaths = self.deaths + 1 if now - begun < AT_ONCE_SECONDS else 0
                pause = PAUSE * 2 ** min(self.deaths, MOST_DEATHS)
                self.due = now + pause
                code = process.returncode
                logger.error("Web process %d ended with %d: another is started in %g s", process.pid, code, pause)
        if self.deaths >= MOST_DEATHS and not self.begun:  # Those that serve are worth more than the one that cannot.
            logger.error("All web processes end at once, again and again: what they said stands above")
            sys.exit(GAVE_UP)
        if now >= self.due:
            self.start()

    def stop(self) -> None:
        for process in self.begun:
            process.terminate()
        for process in self.begun:
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
