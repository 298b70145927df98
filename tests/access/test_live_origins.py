"""Which pages may read answers of the API."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access import live_origins
from access.models import Key
from tests.access.conftest import SHOP

pytestmark = pytest.mark.django_db
SEARCH = reverse("search")
ALLOWED = "Access-Control-Allow-Origin"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


def preflight(client, origin=SHOP, path=SEARCH):
    return client.options(path, headers={**PREFLIGHT, "origin": origin})


def test_a_preflight_is_answered_for_the_origins_of_live_keys(client, make_key, django_capture_on_commit_callbacks):
    key, _ = make_key()
    answer = preflight(client)
    assert (answer.status_code, answer[ALLOWED], answer["Vary"]) == (200, SHOP, "origin")
    assert answer["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer["Access-Control-Allow-Headers"] == "authorization, content-type, x-request-id"
    assert "Access-Control-Allow-Credentials" not in answer
    assert ALLOWED not in preflight(client, "https://other.example")
    assert ALLOWED not in preflight(client, "null")
    assert ALLOWED not in preflight(client, path="/admin/login/")
    with django_capture_on_commit_callbacks(execute=True):
        key.revoke()
    assert ALLOWED not in preflight(client)


def test_secret_keys_open_no_origin(client, make_key):
    make_key("sk")
    assert ALLOWED not in preflight(client)


def test_a_revocation_by_another_process_is_heard_of_within_seconds(client, make_key, monkeypatch):
    make_key()
    assert ALLOWED in preflight(client)
    Key.objects.update(revoked_at="2026-01-01T00:00Z")  # No signal comes from elsewhere.
    assert ALLOWED in preflight(client)
    now = live_origins.time.monotonic() + live_origins.KEPT
    monkeypatch.setattr(live_origins.time, "monotonic", lambda: now)
    assert ALLOWED not in preflight(client)


def test_a_flood_of_preflights_is_one_query_and_no_search(client, make_key, settings):
    make_key()
    settings.SEARCH_THROTTLE = settings.PAGE_THROTTLE = "1/min"
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert {preflight(client).status_code for _ in range(20)} == {200}
        assert {ALLOWED in preflight(client, f"https://{n}.example") for n in range(20)} == {False}
    assert len([one for one in asked if "access_key" in one["sql"]]) == 1


def test_a_page_of_the_same_host_asks_no_database(client):
    with CaptureQueriesContext(connection) as asked:
        assert ALLOWED not in preflight(client, "http://testserver")
        assert client.post("/api/v1/events/", {}, headers={"origin": "http://testserver"}).status_code == 415
        assert client.get(SEARCH, headers={"origin": SHOP, "host": "other.example"}).status_code == 400
    assert len([one for one in asked if "access_key" in one["sql"]]) == 1  # Of the other host's.


def test_other_statements_have_as_much_time_as_before(client, make_key):
    make_key()
    with connection.cursor() as cursor:
        before = cursor.execute("SHOW statement_timeout").fetchone()
        assert ALLOWED in preflight(client)
        assert cursor.execute("SHOW statement_timeout").fetchone() == before


@pytest.mark.django_db(transaction=True)
def test_a_locked_table_delays_one_request_a_moment_and_the_others_not(make_key, monkeypatch):
    make_key()
    kept = live_origins._Kept()
    assert kept.has(SHOP)
    now = live_origins.time.monotonic() + live_origins.KEPT
    monkeypatch.setattr(live_origins, "time", SimpleNamespace(monotonic=lambda: now))

    def ask(_: int) -> tuple[bool, float]:
        begun = time.monotonic()
        try:
            return kept.has(SHOP), time.monotonic() - begun
        finally:
            connection.close()

    with transaction.atomic(), connection.cursor() as cursor, ThreadPoolExecutor(6) as threads:
        cursor.execute("LOCK TABLE access_key IN ACCESS EXCLUSIVE MODE")
        answers = list(threads.map(ask, range(6)))
        assert [has for has, _ in answers] == [True] * 6
        assert sum(seconds >= live_origins.PATIENCE / 1000 for _, seconds in answers) == 1
        assert kept.has(SHOP)  # It is asked again after KEPT seconds.


def test_a_key_that_is_saved_while_they_are_read_is_read_after_it(make_key, monkeypatch):
    kept = live_origins._Kept()
    read = live_origins._origins_of_keys

    def read_too_early() -> frozenset[str]:
        found = read()
        make_key()
        kept.forget()
        return found

    monkeypatch.setattr(live_origins, "_origins_of_keys", read_too_early)
    assert not kept.has(SHOP)
    monkeypatch.setattr(live_origins, "_origins_of_keys", read)
    assert kept.has(SHOP)


def test_answers_and_refusals_may_be_read_with_their_id(client, make_key, settings):
    settings.SEARCH_THROTTLE = "1/min"
    _, sent = make_key()
    answers = [client.get("/api/v1/products/", headers={**sent, "origin": SHOP}) for _ in range(2)]
    answers.append(client.post(SEARCH, b"x" * 100, "text/plain; charset=latin-1", headers={**sent, "origin": SHOP}))
    assert [answer.status_code for answer in answers] == [200, 429, 400]
    assert {answer[ALLOWED] for answer in answers} == {SHOP}
    assert {answer["Access-Control-Expose-Headers"] for answer in answers} == {"X-Request-ID, Retry-After"}
    assert all("origin" in answer["Vary"].lower() for answer in answers)


def test_photos_may_be_shown_on_any_page(client):
    assert client.get("/media/photos/none.jpg")["Cross-Origin-Resource-Policy"] == "cross-origin"
