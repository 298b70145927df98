"""Secrets that a single machine makes for itself."""

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, length: int = 50) -> str:
    """The secret stored in `path`, made there (mode 0600) on first use; safe when two processes start together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(length)[:length])
        try:
            os.link(made, path)  # Fails when another process was first, and then its secret holds.
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text().strip()
