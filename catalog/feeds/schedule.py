"""When a feed is read. Times go in and come out; no clock is asked."""

from datetime import datetime, timedelta
from math import ceil

# A feed that fails is tried more and more seldom, but no more seldom than this, or than its schedule.
LONGEST_PAUSE = timedelta(days=1)


def following(first: datetime, every: timedelta, now: datetime) -> datetime:
    """The next of the times `first`, `first + every` ... that is half of `every` away from `now` or more."""
    steps = max(0, ceil((now + every / 2 - first) / every))
    return first + steps * every


def pause(every: timedelta, failures: int, asked_for: timedelta | None = None) -> timedelta:
    """How long a feed rests after it failed so many times in a row.

    Half of `every` at first, so that a feed is never read twice as often as its schedule says, and twice as long each
    time. At least what the server asked for, at most a day or `every`.
    """
    longest = max(every, LONGEST_PAUSE)
    grown = every / 2 * 2 ** min(max(failures - 1, 0), 12)
    return min(longest, max(grown, asked_for or timedelta(0)))
