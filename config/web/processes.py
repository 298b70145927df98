"""Several web processes on one socket: each holds models of its own, and one that ends is replaced."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time

from django.conf import settings

logger = logging.getLogger(__name__)
LOOK_SECONDS = 1
PAUSE = 1.0  # Seconds until a process that ended is replaced, doubled each time that it did not live long.
LONG = 120  # Seconds of a life after which the next death is the first in a row.
# A life shorter than this ended at once. To import everything takes 3 s on two idle cores, and that is where a process
# ends that has a wrong setting. Of more processes than cores each takes longer.
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
    ended: list[int] = []  # An event may not be set by a signal that comes while it is waited for.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: ended.append(number))
    processes = Processes(listener, count)
    processes.start()
    while not ended:
        processes.tend()
        time.sleep(LOOK_SECONDS)
    processes.stop()


class Processes:
    """Those that are to run."""

    def __init__(self, listener: socket.socket, count: int) -> None:
        at_once = AT_ONCE_SECONDS * max(1, count / (os.cpu_count() or 1))
        self.all = [Process(listener, at_once) for _ in range(count)]

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

    def __init__(self, listener: socket.socket, at_once: float) -> None:
        """`at_once`: seconds; a shorter life ended at once."""
        self.listener, self.at_once = listener, at_once
        self.running: subprocess.Popen[bytes] | None = None
        self.begun = self.due = 0.0
        self.short_lives = self.deaths_at_once = 0  # In a row.

    def start(self) -> None:
        self.running, self.begun = _start(self.listener), time.monotonic()

    def tend(self) -> None:
        """Start it if it is due, or settle when it is."""
        now = time.monotonic()
        if self.running is None:
            if now >= self.due:
                self._start_again(now)
        elif (code := self.running.poll()) is not None:
            lived = now - self.begun
            self.short_lives = self.short_lives + 1 if lived < LONG else 0
            self.deaths_at_once = self.deaths_at_once + 1 if lived < self.at_once else 0
            pause = PAUSE * 2 ** min(self.short_lives, MOST_DEATHS)
            logger.error("Web process %d ended with %d: another is started in %g s", self.running.pid, code, pause)
            self.running, self.due = None, now + pause

    def _start_again(self, now: float) -> None:
        try:
            self.start()
        except OSError as error:  # No memory for a process. Those that serve go on.
            self.due = now + PAUSE * 2**MOST_DEATHS
            logger.error("A web process cannot be started (%s): tried again in %g s", error, self.due - now)

    @property
    def is_hopeless(self) -> bool:
        """Whether it does not run, and died at once MOST_DEATHS times in a row."""
        return self.running is None and self.deaths_at_once >= MOST_DEATHS


def _start(listener: socket.socket) -> subprocess.Popen[bytes]:
    """A process that the kernel ends if this one is killed."""
    serve = [sys.executable, "-m", "config.web", "--socket", str(listener.fileno())]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *serve], cwd=settings.BASE_DIR, pass_fds=[listener.fileno()]
    )
