"""What is fetched from servers that are slow, wrong or hostile, and what is not even asked for."""

import gzip
import io
import os
import ssl
import subprocess
import time
import zlib
from base64 import b64encode
from datetime import timedelta
from ipaddress import ip_network

import pytest

from catalog.fetching import networks
from catalog.fetching.answers import NotFetched
from catalog.fetching.client import Client, Limits, shops_client
from tests.catalog.fetching.conftest import HERE
from tests.catalog.fetching.web_server import Request, WebServer

QUICK = Limits(most_bytes=100_000, connect=0.5, read=0.3, whole=0.8)
HEAD = b"HTTP/1.1 200 OK\r\n"


def refused(client: Client, url: str, limits: Limits = QUICK) -> NotFetched:
    begun = time.monotonic()
    with pytest.raises(NotFetched) as refusal:
        client.fetch(url, limits)
    assert time.monotonic() - begun < limits.whole + 1
    return refusal.value


def test_an_answer_is_told_with_what_tells_it_from_the_next(web, client):
    url = web.says(
        "/a.jpg", b"photo", ETag='"1"', Last_Modified="Tue, 01 Dec 2026 00:00:00 GMT", Content_Type="image/x"
    )
    answer = client.fetch(url)
    assert (answer.body, answer.size, answer.content_type, answer.url) == (b"photo", 5, "image/x", url)
    assert (answer.etag, answer.last_modified) == ('"1"', "Tue, 01 Dec 2026 00:00:00 GMT")
    [asked] = web.asked
    assert asked.headers["user-agent"] == "Lamplight/test"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["host"] == f"127.0.0.1:{web.port}"


def test_what_has_not_changed_is_not_sent(web, client):
    web.does("/a", lambda request: request.answer(304 if request.headers.get("if-none-match") == '"1"' else 200, b""))
    answer = client.fetch(web.url("/a"), etag='"1"', last_modified="Tue, 01 Dec 2026 00:00:00 GMT")
    assert answer.not_modified
    assert web.asked[0].headers["if-modified-since"] == "Tue, 01 Dec 2026 00:00:00 GMT"
    assert refused(client, web.says("/b", b"", 304)).code == "bad_answer"


def test_a_body_can_go_into_a_file(web, client):
    file = io.BytesIO()
    answer = client.fetch(web.says("/a", b"feed"), into=file)
    assert (file.getvalue(), answer.body, answer.size) == (b"feed", b"", 4)


def test_a_connection_is_used_again(web, client):
    for _ in range(3):
        client.fetch(web.says("/a", b"photo"))
    assert web.connections == 1


@pytest.mark.parametrize(
    ("status", "code", "may_pass"),
    [
        (404, "not_found", False),
        (410, "not_found", False),
        (403, "forbidden", False),
        (401, "forbidden", False),
        (400, "bad_answer", False),
        (204, "bad_answer", False),
        (206, "bad_answer", False),
        (408, "server_error", True),
        (500, "server_error", True),
        (502, "server_error", True),
        (429, "busy", True),
        (503, "busy", True),
    ],
)
def test_each_status_says_whether_it_may_pass(web, client, status, code, may_pass):
    refusal = refused(client, web.says("/a", b"", status))
    assert (refusal.code, refusal.may_pass) == (code, may_pass)
    assert str(refusal) == f"The server answered with {status}."


def test_a_server_says_how_long_it_wants_to_be_left_alone(web, client):
    assert refused(client, web.says("/a", b"", 429, Retry_After="120")).retry_after == timedelta(minutes=2)
    assert refused(client, web.says("/a", b"", 503, Retry_After="9" * 30)).retry_after == timedelta(days=1)
    assert refused(client, web.says("/a", b"", 503, Retry_After="soon")).retry_after is None


def test_user_and_password_go_to_their_own_host_alone(web, client):
    with WebServer() as other:
        other.says("/b", b"photo")
        web.does("/there", lambda request: request.answer(302, Location=other.url("/b")))
        web.does("/here", lambda request: request.answer(302, Location="/there"))
        client.fetch(web.url("/here").replace("http://", "http://me:secret@"))
        signed = f"Basic {b64encode(b'me:secret').decode()}"
        assert [request.headers.get("authorization") for request in web.asked] == [signed, signed]
        assert "authorization" not in other.asked[0].headers


def test_redirects_are_followed_five_times(web, client):
    for number in range(5):
        web.does(f"/{number}", lambda request, to=number + 1: request.answer(302, Location=f"/{to}"))
    web.says("/5", b"photo")
    assert client.fetch(web.url("/0")).url == web.url("/5")
    web.does("/5", lambda request: request.answer(302, Location="/0"))
    assert refused(client, web.url("/0")).code == "too_many_redirects"
    assert len(web.asked) == 12
    assert refused(client, web.says("/nowhere", b"", 302)).code == "bad_answer"
    assert refused(client, web.says("/file", b"", 302, Location="file:///etc/passwd")).code == "bad_address"


# --- Where it must not reach ---------------------------------------------------------------------------------------


def test_a_redirect_to_a_private_network_is_refused(web, client):
    url = web.says("/a", b"", 302, Location="http://169.254.169.254/latest/meta-data/")
    assert refused(client, url).code == "refused_address"
    url = web.says("/a", b"", 307, Location="http://[::ffff:10.0.0.1]/")
    assert refused(client, url).code == "refused_address"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "0", "[::1]"]
)
def test_this_machine_is_refused_however_it_is_written(web, host):
    client = Client(plain_http=True)
    assert refused(client, web.says("/", b"secret").replace("127.0.0.1", host)).code == "refused_address"
    assert web.connections == 0


def test_a_name_that_leads_inside_is_refused_even_if_it_leads_outside_as_well(web, monkeypatch):
    monkeypatch.setattr(networks, "resolve", lambda host, port: ["93.184.216.34", "127.0.0.1"])
    refusal = refused(Client(plain_http=True), f"http://shop.example:{web.port}/")
    assert refusal.code == "refused_address"
    assert web.connections == 0


def test_a_name_is_resolved_once_and_connected_to_what_was_checked(web, client, monkeypatch):
    """The second answer leads where nobody listens: had it been asked for, the request would have failed."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    monkeypatch.setattr(networks, "resolve", lambda host, port: next(answers))
    answer = client.fetch(web.says("/", b"photo").replace("127.0.0.1", "shop.example"))
    assert answer.body == b"photo"
    assert web.asked[0].headers["host"] == f"shop.example:{web.port}"
    with pytest.raises(NotFetched, match="private network"):
        Client(networks=HERE, plain_http=True).fetch(f"http://shop.example:{web.port}/")


def test_plain_http_needs_the_shops_leave(web):
    client = Client(networks=HERE)
    assert refused(client, web.says("/", b"photo")).code == "refused_address"
    assert web.connections == 0


@pytest.mark.parametrize("port", [22, 25, 1023])
def test_ports_below_1024_are_the_webs_or_nobodys(client, port):
    assert str(refused(client, f"http://127.0.0.1:{port}/")) == f"Port {port} is none of the web."


def test_the_environment_names_no_proxy(web, client, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client.fetch(web.says("/", b"photo")).body == b"photo"


# --- TLS -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"]
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*openssl, "-keyout", key, "-out", cert, *subject], check=True, capture_output=True)
    return key, cert


@pytest.fixture
def tls_web(certificate):
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with WebServer(context) as server:
        yield server


def test_tls_is_spoken_with_the_name_although_the_address_was_chosen_before(tls_web, certificate, monkeypatch):
    monkeypatch.setattr(networks, "resolve", lambda host, port: ["127.0.0.1"])
    tls_web.says("/a", b"photo")
    client = Client(networks=HERE, tls=ssl.create_default_context(cafile=certificate[1]))
    assert client.fetch(tls_web.url("/a", "shop.example")).body == b"photo"
    refusal = refused(client, tls_web.url("/a", "other.example"))
    assert (refusal.code, str(refusal)) == ("tls", "other.example has no valid certificate.")
    assert refused(Client(networks=HERE), tls_web.url("/a", "shop.example")).code == "tls"


def test_a_redirect_from_https_to_http_needs_the_shops_leave(tls_web, web, certificate, monkeypatch):
    monkeypatch.setattr(networks, "resolve", lambda host, port: ["127.0.0.1"])
    web.says("/b", b"photo")
    tls_web.does("/a", lambda request: request.answer(302, Location=web.url("/b")))
    trusting = ssl.create_default_context(cafile=certificate[1])
    url = tls_web.url("/a", "shop.example")
    assert refused(Client(networks=HERE, tls=trusting), url).code == "refused_address"
    assert web.connections == 0
    assert Client(networks=HERE, tls=trusting, plain_http=True).fetch(url).body == b"photo"


# --- Servers that are slow ----------------------------------------------------------------------------------------


def dripping(start: bytes, drop: bytes):
    def answer(request: Request) -> None:
        request.send(start)
        while True:
            time.sleep(0.1)
            request.send(drop)

    return answer


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"X: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Content-Length: 90000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ],
)
def test_a_server_that_drips_is_given_up_at_the_deadline(web, client, start, drop):
    refusal = refused(client, web.does("/", dripping(start, drop)))
    assert refusal.may_pass or refusal.code == "bad_answer"
    assert refusal.code in ("timed_out", "unreachable")


@pytest.mark.parametrize("start", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n"])
def test_a_server_that_falls_silent_is_given_up_sooner(web, client, start):
    def answer(request: Request) -> None:
        request.send(start)
        web.over.wait(5)

    begun = time.monotonic()
    assert refused(client, web.does("/", answer)).code == "timed_out"
    assert time.monotonic() - begun < 0.7


def test_redirects_share_one_deadline(web, client):
    def answer(request: Request) -> None:
        time.sleep(0.25)
        request.answer(302, Location="/")

    assert refused(client, web.does("/", answer)).code == "timed_out"


def test_a_resolver_that_hangs_is_given_up(client, monkeypatch):
    def hang(host: str, port: int) -> list[str]:
        time.sleep(3)
        return []

    monkeypatch.setattr(networks, "resolve", hang)
    assert refused(client, "http://shop.example/").code == "timed_out"


def test_a_name_without_an_address_and_a_closed_port_may_pass(client, web):
    web.__exit__()
    refusal = refused(client, web.url("/"))
    assert (refusal.code, refusal.may_pass) == ("unreachable", True)
    refusal = refused(client, "http://nobody.invalid/")
    assert (refusal.code, refusal.may_pass) == ("unresolved", True)


# --- Servers that lie ---------------------------------------------------------------------------------------------


def test_too_many_bytes_are_refused_before_they_are_read_or_as_they_come(web, client):
    assert (
        refused(client, web.does("/", lambda r: r.send(HEAD + b"Content-Length: 100001\r\n\r\n"))).code == "too_large"
    )

    def endless(request: Request) -> None:
        request.send(HEAD + b"\r\n")
        while True:
            request.send(64_000 * b"x")

    assert refused(client, web.does("/", endless)).code == "too_large"
    refusal = refused(client, web.does("/", lambda r: r.send(HEAD + b"X: " + 10_000_000 * b"y")))
    assert refusal.code == "unreachable"


def test_a_body_shorter_than_it_says_is_no_body(web, client):
    def short(request: Request) -> None:
        request.send(HEAD + b"Content-Length: 9\r\n\r\nphoto")
        request.connection.shutdown(2)

    refusal = refused(client, web.does("/", short))
    assert (refusal.code, refusal.may_pass) == ("unreachable", True)


def test_a_body_longer_than_it_says_ends_where_it_says(web, client):
    url = web.does("/", lambda request: request.send(HEAD + b"Content-Length: 5\r\n\r\nphoto and more"))
    assert client.fetch(url).body == b"photo"
    assert client.fetch(url).body == b"photo"  # What came too much is not the next answer.


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH\r\n", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nphoto", b"\x00\xff\r\n\r\n"],
)
def test_what_is_no_http_is_told(web, client, answer):
    assert refused(client, web.does("/", lambda request: request.send(answer))).code in ("unreachable", "timed_out")


def test_a_connection_that_is_reset_may_be_better_later(web, client):
    def reset(request: Request) -> None:
        request.send(HEAD + b"Content-Length: 9\r\n\r\nph")
        request.connection.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER: close by a reset
        os.close(request.connection.detach())

    refusal = refused(client, web.does("/", reset))
    assert (refusal.code, refusal.may_pass) == ("unreachable", True)


def test_what_was_compressed_all_the_same_is_unpacked(web, client):
    twice = gzip.compress(b"photo ") + gzip.compress(b"and more")
    assert client.fetch(web.says("/", twice, Content_Encoding="gzip")).body == b"photo and more"
    assert client.fetch(web.says("/", zlib.compress(b"photo"), Content_Encoding="deflate")).body == b"photo"
    assert refused(client, web.says("/", b"photo", Content_Encoding="br")).code == "bad_answer"
    for body in (b"photo", b""):
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)  # As some servers send it, without zlib's head.
        bare = packer.compress(body) + packer.flush()
        assert client.fetch(web.says("/", bare, Content_Encoding="deflate")).body == body
    assert client.fetch(web.says("/", twice, Content_Encoding="deflate")).body == b"photo and more"
    assert refused(client, web.says("/", b"photo", Content_Encoding="gzip")).code == "bad_answer"
    assert refused(client, web.says("/", twice[:-3], Content_Encoding="gzip")).code == "unreachable"


def test_a_bomb_is_counted_as_it_is_unpacked(web, client):
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < QUICK.most_bytes
    assert refused(client, web.says("/", bomb, Content_Encoding="gzip")).code == "too_large"


def test_what_a_server_said_before_cannot_write_headers(web, client):
    client.fetch(web.says("/", b"photo"), etag='"1"\r\nX-Evil: 1', last_modified="Ünsinn")
    assert not {"x-evil", "if-none-match", "if-modified-since"} & set(web.asked[0].headers)


def test_the_shops_client_has_the_shops_rules(web, settings):
    settings.FETCH_NETWORKS, settings.FETCH_HTTP = [ip_network("127.0.0.0/8")], True
    assert shops_client().fetch(web.says("/", b"photo")).body == b"photo"
    assert web.asked[0].headers["user-agent"].startswith("Lamplight/")
