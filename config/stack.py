"""The whole of Lamplight on one machine: web server, Celery worker and beat, until Ctrl-C.

`python -m config.stack` (make run) starts it on the catalogue in the data folder; `python -m demo` (make demo) starts
the same on the sample catalogue.
"""

import argparse
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import django
import requests
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from tqdm import tqdm

from config.kept_secrets import kept_secret

READY_SECONDS = 120  # A cold start on 2 cores, modules to compile and weights to read, takes 20 s.
STOP_SECONDS = 60  # A worker first ends its turn, which takes ten seconds and a batch.
STALLED_SECONDS = 120  # A batch takes 5 s on 2 cores: if no photo is indexed for so long, something is wrong.
# A head is trained anew at this many times the photos that it learned from (search.head_training.CHANGED_ENOUGH).
OUTGROWN = 1.1
FREE_BYTES = 500_000_000  # What PostgreSQL, its log and a small catalogue take.
ADMIN = "admin"
ONE, INFO = ("--concurrency", "1"), ("--loglevel", "INFO")
COMMANDS = {
    "worker": ("celery", "-A", "config", "worker", "-n", "index@%h", *ONE, *INFO),
    "maintenance": ("celery", "-A", "config", "worker", "-Q", "maintenance", "-n", "maintenance@%h", *ONE, *INFO),
    "captions": ("celery", "-A", "config", "worker", "-Q", "captions", "-n", "captions@%h", *ONE, *INFO),
    "beat": ("celery", "-A", "config", "beat", *INFO),
    "web": ("gunicorn", "--config", "config/gunicorn.py", "config.wsgi"),
}


class StackError(Exception):
    """The stack cannot run. The message is one line: why, and the cure."""


class Stack:
    """The running processes, by name."""

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        self.address = {"HOST": host, "PORT": str(port)}
        self.password = ""
        self.http = requests.Session()
        self.http.trust_env = False  # The stack is on this machine: no proxy.
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start one of the COMMANDS. Its output goes to its log.

        It gets a session of its own, which the terminal's Ctrl-C does not reach. setpriv has the kernel end it if this
        process is killed and cannot stop it.
        """
        # Web server and worker share the cores: a thread of torch that waits must not spin meanwhile.
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **self.address}
        command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", *COMMANDS[name]]
        with _log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise StackError when a process has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise StackError(f"the {name} process ended ({_last_line(name)}): see {_log(name)}")

    def wait_until_ready(self) -> None:
        """Return when the site answers searches. Raises StackError if it does not in READY_SECONDS, or never will."""
        deadline = time.monotonic() + READY_SECONDS
        reason = "no answer"
        while time.monotonic() < deadline:
            self.check()
            try:
                answer = self.http.get(f"{self.url}/readyz", timeout=READY_SECONDS)
                if answer.ok:
                    return
                reason = answer.text
                if "model" in answer.json()["reasons"]:  # It will not load however long we wait.
                    raise StackError(f"the model cannot be loaded: {_last_line('web', 'Not ready: ')}")
            except requests.RequestException:
                pass  # Not listening yet.
            time.sleep(0.2)
        raise StackError(f"not ready after {READY_SECONDS} s ({reason}): see {_log('web')}")

    def wait_until_indexed(self) -> dict[str, Any]:
        """Wait until no photo is pending and the head has learned from all. Returns the index state of the API.

        Raises:
            StackError: a process ended, or nothing went on for STALLED_SECONDS.
        """
        deadline = time.monotonic() + STALLED_SECONDS
        index = self.ask("GET", "index/")
        with tqdm(total=count(index, "photos"), desc="Indexing", unit="photo", disable=None) as bar:
            while True:
                done = count(index, "photos") - count(index, "pending")
                if done > bar.n:
                    deadline = time.monotonic() + STALLED_SECONDS
                    bar.update(done - bar.n)
                if done == bar.total and has_learned(index):
                    return index
                self.check()
                if time.monotonic() > deadline:
                    if done == bar.total:
                        raise StackError(f"the category head was not trained: see {_log('maintenance')}")
                    raise StackError(f"indexing stopped at {done} of {bar.total} photos: see {_log('worker')}")
                time.sleep(1)
                index = self.ask("GET", "index/")

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The API's answer to a request below /api/v1/. Raises StackError if none comes or it is a refusal."""
        try:
            answer = self.http.request(method, f"{self.url}/api/v1/{path}", timeout=60, **request)
        except requests.RequestException as error:
            raise StackError(f"{path} was not answered ({error}): see {_log('web')}") from error
        if answer.status_code == 429:  # SEARCH_THROTTLE is low, or somebody tries the page meanwhile.
            time.sleep(int(answer.headers["Retry-After"]))
            return self.ask(method, path, **request)
        if not answer.ok:
            raise StackError(f"{path} was answered with {answer.status_code}: {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def wait(self) -> None:
        """Watch the processes for ever. Raises StackError when one ends."""
        while True:
            self.check()
            time.sleep(1)

    def stop(self) -> None:
        """End the processes: ask all at once, then wait for all together. Kill those that outlast STOP_SECONDS."""
        print("\nStopping ...", flush=True)
        for name, process in self.processes.items():
            # What these workers do takes minutes and is begun anew: a cold shutdown gives it up.
            process.send_signal(signal.SIGQUIT if name in ("maintenance", "captions") else signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def count(index: dict[str, Any], name: str) -> int:
    """The number of "photos", or of "indexed", "pending" or "rejected" ones, in all categories of an index state."""
    return sum(category[name] for category in index["categories"])


def has_learned(index: dict[str, Any]) -> bool:
    """Whether there is a head that learned from nearly all indexed photos, and so is not due to be trained anew."""
    return index["head"] is not None and count(index, "indexed") <= OUTGROWN * index["head"]["photos"]


@contextmanager
def running() -> Iterator[Stack]:
    """A stack that answers at HOST and PORT, on the data folder LAMPLIGHT_VAR. It stops at the end of the block.

    Raises:
        StackError: it cannot be started, or a process of it ended.
    """
    signal.signal(signal.SIGTERM, _exit)
    check_data_folder()
    port = free_port()
    with _only_stack():
        stack = Stack(settings.HOST, port)
        stack.password = _prepare()
        try:
            for name in wanted():
                stack.start(name)
            stack.wait_until_ready()
            yield stack
        finally:
            stack.stop()


def wanted() -> list[str]:
    """The processes that the shop needs. Captions are made where it has a model to make them."""
    return [name for name in COMMANDS if name != "captions" or settings.CAPTION_URL]


def welcome(stack: Stack) -> str:
    """What a person needs to know of a running stack."""
    return (
        f"\n  Page   {stack.url}/\n  API    {stack.url}/api/docs/\n  Admin  {stack.url}/admin/  "
        f"user {ADMIN}, password {stack.password}\n  Logs   {settings.VAR / 'log'}\n\nCtrl-C stops everything."
    )


def _prepare() -> str:
    """Bring database and models up to date. Returns the administrator's password."""
    django.setup()
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except (CommandError, DatabaseError) as error:
        raise StackError(str(error).strip()) from error
    _prepare_space()
    from django.contrib.auth import get_user_model

    password = kept_secret(settings.VAR / "admin-password", 16)
    users = get_user_model().objects
    if not users.filter(username=ADMIN).exists():
        users.create_superuser(ADMIN, password=password)
    return password


def _prepare_space() -> None:
    """Run `manage.py prepare`, and show what it says while it works. Raises StackError.

    It is a process of its own: converting the network takes hundreds of megabytes, which its end gives back.
    """
    prepare = ["setpriv", "--pdeathsig", "TERM", sys.executable, "manage.py", "prepare", "--skip-checks"]
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    refusal, line = "", ""
    with subprocess.Popen(prepare, cwd=settings.BASE_DIR, errors="replace", **pipes) as process:
        try:
            for line in process.stderr or ():
                _, refused, reason = line.rpartition("CommandError: ")
                refusal = reason.strip() if refused else refusal
                if not refused:
                    print(line, end="", file=sys.stderr)
        except BaseException:
            process.kill()  # Leaving the block would wait for its end.
            raise
    if process.returncode:
        raise StackError(refusal or f"the space was not prepared: {line.strip()}")


def free_port() -> int:
    """PORT as a number. Raises StackError if it is none or is taken."""
    host, text = settings.HOST, settings.PORT
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise StackError(f"PORT is {text!r}: set it to a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(text)))
        except OSError as error:
            raise StackError(
                f"cannot listen on {host}:{text} ({error.strerror}): set PORT to a free one, such as 8001"
            ) from error
    return int(text)


def check_data_folder() -> None:
    """Make the data folder if need be. Raises StackError if it cannot be written to or is short of space."""
    try:
        # Reading the settings makes the folder and its secret if they are not there.
        (settings.VAR / "log").mkdir(parents=True, exist_ok=True)
        (settings.VAR / "stack.lock").touch()
    except OSError as error:
        raise StackError(
            f"cannot write to {error.filename} ({error.strerror}): set LAMPLIGHT_VAR to a folder of your own"
        ) from error
    free = shutil.disk_usage(settings.VAR).free
    if free < FREE_BYTES:
        raise StackError(
            f"only {free // 1_000_000} MB are free at {settings.VAR}: free some, or set LAMPLIGHT_VAR to another disk"
        )


@contextmanager
def _only_stack() -> Iterator[None]:
    """Keep any other stack off the data folder: two would mix their logs, and both would ring for the same work."""
    with (settings.VAR / "stack.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"a stack already runs on {settings.VAR}: stop it, or set LAMPLIGHT_VAR to another folder"
            ) from None
        yield


def _log(name: str) -> Path:
    return Path(settings.VAR) / "log" / f"{name}.log"


def _last_line(name: str, after: str = "") -> str:
    """The last line of a process's log, or what follows `after` in the last line that has it."""
    lines = _log(name).read_text(errors="replace").strip().splitlines()
    found = [line.rpartition(after)[2] if after else line for line in lines if after in line]
    return found[-1].strip() if found else "no output"


def _exit(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m config.stack",
        description=__doc__,
        epilog="Example: PORT=8001 LAMPLIGHT_VAR=/srv/shop python -m config.stack",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    with run_or_exit(), running() as stack:
        print(welcome(stack), flush=True)
        stack.wait()


@contextmanager
def run_or_exit(interrupted: int = 0) -> Iterator[None]:
    """Turn a StackError into one line and exit code 1. Turn Ctrl-C into a quiet end with the code `interrupted`."""
    try:
        yield
    except StackError as error:
        sys.exit(f"lamplight: {error}")
    except KeyboardInterrupt:
        sys.exit(interrupted)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
