import json
import time

import pytest
from prometheus_client import REGISTRY

from tests.installation import wait_for


@pytest.fixture
def crowded(site):
    """A site where every search that may wait does."""
    for _ in range(4):
        site.hold("/api/v1/search/")
    for client in site.clients_at_once(4):
        client.get("/api/v1/search/?held")
    time.sleep(0.2)  # What was sent has to be read.
    return site


@pytest.mark.parametrize(
    "path", ["/api/v1/search/", "//api/v1/search/", "/api/v1/search/text/", "/api/v1/products/CH-1/similar/"]
)
def test_a_search_too_many_is_refused_at_once(crowded, path):
    begun = time.monotonic()
    answer = crowded.client().get(path).answer()
    assert time.monotonic() - begun < 0.5
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "busy", "5")
    assert json.loads(answer.body)["type"] == "server_error"


def test_the_log_says_how_many_were_turned_away(crowded, caplog):
    for client in crowded.clients_at_once(3):
        assert client.get("/api/v1/search/").answer().status == 503
    wait_for(lambda: "turned away" in caplog.text, "the log", 10)
    assert "3 requests were turned away" in caplog.text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/", "/admin/", "/api/v1/products/"])
def test_nothing_else_waits_for_searches(crowded, path):
    assert crowded.client().get(path).answer().status == 200


def test_searches_that_wait_are_answered_when_others_are(crowded):
    crowded.application.release.set()
    assert [client.answer().status for client in crowded.clients] == [200] * 8
    assert crowded.client().get("/api/v1/search/").answer().status == 200


def test_how_full_the_lanes_are_is_counted(crowded):
    read = REGISTRY.get_sample_value
    search, name = {"lane": "search"}, "lamplight_web_lane"
    refused = read(f"{name}_refused_total", search) or 0
    busy = read("lamplight_refusals_total", {"reason": "busy"}) or 0
    assert read(f"{name}_requests", {**search, "state": "served"}) == read(f"{name}_threads", search) == 4
    assert read(f"{name}_requests", {**search, "state": "waiting"}) == read(f"{name}_places", search) == 4
    assert crowded.client().get("/api/v1/search/").answer().status == 503
    assert read(f"{name}_refused_total", search) == refused + 1
    wait_for(lambda: read("lamplight_refusals_total", {"reason": "busy"}) == busy + 1, "the count", 10)
    assert read(f"{name}_places", {"lane": "refuse"}) is None


def test_a_probe_of_life_does_not_wait_for_one_of_readiness(site):
    site.hold("/readyz")
    assert site.client().get("/livez").answer().status == 200


def test_a_probe_too_many_is_told_as_json(site):
    for client in [site.hold("/readyz"), *site.clients_at_once(16)][1:]:
        client.get("/readyz?held")
    time.sleep(0.2)  # What was sent has to be read.
    answer = site.client().get("/readyz").answer()
    assert (answer.status, answer.code) == (503, "busy")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_page_too_many_says_so_and_loads_itself_again(site):
    for _ in range(4):
        site.hold("/")
    for client in site.clients_at_once(128):
        client.get("/?held")
    time.sleep(0.5)
    answer = site.client().get("/").answer()
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Retry-After"]) == (503, "text/html", "5")
    assert b'http-equiv="refresh" content="5"' in answer.body
    assert site.client().get("/api/v1/products/").answer().code == "busy"
