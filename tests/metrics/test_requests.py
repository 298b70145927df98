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
    """All that a count may be told: names of URLs outside the admin, and three."""

    def names(patterns, namespace=""):
        for one in patterns:
            if isinstance(one, URLPattern):
                yield namespace + (one.name or "")
            else:
                yield from names(one.url_patterns, f"{one.namespace}:" if one.namespace else namespace)

    return {(name or "none").partition(":")[0] for name in names(get_resolver().url_patterns)}


def size(name: str, *labels: str) -> int:
    return len(mmap_key(name, f"{name}_bucket", ["view", "method", "status"], labels, "x" * 200)) + 32


def test_all_that_strangers_may_have_counted_fits_into_half_of_the_files():
    longest = max(views(), key=len)
    series = len(views()) * 2
    assert "admin" in views()
    counters = series * STATUSES * size("lamplight_http_requests", longest, "write", "200")
    durations = series * 12 * size("lamplight_http_request_duration_seconds", longest, "write", "+Inf")
    assert counters + MARGIN < SIZES["counter"]
    assert durations + MARGIN < SIZES["histogram"] / 2


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
