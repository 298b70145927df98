"""Searches: what was asked, what became of it, how long each stage took, and what the category gate did."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Histogram

from metrics import buckets

SEARCHES = Counter(
    "lamplight_searches",
    "Searches, by kind, and by outcome: answered, empty (nothing found), refused (the request was wrong), throttled, "
    "unavailable (something was busy or away), failed.",
    ["kind", "outcome"],
)
DURATION = Histogram(
    "lamplight_search_duration_seconds", "Time that an answered search took.", ["kind"], buckets=buckets.SEARCH
)
STAGE_DURATION = Histogram(
    "lamplight_search_stage_duration_seconds",
    "Time that each stage of an answered search took, as the answer's timings_ms tell it.",
    ["kind", "stage"],
    buckets=buckets.SEARCH,
)
GATE = Counter(
    "lamplight_gate_decisions",
    "How the category gate opened: classifier, override, open (all categories: there is no head yet), or unknown (the "
    "photo is like nothing the shop sells).",
    ["mode"],
)
UNSURE = Counter("lamplight_gate_low_confidence", "Photos of which the gate was not sure.")


def observe(kind: str, status: int, answer: Mapping[str, Any], has_results: bool) -> None:
    """Count a search. `answer` is what was sent; one that was refused has no timings."""
    SEARCHES.labels(kind, _outcome(status, has_results)).inc()
    timings = answer.get("timings_ms", {})
    for stage, milliseconds in timings.items():
        if stage == "total":
            DURATION.labels(kind).observe(milliseconds / 1000)
        else:
            STAGE_DURATION.labels(kind, stage).observe(milliseconds / 1000)
    if gate := answer.get("gate"):
        GATE.labels(gate["mode"]).inc()
        UNSURE.inc(gate["low_confidence"])


def _outcome(status: int, has_results: bool) -> str:
    if status < 400:
        return "answered" if has_results else "empty"
    if status < 500:
        return "throttled" if status == 429 else "refused"
    return "unavailable" if status in (503, 507) else "failed"
