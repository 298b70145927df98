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
PAUSE = 1.0  # Seconds until a process that ended is replaced, doubled each time that it ends at once.
# A life shorter than this ended at once. To import everything takes 3 s on two idle cores, and that is where a process
# ends that has a wrong setting.
AT_ONCE_SECONDS = 10
# Each process, at once and in a row: what is wrong does not pass by itself. Whatever the number of processes, the
# pauses between take 30 s.
MOST_DEATHS = 5
# The exit code after that. Whoever starts this part again would see it live for half a minute each time, and never die
# at once: so the supervisor takes this code for as many deaths (config.stack.part).
GAVE_UP = os.EX_CONFIG
STOP_SECONDS = 40  # The grace of a server (config.web.server), and some.


def supervise(listener: socket.socket, count: int) -> None:
    """Keep `count` processes serving a bound socket, until SIGTERM or Ctrl-C; then wait for them to finish.

    Exits with GAVE_UP when each of them ends at once again and again, and none is left.
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
    """Those that are to run."""

    def __init__(self, listener: socket.socket, count: int) -> None:
        self.all = [Process(listener) for _ in range(count)]

    def start(self) -> None:
        for process in self.all:
            process.start()

    def tend(self) -> None:
        for process in self.all:
            process.tend()
        # Those that serve are worth more than the one that cannot.
        if all(process.is_hopeless for process in self.all):
            logger.error("All web processes end at once, again and again: what they said stands above")
            sys.exit(GAVE_UP)

    def stop(self) -> None:
        running = [process.running for process in self.all if process.running]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


class Process:
    """One of them, and when it is to be started again."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.running: subprocess.Popen[bytes] | None = None
        self.begun = self.due = 0.0
        self.deaths = 0  # At once and in a row.

    def start(self) -> None:
        self.running, self.begun = _start(self.listener), time.monotonic()

    def tend(self) -> None:
        """Start it if it is due, or settle when it is."""
        now = time.monotonic()
        if self.running is None:
            if now >= self.due:
                self.start()
        elif (code := self.running.poll()) is not None:
            self.deaths = self.deaths + 1 if now - self.begun < AT_ONCE_SECONDS else 0
            pause = PAUSE * 2 ** min(self.deaths, MOST_DEATHS)
            logger.error("Web process %d ended with %d: another is started in %g s", self.running.pid, code, pause)
            self.running, self.due = None, now + pause

    @property
    def is_hopeless(self) -> bool:
        """Whether it does not run, and died at once MOST_DEATHS times in a row."""
        return self.running is None and self.deaths >= MOST_DEATHS


def _start(listener: socket.socket) -> subprocess.Popen[bytes]:
    """A process that the kernel ends if this one is killed."""
    serve = [sys.executable, "-m", "config.web", "--socket", str(listener.fileno())]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *serve], cwd=settings.BASE_DIR, pass_fds=[listener.fileno()]
    )
