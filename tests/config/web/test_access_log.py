"""The line of each request, and the id that the server answers with, whoever answers."""

import logging

import pytest
from prometheus_client import REGISTRY

from config.web import access_log
from tests.installation import wait_for


def lines(caplog) -> list[dict[str, object]]:
    return [vars(record)["fields"] for record in caplog.records if record.name == access_log.__name__]


def counted(status: int) -> float:
    families = [family for family in REGISTRY.collect() if family.name == "lamplight_http_requests"]
    samples = [sample for family in families for sample in family.samples if sample.labels["status"] == str(status)]
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))


def told(caplog) -> dict[str, object]:
    """The only line, once it is there: it is written when the answer is out."""
    wait_for(lambda: lines(caplog) != [], "the line", 10)
    [fields] = lines(caplog)
    return fields


def test_a_request_has_a_line_without_its_query_string(site, caplog):
    with caplog.at_level(logging.INFO):
        answer = site.client().get("/caf%C3%A9?q=velvet", "X-Request-ID: abc-1").answer()
        fields = told(caplog)
    assert answer.headers["X-Request-Id"] == "abc-1"
    assert isinstance(ms := fields.pop("ms"), float)
    assert 0 < ms < 10_000
    assert fields == {"method": "GET", "path": "/café", "view": None, "key": None, "status": 200}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: shop\r\nX-Request-ID: abc-1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: shop\r\nX-Request-ID: abc-1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX-Request-ID: abc-1\r\nCookie: " + b"c" * 9_000 + b"\r\n\r\n", 431),
        (b"GET /?megabytes=x HTTP/1.1\r\nHost: shop\r\nX-Request-ID: abc-1\r\n\r\n", 500),
    ],
)
def test_what_the_server_answers_itself_has_an_id_a_line_and_a_count(sent, status, site, caplog):
    before = counted(status)
    answer = site.client().send(sent).answer()
    assert (answer.status, answer.headers["X-Request-Id"]) == (status, "abc-1")
    assert told(caplog)["status"] == status
    assert counted(status) == before + 1


def test_a_request_that_finds_its_lane_full_has_an_id_and_a_line(site, caplog):
    held = [site.hold("/") for _ in range(4)]
    waiting = [site.client().get("/?held") for _ in range(128)]
    wait_for(lambda: site.server.lanes.present == 132, "the queue", 10)
    answer = site.client().get("/", "X-Request-ID: abc-1").answer()
    assert (answer.status, answer.headers["X-Request-Id"]) == (503, "abc-1")
    assert told(caplog)["status"] == 503
    assert len(held + waiting) == 132


def test_a_request_that_comes_too_slowly_has_an_id(site, monkeypatch):
    monkeypatch.setattr("config.web.request.HEADER_SECONDS", 0)
    answer = site.client().send(b"GET / HT").answer()
    assert (answer.status, len(answer.headers["X-Request-Id"])) == (408, 16)


def test_a_probe_that_is_well_has_no_line(site, caplog):
    assert site.client().get("/livez").answer().status == 200
    assert site.client().get("/other").answer().status == 200
    assert told(caplog)["path"] == "/other"
