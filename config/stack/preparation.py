"""What comes before the parts start: database and models are brought up to date, and an administrator is made."""

import subprocess
import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError

from config.embedded.server_process import EmbeddedServerError
from config.kept_secrets import kept_secret
from config.logs.setup import relay
from config.stack.errors import StackError

ADMIN = "admin"


def prepare() -> str:
    """Bring database and models up to date. Returns how to log in to the admin, in words."""
    django.setup()
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except (CommandError, DatabaseError) as error:
        raise StackError(str(error).strip()) from error
    _prepare_space()
    from config.embedded import servers  # Who imports it reads the settings at its end at the latest.

    try:
        for server in servers.in_use():
            server.ensure_running()
    except EmbeddedServerError as error:
        raise StackError(str(error)) from error
    return way_in()


def way_in() -> str:
    """The administrator's name and password. It is told once, when it is made; afterwards it is told where it lies."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    kept = settings.VAR / "admin-password"
    administrator = users.filter(username=ADMIN).first()
    if administrator is None:
        password = kept_secret(kept, 16)
        users.create_superuser(ADMIN, password=password)
        # At a terminal it is read once. Whatever else takes what is said keeps it.
        told = password if settings.LOG_FORMAT == "text" and sys.stdout.isatty() else f"in {kept}"
        return f"user {ADMIN}, password {told}"
    if kept.exists() and administrator.check_password(kept.read_text().strip()):
        return f"user {ADMIN}, password in {kept}"
    return f"user {ADMIN}, password changed since (manage.py changepassword {ADMIN} sets another)"


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
                    relay(line)
        except BaseException:
            process.kill()  # Leaving the block would wait for its end.
            raise
    if process.returncode:
        raise StackError(refusal or f"the space was not prepared: {line.strip()}")
