"""Misconfiguration fails at start, with its cure."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from rest_framework.throttling import SimpleRateThrottle

from ml.encoder import choose_runtime
from ml.recipes import WeightsError, make_recipe
from search import text_encoders

MOST_DAYS = 3_650  # The longest that the query log may be kept.


@register()
def weights_exist(**kwargs: Any) -> list[CheckMessage]:
    try:
        make_recipe(settings.LAMPLIGHT_WEIGHTS, settings.LAMPLIGHT_BACKBONE)
    except WeightsError as error:
        return [Error(str(error), hint="Set LAMPLIGHT_WEIGHTS accordingly.", id="search.E001")]
    except ValueError as error:
        return [Error(str(error), hint="Set LAMPLIGHT_BACKBONE accordingly.", id="search.E005")]
    return []


@register()
def runtime_is_there(**kwargs: Any) -> list[CheckMessage]:
    device = settings.LAMPLIGHT_DEVICE
    try:
        # "auto" is checked as a CPU: only the process that would use a GPU finds out whether there is one.
        choose_runtime(settings.LAMPLIGHT_RUNTIME, "cpu" if device == "auto" else device)
    except WeightsError as error:
        return [Error(str(error), hint="Set LAMPLIGHT_RUNTIME and LAMPLIGHT_DEVICE accordingly.", id="search.E006")]
    return []


@register()
def text_encoder_is_there(**kwargs: Any) -> list[CheckMessage]:
    try:
        text_encoders.text_encoder()
    except WeightsError as error:
        return [Error(str(error), hint="Set TEXT_ENCODER accordingly, or to none.", id="search.E009")]
    return []


@register()
def throttles_are_rates(**kwargs: Any) -> list[CheckMessage]:
    return [_bad_rate(name, rate) for name, rate in throttles().items() if rate != "off" and not _is_rate(rate)]


def throttles() -> dict[str, str]:
    """The settings that limit how often an address may ask, by name."""
    names = ("SEARCH_THROTTLE", "PAGE_THROTTLE", "PHOTO_THROTTLE")
    return {name: getattr(settings, name) for name in names}


def _is_rate(rate: str) -> bool:
    try:
        count, _ = SimpleRateThrottle.parse_rate(None, rate)  # type: ignore[arg-type]  # It uses no self.
    except (ValueError, KeyError, IndexError):
        return False
    return bool(count)


@register()
def build_share_is_a_share(**kwargs: Any) -> list[CheckMessage]:
    # With less, a worker would rest for a minute after a batch, and photos for the live space would wait as long.
    if 0.1 <= settings.BUILD_SHARE <= 1:
        return []
    hint = "Set it to a share of a worker's time between 0.1 and 1, such as 0.5."
    return [Error(f"BUILD_SHARE is no share: {settings.BUILD_SHARE}", hint=hint, id="search.E004")]


@register()
def query_log_is_a_number_of_days(**kwargs: Any) -> list[CheckMessage]:
    days = settings.QUERY_LOG_DAYS
    if not 0 <= days <= MOST_DAYS:
        hint = f"Set it to a number of days from 0 (keep none) to {MOST_DAYS}, such as 30."
        return [Error(f"QUERY_LOG_DAYS is no number of days: {days}", hint=hint, id="search.E007")]
    if settings.LEARN_FROM_FEEDBACK and not days:
        hint = "Set QUERY_LOG_DAYS to 1 or more, or LEARN_FROM_FEEDBACK to 0."
        return [Error("LEARN_FROM_FEEDBACK is on, but no query is kept to learn from.", hint=hint, id="search.E008")]
    return []


@register(deploy=True)
def proxies_are_counted(**kwargs: Any) -> list[CheckMessage]:
    if settings.BEHIND_TLS and not settings.REST_FRAMEWORK["NUM_PROXIES"]:
        hint = "Set NUM_PROXIES to the number of reverse proxies in front, usually 1."
        return [
            Error(
                "BEHIND_TLS is on and NUM_PROXIES is 0: all customers share one throttle.", hint=hint, id="search.E003"
            )
        ]
    return []


def _bad_rate(name: str, rate: str) -> Error:
    return Error(
        f"{name} is no rate: {rate!r}",
        hint="Set it to a number per second, minute, hour or day, such as 120/min, or to off.",
        id="search.E002",
    )
