import socket
import time

import pytest

from config.web import server
from tests.installation import wait_for


def taken(site) -> float:
    """Seconds that an ordinary request takes."""
    begun = time.monotonic()
    assert site.client().get("/").answer().status == 200
    return time.monotonic() - begun


def test_clients_that_send_their_bodies_slowly_hold_up_nobody(site):
    slow = [client.post("/api/v1/search/", 1000, b"x") for client in site.clients_at_once(32)]
    assert taken(site) < 1
    for client in slow:
        client.send(b"x")
    assert taken(site) < 1


def test_clients_that_send_half_a_request_line_hold_up_nobody(site):
    for client in site.clients_at_once(32):
        client.send(b"GET /some")
    assert taken(site) < 1


def test_silent_connections_hold_up_nobody(site):
    site.clients_at_once(200)
    assert taken(site) < 1


def test_of_too_many_connections_the_one_that_waits_longest_is_dropped(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    monkeypatch.setattr(server, "SPARED_SECONDS", 0)
    served = site.hold("/")
    first, second = site.clients_at_once(2)
    third = site.client()
    assert third.get("/").answer().status == 200
    assert first.is_closed()
    site.application.release.set()
    assert [client.get("/").answer().status for client in (second, third)] == [200, 200]
    assert served.answer().status == 200


def test_a_flood_of_connections_beyond_the_limit_keeps_nobody_out(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 100)
    site.clients_at_once(500)
    assert taken(site) < 1
    assert len(site.server.active_channels) <= 201


def test_a_client_whose_request_lies_unread_is_not_dropped_for_the_next(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 10)
    clients = [client.get("/") for client in site.clients_at_once(18)]
    assert {client.answer().status for client in clients} == {200}


def test_of_too_many_bytes_of_bodies_the_body_that_comes_longest_is_given_up(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_BODY_BYTES", 5_500_000)
    oldest, other = (client.post("/", 2_400_000, b"x" * 2_000_000) for client in site.clients_at_once(2))
    newest = site.client().post("/", 3_000_000, b"x" * 3_000_000)
    assert newest.answer().status == 200
    answer = oldest.answer()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert other.send(b"x" * 400_000).answer().status == 200


def test_what_is_under_way_is_finished_and_nothing_new_is_accepted(site):
    idle = site.client()
    served = site.hold("/")
    sending = site.client().post("/", 4, b"12")
    time.sleep(0.1)  # What was sent has to be read.
    site.server.stop()
    assert idle.is_closed()
    with pytest.raises(ConnectionError):
        site.client()
    assert sending.send(b"34").answer().status == 200
    site.application.release.set()
    assert served.answer().status == 200
    site.thread.join(5)
    assert not site.thread.is_alive()


def test_a_header_cannot_say_where_the_site_lies(site):
    """gunicorn believed SCRIPT_NAME from 127.0.0.1, which is where a reverse proxy is."""
    answer = site.client().get("/shop/livez", "SCRIPT_NAME: /shop", "Script-Name: /shop").answer()
    assert answer.body.startswith(b'{"path": "/shop/livez", "script": ""')


def test_an_answer_names_no_server(site):
    assert {"Server", "Via"} & site.client().get("/").answer().headers.keys() == set()


def test_a_client_that_does_not_take_its_answer_holds_up_nobody(site):
    for client in site.clients_at_once(32):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.get("/")
    assert taken(site) < 1


def test_a_client_that_does_not_take_its_answer_counts_among_those_that_wait(site, monkeypatch):
    unread = site.client().get("/?megabytes=15")
    time.sleep(0.3)  # It has to be answered.
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(server, "SPARED_SECONDS", 0)
    others = site.clients_at_once(2)
    assert [client.get("/").answer().status for client in others] == [200, 200]
    wait_for(lambda: len(site.server.active_channels) == 2, "the end of the first", 5)
    assert len(unread.file.read()) < 15_000_000
