"""Which addresses are to be asked now, and who is asking them.

Pending is a query: addresses that wait, and whose time has come. One is leased while it is asked, not locked: a server
may take half a minute. A killed worker's leases end by themselves.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import PhotoAddress
from catalog.photo_addresses.settling import Lease

# A worker leases some ahead. If one is not settled by then, its worker is dead.
LEASE = timedelta(minutes=3)
# A server takes 30 s at most, and a decoder may have to be waited for as long as a minute.
ASKING = timedelta(seconds=100)


def hosts() -> list[str]:
    """The hosts at which addresses are pending."""
    pending = PhotoAddress.objects.pending()
    return list(pending.order_by("host").values_list("host", flat=True).distinct())


def take(host: str, size: int) -> list[Lease]:
    """Lease up to `size` pending addresses of a host, those first that have waited longest."""
    with transaction.atomic():
        pending = PhotoAddress.objects.pending().filter(host=host).order_by("due_at", "pk")
        rows = list(pending.select_for_update(skip_locked=True, no_key=True)[:size])
        until = timezone.now() + LEASE
        PhotoAddress.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=until)
    return [Lease(row, until) for row in rows]


def is_fresh(lease: Lease) -> bool:
    """Whether there is time left to ask: otherwise somebody else may be about to."""
    return lease.until > timezone.now() + ASKING


def give_back(leases: Iterable[Lease]) -> None:
    """Have addresses that were not asked asked again at once."""
    for lease in leases:
        mine = PhotoAddress.objects.filter(pk=lease.address.pk, due_at=lease.until)
        mine.filter(state=PhotoAddress.State.WAITING).update(due_at=timezone.now())
