"""What must hold before a stack starts: a free port, and a data folder that can be written to and is not in use."""

import fcntl
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from config.stack.errors import StackError
from operations.doctor.disk import LEAST


def free_port() -> int:
    """PORT as a number. Raises StackError if it is none or is taken."""
    host, text = settings.HOST, settings.PORT
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise StackError(f"PORT is {text!r}: set it to a number from 1 to 65535")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
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
    if free < LEAST:
        raise StackError(
            f"only {free // 1_000_000} MB are free at {settings.VAR}: free some, or set LAMPLIGHT_VAR to another disk"
        )


@contextmanager
def only_stack() -> Iterator[None]:
    """Keep any other stack off the data folder: two would mix their logs, and both would ring for the same work."""
    with (settings.VAR / "stack.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"a stack already runs on {settings.VAR}: stop it, or set LAMPLIGHT_VAR to another folder"
            ) from None
        yield
