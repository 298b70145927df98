"""Answers that leave a row in the query log once they are sent."""

import logging
from collections.abc import Collection
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout
from rest_framework.response import Response
from structlog.contextvars import get_contextvars

from search.category_gate import Choice
from search.log import queries
from search.models import Query, Space

logger = logging.getLogger(__name__)


class LoggedResponse(Response):
    """An answer whose query is logged once it is sent: a server closes a response after its last byte."""

    def __init__(self, data: Any, query: Query) -> None:
        super().__init__(data)
        self.query = query

    def close(self) -> None:
        try:
            queries.log(self.query)
        except (DatabaseError, PoolTimeout) as error:
            logger.warning("A query was not logged: %s", error)
        finally:
            super().close()


def answered(
    kind: Query.Kind,
    answer: dict[str, Any],
    space: Space | None = None,
    searched: Collection[int] = (),
    choice: Choice | None = None,
    vector: np.ndarray | None = None,
) -> Response:
    """The answer as a response that will be logged.

    Args:
        answer: has `query_id`, `results` and `timings_ms`. Without a `query_id` it continues another and is not logged.
        searched: ids of the categories searched, where no gate chose them.
        choice: what the gate chose.
        vector: the query photo's; kept only where the shop learns from its customers (LEARN_FROM_FEEDBACK).
    """
    if not settings.QUERY_LOG_DAYS or answer["query_id"] is None:
        return Response(answer)
    query = Query(
        id=UUID(answer["query_id"]),
        kind=kind,
        space=space,
        mode=choice.mode if choice else "",
        searched=sorted(choice.searched if choice else searched),
        category_id=_first(choice) if choice else _only(searched),
        ms=answer["timings_ms"]["total"],
        results=len(answer["results"]),
        request_id=get_contextvars().get("request_id"),
        vector=vector if settings.LEARN_FROM_FEEDBACK else None,
    )
    return LoggedResponse(answer, query)


def _first(choice: Choice) -> int | None:
    """The likeliest of the categories searched; None for an unknown photo, or for several without probabilities."""
    if choice.mode == "unknown":
        return None
    likely = {category: p for category, p in choice.probabilities.items() if category in choice.searched}
    return max(likely, key=likely.__getitem__) if likely else _only(choice.searched)


def _only(searched: Collection[int]) -> int | None:
    return next(iter(searched)) if len(searched) == 1 else None
