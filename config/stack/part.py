"""One process of the stack, which may die and is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from config.stack import process_groups
from config.web.processes import GAVE_UP

# A life shorter than this ended at once. To import everything takes 3 s on two idle cores, and that is where a part
# ends that has a wrong setting.
AT_ONCE_SECONDS = 10
LONG_LIFE_SECONDS = 120  # After a life as long as this the next pause is the shortest again.
FIRST_PAUSE = 1.0  # Seconds until a part that died is started again; doubled for each short life before.
MOST_DEATHS = 5  # At once and in a row: what is wrong does not pass by itself. The pauses between take 15 s.
# A search takes a second at most, and a probe is answered by another thread.
HANGS_SECONDS = 60
STARTS_SECONDS = 300  # Until a process first answers: PostgreSQL may replay its log as long after a crash.


class Part:
    """A process by name, with all that is told of it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        answers: Callable[[], bool] | None = None,
    ) -> None:
        """`command` is a Python module and its arguments. `answers` says whether the process does what it is for."""
        self.name = name
        self.command = command
        self.log = log
        self.stop_signal = stop_signal
        self.answers = answers
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.due: float | None = None  # When it is to be started again.
        self.begun = self.heard = 0.0
        self.short_lives: list[float] = []  # Seconds; the last ones, in a row.
        self.gave_up = False  # Whether it has tried as often itself.

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Start the process in a session of its own, which the terminal's Ctrl-C does not reach.

        setpriv has the kernel end it if this process is killed and cannot stop it. A Celery worker that gets SIGQUIT
        while it starts may never end: what would be stopped so is killed.
        """
        at_our_death = "KILL" if self.stop_signal == signal.SIGQUIT else "TERM"
        with self._output() as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", at_our_death, sys.executable, "-m", *self.command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.due, self.begun = None, time.monotonic()
        self.heard = self.begun + STARTS_SECONDS

    def _output(self) -> IO[bytes]:
        """The log. What runs goes on without one where the disk is too full to make it."""
        try:
            return self.log.open("ab")
        except OSError:
            return Path(os.devnull).open("ab")

    def cause_of_death(self) -> str:
        """What ended the process, or "" while it runs or was stopped."""
        code = self.process.poll() if self.process else None
        if code is None:
            return ""
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"

    def bury(self) -> float:
        """Settle when a dead process is started again, and return in how many seconds.

        What it left is killed: an orphan might hold the port, or go on with work that the next one begins.
        """
        if self.process:
            self.gave_up = self.process.poll() == GAVE_UP
            process_groups.kill(self.process.pid)
        now = time.monotonic()
        life = now - self.begun
        self.process = None
        self.short_lives = [] if life > LONG_LIFE_SECONDS else [*self.short_lives, life][-MOST_DEATHS:]
        pause = FIRST_PAUSE * 2 ** max(0, len(self.short_lives) - 1)
        self.due = now + pause
        return pause

    def is_hopeless(self) -> bool:
        """Whether it, or each process that it starts itself, died at once MOST_DEATHS times in a row."""
        return self.gave_up or (len(self.short_lives) == MOST_DEATHS and max(self.short_lives) < AT_ONCE_SECONDS)

    def hangs(self, stopped: Collection[int]) -> bool:
        """Whether it has not answered for HANGS_SECONDS, or has been in one of the `stopped` groups for as long."""
        if self.pid not in stopped and (self.answers is None or self.answers()):
            self.heard = time.monotonic()
        return time.monotonic() > self.heard + HANGS_SECONDS

    def ask_to_stop(self) -> None:
        self.due = None
        if self.process:
            self.process.send_signal(self.stop_signal)
            process_groups.go_on(self.process.pid)

    def await_stop(self, deadline: float) -> None:
        """Wait for the process that was asked to stop; kill what is left of it at the deadline."""
        if self.process:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.1, deadline - time.monotonic()))
            process_groups.kill(self.process.pid)
            self.process.wait()
            self.process = None
