"""What customers did with an answer, each told once."""

from typing import Any
from uuid import UUID

from search.log import queries
from search.models import Event, Query


def is_logged(query_id: UUID) -> bool:
    """Whether the log has this query. Its row follows its answer by milliseconds: a faster caller has to try again."""
    return Query.objects.filter(pk=query_id, asked_at__gte=queries.midnight(queries.kept_days()[0])).exists()


def stored(event: dict[str, Any]) -> tuple[Event, bool]:
    """Store the event. Returns it, and whether it is the first of its kind; for a repeat, the one stored before.

    A repeat may only name the right category, or another one: the customer's last word counts.
    """
    once = {name: event[name] for name in ("query_id", "kind", "sku", "position")}
    if event["kind"] == Event.Kind.WRONG_CATEGORY and event["category"]:
        return Event.objects.update_or_create(**once, defaults={"category": event["category"]})
    return Event.objects.get_or_create(**once, defaults={"category": event["category"]})
