"""Settings that cannot be used end the process at its start, whichever it is."""

import sys
from typing import NoReturn


def refuse(name: str, why: str) -> NoReturn:
    """End the process with exit code 2. `why` says what is wrong and the cure, in words that follow the name."""
    print(f"lamplight: {name} {why}", file=sys.stderr)
    raise SystemExit(2)
