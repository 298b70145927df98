import pytest

from config.web import channel, request


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(request, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(request, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(channel, "IDLE_SECONDS", 0.2)


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
