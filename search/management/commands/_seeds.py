"""What the commands that draw at random share."""

from django.core.management.base import CommandError

MAX_SEED = 2**32 - 1  # scikit-learn takes no more.


def check_seed(seed: int) -> None:
    """Raises CommandError, exit code 2, where the libraries take no such seed."""
    if not 0 <= seed <= MAX_SEED:
        raise CommandError(f"--seed: give a whole number from 0 to {MAX_SEED}.", returncode=2)
