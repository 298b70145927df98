import time

import pytest

from config.web import channel, request
from tests.installation import wait_for


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(request, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(request, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(channel, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(channel, "TAKE_SECONDS", 0.2)


def test_a_connection_that_says_nothing_is_closed(site, hurried):
    assert site.client().is_closed()


def test_a_connection_that_has_said_all_is_closed(site, hurried):
    client = site.client().get("/")
    assert client.answer().status == 200
    assert client.is_closed()


@pytest.mark.parametrize("half", [b"GET /so", b"GET / HTTP/1.1\r\nHost: shop\r\n", b"POST / HTTP/1.1\r\nContent-Le"])
def test_half_a_header_is_given_up(site, hurried, half):
    client = site.client().send(half)
    answer = client.answer()
    assert (answer.status, answer.code, answer.headers["Connection"]) == (408, "request_timeout", "close")
    assert client.is_closed()


def test_a_body_that_trickles_is_given_up(site, hurried):
    client = site.client().post("/api/v1/search/", 1000, b"x" * 999)
    assert (client.answer().status, client.is_closed()) == (408, True)


def test_a_body_that_comes_fast_enough_has_time(site, hurried, monkeypatch):
    monkeypatch.setattr(request, "LEAST_RATE", 10)
    client = site.client().post("/", 1000, b"x" * 999)
    other = site.client().post("/", 1000, b"x")
    assert other.answer().status == 408
    assert client.send(b"x").answer().status == 200


def test_a_request_that_is_served_may_take_longer(site, hurried):
    client = site.hold("/")
    assert site.client().is_closed()
    site.application.release.set()
    assert client.answer().status == 200


def test_a_client_that_is_refused_while_it_sends_sees_why(site):
    client = site.client().post("/", 30_000_000)
    for _ in range(100):
        client.send(b"x" * 10_000)
    assert client.answer().status == 413
    client.send(b"x" * 10_000)
    assert client.is_closed()


def test_a_client_that_is_refused_and_sends_on_is_closed_at_last(site, monkeypatch):
    monkeypatch.setattr(channel, "LINGER_SECONDS", 0.2)
    client = site.client().post("/", 30_000_000)
    assert client.answer().status == 413

    def send_on() -> None:
        while True:
            client.send(b"x" * 10_000)

    with pytest.raises(ConnectionError):
        send_on()


def test_an_answer_to_head_has_no_body(site):
    client = site.client().send(b"HEAD / HTTP/1.1\r\nHost: shop\r\n\r\n").get("/")
    head = client.answer(has_body=False)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(client.answer().body)))


def test_requests_of_one_connection_are_answered_in_their_order(site):
    client = site.client().get("/one").get("/livez").get("/three")
    assert [client.answer().body[:13] for _ in range(3)] == [b'{"path": "/on', b'{"path": "/li', b'{"path": "/th']


def test_requests_that_are_pipelined_and_whose_answers_are_not_taken_hold_no_thread(site):
    for client in site.clients_at_once(4):
        client.send(b"GET /?megabytes=2 HTTP/1.1\r\nHost: shop\r\n\r\n" * 40)
    time.sleep(0.5)  # What was sent has to be read.
    assert site.server.lanes.present == 0
    assert site.client().get("/").answer().status == 200


def test_a_request_that_came_in_the_same_packet_is_kept_until_the_answer_before_it_is_taken(site):
    client = site.client().get("/").get("/second")
    held = site.client().send(b"GET /?held HTTP/1.1\r\nHost: shop\r\n\r\nPOST /third HTTP/1.1\r\nContent-Len")
    assert [client.answer().status, b"second" in client.answer().body] == [200, True]
    assert site.application.held.acquire(timeout=10)
    site.application.release.set()
    held.send(b"gth: 3\r\n\r\nabc")
    assert [b'"read": 0' in held.answer().body, b'"read": 3' in held.answer().body] == [True, True]


def test_blank_lines_between_requests_mean_nothing(site):
    client = site.client().send(b"\r\n\r\n" * 10_000).get("/one").send(b"\r\n").get("/two")
    assert [client.answer().body[:13] for _ in range(2)] == [b'{"path": "/on', b'{"path": "/tw']


@pytest.mark.parametrize("megabytes", [15, 64])
def test_a_client_that_does_not_take_its_answer_is_closed(site, hurried, megabytes):
    """64 MB are more than the server keeps: a thread waits for them to be taken."""
    client = site.client().get(f"/?megabytes={megabytes}")
    wait_for(lambda: site.server.active_channels, "the connection", 5)
    wait_for(lambda: not site.server.active_channels and not site.server.lanes.present, "its end", 5)
    assert len(client.file.read()) < megabytes * 1_000_000


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(site, hurried):
    client = site.client().get("/?megabytes=24", "Connection: close")
    taken = 0
    while some := client.socket.recv(2_000_000):
        taken += len(some)
        time.sleep(0.01)
    assert taken > 24_000_000


def test_deadlines_do_not_depend_on_the_clock_of_the_day(site, hurried, monkeypatch):
    half = site.client().send(b"GET /so")
    time.sleep(0.1)  # What was sent has to be read.
    monkeypatch.setattr(time, "time", lambda: 0.0)
    silent = site.client()
    assert half.answer().status == 408
    assert silent.is_closed()


@pytest.mark.parametrize("length", ["", "Content-Length: 0\r\n"])
def test_a_client_that_expects_to_be_asked_for_no_body_is_answered(site, length):
    ask = f"POST /one HTTP/1.1\r\nHost: shop\r\n{length}Expect: 100-continue\r\n\r\n"
    client = site.client().send(ask.encode())
    assert client.answer().body.startswith(b'{"path": "/one"')
    assert client.get("/two").answer().body.startswith(b'{"path": "/two"')


def test_a_client_that_expects_to_be_asked_for_its_body_is_asked(site):
    client = site.client().post("/", 3, b"", "Expect: 100-continue")
    assert client.answer().status == 100
    assert b'"read": 3' in client.send(b"abc").answer().body


def test_a_refusal_of_head_has_no_body(site):
    client = site.client().send(b"HEAD / HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n")
    assert client.answer(has_body=False).status == 413
    assert client.is_closed()


def test_a_client_whose_header_is_refused_while_it_sends_sees_why(site):
    client = site.client().send(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n" + b"x" * 10_000)
    time.sleep(0.2)
    client.send(b"x" * 10_000)
    assert client.answer().status == 400
