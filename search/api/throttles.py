"""How often a stranger may search."""

import logging
from typing import Any

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle

logger = logging.getLogger(__name__)


class AnonymousThrottle(AnonRateThrottle):
    """SEARCH_THROTTLE for each anonymous address, such as 120/min, or off."""

    def get_rate(self) -> str | None:
        rate: str = settings.SEARCH_THROTTLE
        return None if rate == "off" else rate

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether the request may pass. Without Redis nobody counts, and search goes on."""
        try:
            return super().allow_request(request, view)
        except redis.RedisError as error:
            logger.warning("Searches are not throttled: %s", error)
            return True


class SearchThrottle(AnonymousThrottle):
    """Searches by photo, each a pass through the network."""

    scope = "search"


class BrowseThrottle(AnonymousThrottle):
    """Everything else that reads the index, counted apart: a page asks for it beside every search."""

    scope = "browse"


class EventThrottle(AnonymousThrottle):
    """What customers do with answers, counted apart: a page tells it as they leave for the product's page."""

    scope = "events"
