"""What is counted of requests: labels of few values, whatever strangers send."""

import pytest
from django.urls import URLPattern, get_resolver
from prometheus_client import REGISTRY
from prometheus_client.mmap_dict import mmap_key

from metrics import refusals, requests
from metrics.shared_values import MARGIN, SIZES

STATUSES = 30  # The shop answers with some twenty.


def counted(**labels: str) -> float:
    return REGISTRY.get_sample_value("lamplight_http_requests_total", labels) or 0


def refused(reason: str) -> float:
    return REGISTRY.get_sample_value("lamplight_refusals_total", {"reason": reason}) or 0


def views() -> set[str]:
    """All that labels may say: the addresses outside the admin, the admin, and none."""

    def names(patterns, namespace=""):
        for one in patterns:
            if isinstance(one, URLPattern):
                yield namespace + (one.name or one.lookup_str)
            else:
                yield from names(one.url_patterns, f"{one.namespace}:" if one.namespace else namespace)

    return {name for name in names(get_resolver().url_patterns) if not name.startswith("admin:")} | {"admin", "none"}


def size(name: str, *labels: str) -> int:
    """Bytes of a number in its file."""
    [told] = [family.documentation for family in REGISTRY.collect() if family.name == name]
    return len(mmap_key(name, f"{name}_bucket", ["view", "method", "status"], list(labels), told)) + 32


def test_all_that_strangers_may_have_counted_leaves_room_in_the_files():
    longest = max(views(), key=len)
    series = len(views()) * 2
    counters = series * STATUSES * size("lamplight_http_requests", longest, "write", "200")
    durations = series * 12 * size("lamplight_http_request_duration_seconds", longest, "write", "+Inf")
    assert counters + MARGIN < SIZES["counter"] * 0.6
    assert durations + MARGIN < SIZES["histogram"] * 0.6


def test_the_admin_is_one_view_and_a_made_up_method_a_write():
    before = counted(view="admin", method="write", status="405")
    requests.count("MADE-UP", "admin:catalog_product_changelist", 405, 0.1, None)
    assert counted(view="admin", method="write", status="405") == before + 1


@pytest.mark.parametrize(
    ("status", "noted", "reason"),
    [
        (429, None, "throttled"),
        (403, None, "forbidden"),
        (431, None, "headers_too_large"),
        (503, "decoders_busy", "decoders_busy"),
        (200, refusals.TOO_MANY_LOGINS, refusals.TOO_MANY_LOGINS),
    ],
)
def test_a_refusal_is_counted_with_its_reason(status, noted, reason):
    before = refused(reason)
    requests.count("GET", "home", status, 0.1, noted)
    assert refused(reason) == before + 1


@pytest.mark.parametrize(("status", "noted"), [(405, "method_not_allowed"), (400, "required"), (404, "not_found")])
def test_what_is_wrong_in_itself_is_no_refusal(status, noted):
    requests.count("POST", "search", status, 0.1, noted)
    assert refused(noted) == 0
