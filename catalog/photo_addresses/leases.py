"""Which addresses are to be asked now, and who is asking them.

Pending is a query: addresses that wait, and whose time has come. One is leased while it is asked, not locked: a server
may take half a minute. A killed worker's leases end by themselves, and count: what kills its workers must not do so for
ever.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from catalog.models import PhotoAddress
from catalog.photo_addresses.settling import Lease

# A worker leases some ahead. If one is not settled by then, its worker is dead.
LEASE = timedelta(minutes=3)
# A server takes 30 s at most, and a decoder may have to be waited for as long as a minute.
ASKING = timedelta(seconds=100)
# Killed workers after which one of their addresses may be the cause. It is then asked beside no other such one, so that
# those do not suffer that were merely near; what settles is under no suspicion.
SUSPECT = 2
# After so many more it is asked no more. Workers are killed for other reasons as well.
MOST_KILLED = 5
ONE_LESS = Greatest(F("leases") - 1, 0)


def hosts() -> list[str]:
    """The hosts at which addresses are pending."""
    pending = PhotoAddress.objects.pending()
    return list(pending.order_by("host").values_list("host", flat=True).distinct())


def take(host: str, size: int) -> list[Lease]:
    """Lease up to `size` pending addresses of a host, those first that have waited longest, and suspects last."""
    with transaction.atomic():
        pending = PhotoAddress.objects.pending().filter(host=host).order_by("due_at", "pk")
        free = pending.select_for_update(skip_locked=True, no_key=True)
        rows = list(free.filter(leases__lt=SUSPECT)[:size]) or _one_suspect(free)
        until = timezone.now() + LEASE
        PhotoAddress.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=until, leases=F("leases") + 1)
    for row in rows:
        row.leases += 1
    return [Lease(row, until) for row in rows]


def _one_suspect(free: QuerySet[PhotoAddress]) -> list[PhotoAddress]:
    """An address that was leased to killed workers only, if none of its kind is being asked anywhere."""
    rows = list(free.filter(leases__gte=SUSPECT)[:1])
    waiting = PhotoAddress.objects.filter(state=PhotoAddress.State.WAITING)
    return [] if rows and waiting.filter(leases__gt=SUSPECT, due_at__gt=timezone.now()).exists() else rows


def is_deadly(lease: Lease) -> bool:
    """Whether so many workers were killed that it is not to be asked again."""
    return lease.address.leases > MOST_KILLED


def is_fresh(lease: Lease) -> bool:
    """Whether there is time left to ask: otherwise somebody else may be about to."""
    return lease.until > timezone.now() + ASKING


def give_back(leases: Iterable[Lease]) -> None:
    """Have addresses that were not asked asked again at once."""
    for lease in leases:
        _row(lease).update(due_at=timezone.now(), leases=ONE_LESS)


def forgive(leases: Iterable[Lease]) -> None:
    """Have leases not count that end by themselves, and not since their worker was killed."""
    for lease in leases:
        _row(lease).update(leases=ONE_LESS)


def _row(lease: Lease) -> QuerySet[PhotoAddress]:
    """The lease's row, as long as the lease is in force."""
    waiting = PhotoAddress.objects.filter(state=PhotoAddress.State.WAITING)
    return waiting.filter(pk=lease.address.pk, due_at=lease.until)
