"""A server process of one data folder: it is found, started, shared by all processes that use it, and stopped.

A process finds a server by connecting to it, never by process id alone: ids are reused, and zombies keep theirs.
The kernel counts a server's users: each process holds a shared lock on one file for life. A killed process loses its
lock, so it is never counted for ever.
"""

import fcntl
import hashlib
import importlib.util
import os
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO

START_SECONDS = 30  # A start takes 0.2 to 4 s.
RECOVERY_SECONDS = 300  # Replaying the log after a crash may take longer. The server says that it does.
RETRY_SECONDS = 15  # Sessions outlive a killed postmaster for a moment and keep its shared memory.
STOP_SECONDS = 30
LOCK_SECONDS = RECOVERY_SECONDS + STOP_SECONDS  # The longest that a lock is held.
POLL_SECONDS = 0.02
SOCKET_PATH_BYTES = 107  # sun_path in unix(7)


class EmbeddedServerError(RuntimeError):
    """A server cannot be had. The message is one line: why, and the cure."""


def take_lock(file: IO[str], mode: int) -> None:
    """Take a flock of `mode` (fcntl.LOCK_SH or LOCK_EX). Raises EmbeddedServerError after LOCK_SECONDS.

    The wait has a limit because the lock's holder may have been suspended.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"another process holds {file.name}: end it and try again") from None
        time.sleep(POLL_SECONDS)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is made if need be, for the length of the block."""
    with path.open("a") as file:
        take_lock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Closing the file is not enough: another thread may have forked a child, whose copy would keep the lock.
            fcntl.flock(file, fcntl.LOCK_UN)


class Users:
    """The processes that use the servers of one data folder, as seen from this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.share: IO[str] | None = None
        self.pid = 0
        self.is_onlooker = False
        """Whether this process looks at the servers without using them: it neither starts nor keeps nor stops them."""

    @property
    def joined(self) -> bool:
        """Whether this process has joined. A forked child has not: the lock that it inherits is its parent's."""
        return self.pid == os.getpid()

    def join(self) -> None:
        """Count this process until it ends. Wait while the last user before it stops the servers."""
        if not self.joined and not self.is_onlooker:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            share = self.path.open("a")
            take_lock(share, fcntl.LOCK_SH)
            self.share, self.pid = share, os.getpid()

    def only_me(self) -> bool:
        """Whether no other process uses the servers. If none does, none can join before this process ends."""
        self.share = self.share or self.path.open("a")
        try:
            fcntl.flock(self.share, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def private_folder(path: Path) -> Path:
    """Make a folder if need be, and let its owner alone enter: whoever can is the database's superuser.

    Raises EmbeddedServerError if the folder belongs to another user.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise EmbeddedServerError(
            f"{path} belongs to user {status.st_uid}: run as that user, or set LAMPLIGHT_VAR to a folder of your own"
        )
    path.chmod(0o700)
    return path


def package_folder(package: str) -> Path | None:
    """Where a package is installed, or None. It is not imported: importing either wheel has side effects."""
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def server_environment() -> dict[str, str]:
    """This process's environment, with messages in English, and without what would reconfigure PostgreSQL (PG*)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


class Server:
    """One server of the data folder `var`. A subclass says how to launch it and how to ask whether it lives.

    Its files lie in the folder `var`/`name`, its log in `var`/log.
    """

    name: str
    own_server: str  # The environment variable that names a server of the user's own.
    socket_name: str
    pid_name: str
    stop_signal: signal.Signals
    recovering: str  # Part of each complaint of a server that is alive but not ready yet.
    may_retry: tuple[str, ...] = ()  # Parts of reasons for a failed start that go away by themselves.

    def __init__(self, var: Path, users: Users) -> None:
        self.users = users
        self.folder = (var / self.name).resolve()
        self.data = self.folder / "data"
        self.pid_file = self.data / self.pid_name
        self.log = var / "log" / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def complaint(self) -> str | None:
        """Why the server cannot be reached, or None if it can, even if it is too busy or too full to serve."""
        raise NotImplementedError

    def launch(self) -> None:
        """Start the server's process. The caller holds the start lock, and no earlier process of the server runs."""
        raise NotImplementedError

    @cached_property
    def socket_folder(self) -> Path:
        """The server's folder, or a folder below the temporary one if the path is not fit for a socket.

        A path is unfit if it is too long. It is unfit if it has a comma, which PostgreSQL and libpq take for the start
        of another path.
        """
        longest = os.fsencode(self.folder / f"{self.socket_name}.lock")
        if len(longest) <= SOCKET_PATH_BYTES and b"," not in longest:
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"lamplight-{os.geteuid()}-{digest}"

    @property
    def socket(self) -> Path:
        return self.socket_folder / self.socket_name

    def pid(self) -> int | None:
        """The process that the pid file names if it runs in the data folder. No zombie and no other program does."""
        try:
            pid = int(self.pid_file.read_text().partition("\n")[0])
            return pid if Path(f"/proc/{pid}/cwd").samefile(self.data) else None
        except (OSError, ValueError):
            return None

    def ended(self) -> bool:
        """Whether no process of the server runs, whoever started it."""
        return self.pid() is None and (self.process is None or self.process.poll() is not None)

    def ensure_running(self) -> None:
        """Return when the server can be reached; start it if need be. Raises EmbeddedServerError if it cannot be."""
        if self.users.is_onlooker:
            return self._look()
        try:
            self.users.join()
            private_folder(self.folder)
            private_folder(self.socket_folder)
            self.log.parent.mkdir(exist_ok=True)
            if self.complaint() is not None:
                with locked(self.folder / "start.lock"):
                    self.start()
        except OSError as error:
            raise self.error(str(error)) from error

    def _look(self) -> None:
        """Raises EmbeddedServerError if the server cannot be reached as it is."""
        complaint = self.complaint()
        if complaint is not None and self.pid() is None:
            raise EmbeddedServerError(f"the embedded {self.name} of {self.folder.parent} is not running")
        if complaint is not None:
            raise EmbeddedServerError(f"the embedded {self.name} cannot be reached: {' '.join(complaint.split())}")

    def start(self) -> None:
        """Start the server, or wait for one that is starting or stopping. The caller holds the start lock."""
        if self.pid() and not self.socket.exists():
            self.stop()  # It runs but cannot be reached: something cleaned the temporary folder.
        began = time.monotonic()
        launched_at: int | None = None  # The log's size when the process was launched: its errors follow.
        while (complaint := self.complaint()) is not None:
            waited = time.monotonic() - began
            if self.ended():
                if launched_at is not None:
                    self.check_retry(self.errors(launched_at), waited)
                launched_at = self.log.stat().st_size if self.log.exists() else 0
                self.launch()
            if waited > (RECOVERY_SECONDS if self.recovering in complaint else START_SECONDS):
                raise self.error(f"no answer in {waited:.0f} s: {complaint}")
            time.sleep(POLL_SECONDS)

    def check_retry(self, errors: Sequence[str], waited: float) -> None:
        """Return if a start that failed with these errors may be tried again. Raises EmbeddedServerError if not.

        All are looked at: what is left of a killed server writes into the same log as it ends.
        """
        passing = [error for error in errors if any(part in error for part in self.may_retry)]
        if waited > RETRY_SECONDS or not passing:
            raise self.error((passing or errors)[-1])
        time.sleep(0.5)

    def spawn(self, command: Sequence[str | Path], **environment: str) -> None:
        """Run `command` as the server, in a session of its own: a terminal's Ctrl-C reaches only the applications."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=server_environment() | environment,
            )

    def errors(self, offset: int) -> list[str]:
        """The errors in the server's log from byte `offset` on, or else its last line; never none."""
        with self.log.open("rb") as file:
            file.seek(offset)
            lines = file.read().decode(errors="replace").splitlines()
        errors = [line.strip() for line in lines if any(word in line for word in ("FATAL: ", "PANIC: ", "ERROR: "))]
        return errors or [(lines or ["it said nothing"])[-1].strip()]

    def error(self, reason: str) -> EmbeddedServerError:
        """The error that says in one line why the server did not start."""
        reason = " ".join(reason.split())
        return EmbeddedServerError(
            f"the embedded {self.name} did not start: {reason} "
            f"(see {self.log}, or set {self.own_server} to a server of your own)"
        )

    def stop(self) -> None:
        """Stop the server and wait until it is gone, but no longer than STOP_SECONDS."""
        deadline = time.monotonic() + STOP_SECONDS
        with suppress(ProcessLookupError):
            if pid := self.pid():
                os.kill(pid, self.stop_signal)
        while not self.ended() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
