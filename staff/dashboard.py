"""The front of the staff's admin: how the shop and its search are doing.

Staff see what they may open. Every number is a count over an index, a count of few rows, or kept for some seconds.
"""

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from threading import Lock
from typing import Any

from cachetools import TTLCache, cached
from django.db.models import Min
from django.http import HttpRequest

from access import usage
from access.models import Key
from access.usage import Usage
from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, Standing, standings
from catalog.models import Category, Import, Product
from descriptions import caption_progress
from descriptions.captioning import shops_model
from search import photo_states, spaces, text_indexing
from search.log import queries
from search.models import Head, Space
from search.spaces import Overview
from search.text_indexing import Progress
from staff import confusion
from staff.confusion import Confusion

IMPORTS = 5  # the last ones
FEEDS = 8
KEYS = 8  # Those most used. A shop has a few, and the list of keys has all.
KEPT = 10  # Seconds that a process keeps the state of the index. Counting a million photos takes one.


@dataclass(frozen=True)
class Index:
    """How much of a space is indexed."""

    seen: Overview
    oldest: datetime | None
    """When the oldest pending photo came."""
    texts: Progress | None


@dataclass(frozen=True)
class Judge:
    """The head of the live space."""

    head: Head
    confusion: Confusion | None

    @property
    def accuracy(self) -> str:
        """Share of held-out photos that are put in the right category, in percent."""
        return f"{self.head.metrics['top1']:.1%}"


@dataclass(frozen=True)
class KeyUse:
    """A live key, and how often it is used."""

    key: Key
    use: Usage

    @property
    def quota(self) -> str:
        """The share of this month's requests that are used up, in percent."""
        return f"{self.use.month / self.key.per_month:.0%}"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of unfold's index page (settings.UNFOLD)."""
    may = request.user.has_perm
    space = Space.objects.live()
    if may("catalog.view_product"):
        context |= {"products": Product.objects.count(), "index": space and index(space), "captions": captions()}
    if may("catalog.add_import") or may("catalog.view_import"):
        context["imports"] = Import.objects.select_related("created_by")[:IMPORTS]
    if may("catalog.view_feed"):
        context["feeds"] = feeds()
    if may("search.view_space"):
        context |= {"space": space, "judge": space and judge(space), "today": queries.today()}
    if may("access.view_key"):
        context["keys"] = keys()
    return context


@cached(TTLCache(maxsize=1, ttl=KEPT), key=attrgetter("pk"), lock=Lock())
def index(space: Space) -> Index:
    seen, oldest = spaces.overview(space), None
    if seen.counts.pending:
        oldest = photo_states.pending(space).aggregate(oldest=Min("created_at"))["oldest"]
    return Index(seen, oldest, text_indexing.progress())


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def captions() -> caption_progress.Progress | None:
    """How far the captions are; None where the shop has no model to make them."""
    model = shops_model()
    return caption_progress.progress(model) if model else None


def judge(space: Space) -> Judge | None:
    head = space.heads.defer("weights").newest()
    if head is None:
        return None
    names = dict(Category.objects.values_list("pk", "name"))
    return Judge(head, confusion.of(head.metrics, names))


def feeds() -> list[Standing]:
    """The first feeds, those that somebody has to look at before all others."""
    found = standings(Feed.objects.all())
    return sorted(found, key=lambda one: (one.stand not in (Stand.FAILED, Stand.WAITS), one.feed.name))[:FEEDS]


def keys() -> list[KeyUse]:
    """The live keys that were used most this month."""
    live = list(Key.objects.live())
    uses = usage.of(live)
    most_used = sorted(live, key=lambda key: (-uses[key.pk].month, key.name))
    return [KeyUse(key, uses[key.pk]) for key in most_used[:KEYS]]
