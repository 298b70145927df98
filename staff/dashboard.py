"""The front of the staff's admin: how the shop and its search are doing.

Everyone sees what they may look into. Every number is a count over an index, of a few rows or kept for a while.
"""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from cachetools import TTLCache, cached
from django.db.models import Min
from django.http import HttpRequest

from catalog.models import Category, Import, Product
from search import states
from search.log import queries
from search.models import Head, Space
from search.states import Counts
from staff import confusion
from staff.confusion import Confusion

IMPORTS = 5  # the last ones
KEPT = 30  # Seconds that a process goes on with the oldest pending photo: among a million, it is found in a second.


@dataclass(frozen=True)
class Index:
    """How far the live space is."""

    counts: Counts
    oldest: datetime | None
    """When the oldest pending photo came."""


@dataclass(frozen=True)
class Judge:
    """The head of the live space."""

    head: Head
    confusion: Confusion | None

    @property
    def accuracy(self) -> str:
        """Of held-out photos."""
        return f"{self.head.metrics['top1']:.1%}"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What unfold's index page is rendered with (settings.UNFOLD)."""
    may = request.user.has_perm
    space = Space.objects.live()
    if may("catalog.view_product"):
        context |= {"products": Product.objects.count(), "index": space and index(space)}
    if may("catalog.add_import") or may("catalog.view_import"):
        context["imports"] = Import.objects.select_related("created_by")[:IMPORTS]
    if may("search.view_space"):
        context |= {"space": space, "judge": space and judge(space), "today": queries.today()}
    return context


def index(space: Space) -> Index:
    counts = states.counts(space)
    oldest = None
    if counts.pending:
        oldest = _oldest(space.pk)
    return Index(counts, oldest)


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def _oldest(space_id: int) -> datetime | None:
    pending = states.pending(Space.objects.get(pk=space_id))
    oldest: datetime | None = pending.aggregate(oldest=Min("created_at"))["oldest"]
    return oldest


def judge(space: Space) -> Judge | None:
    head = space.heads.defer("weights").newest()
    if head is None:
        return None
    names = dict(Category.objects.values_list("pk", "name"))
    return Judge(head, confusion.of(head.metrics, names))
