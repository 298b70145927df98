"""Secrets that a single machine makes for itself."""

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, length: int = 50) -> str:
    """The secret of `length` characters that is kept in `path`. The first use makes it, readable by its owner alone.

    Processes that start together get the same secret.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(length)[:length])
        try:
            os.link(made, path)  # It fails if another process was first; then that one's secret holds.
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text().strip()
