"""The secrets that keys are known by, such as pk_3f9a01c27b_..., and what is stored of them."""

import re
import secrets
from hashlib import sha256

# Ten hex digits to recognise a key by, and 32 bytes of chance.
SHAPE = re.compile(r"((?:pk|sk)_[0-9a-f]{10})_[A-Za-z0-9_-]{43}")
KINDS = ("pk_", "sk_")


def digits() -> str:
    """Ten hex digits for a prefix."""
    return secrets.token_hex(5)


def make(kind: str, of_prefix: str = "") -> str:
    """A new secret of this kind, pk or sk. `of_prefix`: the digits of its prefix, if they are chosen already."""
    return f"{kind}_{of_prefix or digits()}_{secrets.token_urlsafe(32)}"


def prefix(secret: str) -> str | None:
    """The part that may be shown and logged; None where it is no secret of a key."""
    found = SHAPE.fullmatch(secret)
    return found[1] if found else None


def digest(secret: str) -> str:
    """What is stored. No slow hash: nobody guesses 32 bytes of chance."""
    return sha256(secret.encode()).hexdigest()
