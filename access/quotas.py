"""How many requests a key may send, a minute and a month."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from rest_framework.exceptions import Throttled

from access import usage
from access.models import Key
from access.rates import Rate

MINUTE = 60


class QuotaExceeded(Throttled):
    """429 that names the quota."""

    def __init__(self, key: Key, wait: float, quota: str) -> None:
        told = f"The key {key.prefix} has used its quota of {quota}. Staff can raise it in the admin."
        super().__init__(wait, told)


def take(key: Key, cost: int = 1) -> None:
    """Count a request, which weighs `cost` in the minute's quota. Raises QuotaExceeded, and counts a refusal then."""
    if usage.used_this_month(key) >= key.per_month:
        usage.count(key, usage.REFUSALS)
        raise QuotaExceeded(key, _until_next_month(), f"{key.per_month} requests a month")
    if wait := _rate(key).take(_name(key), cost):
        usage.count(key, usage.REFUSALS)
        raise _of_minute(key, wait)
    usage.count(key, usage.REQUESTS)


def raise_to(key: Key, cost: int) -> None:
    """Have a request that was counted once weigh `cost`. Raises QuotaExceeded; it counts as a refusal then."""
    if wait := _rate(key).take(_name(key), min(cost, key.per_minute) - 1):
        refuse(key)
        raise _of_minute(key, wait)


def refuse(key: Key) -> None:
    """Have a request that was counted once count as a refusal."""
    _rate(key).count(_name(key), -1)
    usage.count(key, usage.REQUESTS, -1)
    usage.count(key, usage.REFUSALS)


def settle(key: Key, taken: int, cost: int) -> None:
    """Have a request that weighed `taken` weigh `cost`."""
    _rate(key).settle(_name(key), taken, cost)


def _of_minute(key: Key, wait: float) -> QuotaExceeded:
    return QuotaExceeded(key, wait, f"{key.per_minute} requests a minute")


def _rate(key: Key) -> Rate:
    return Rate(key.per_minute, MINUTE)


def _name(key: Key) -> str:
    return f"key:{key.pk}"


def _until_next_month() -> float:
    now = timezone.now()
    first = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (datetime(first.year, first.month, 1, tzinfo=UTC) - now).total_seconds()
