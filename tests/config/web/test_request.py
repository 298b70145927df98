import os
import resource
import tempfile
import threading
import time

import pytest

from config.web import refusals

FORM = "Content-Type: multipart/form-data; boundary=x"
SESSION = "Cookie: csrftoken=a; sessionid=b"
IMPORT = "/admin/catalog/import/add/"
FEW = 8  # Descriptors: as many as the server looks at, and none that is free.
PRODUCT = "/admin/catalog/product/add/"


@pytest.fixture
def strict(serve):
    """A site whose staff nobody is of."""
    return serve(lambda request: refusals.not_staff(21_000_000))


@pytest.mark.parametrize(
    ("path", "headers", "length", "status"),
    [
        ("/api/v1/search/", [FORM], 21_000_001, 413),
        ("/api/v1/search/", [FORM, SESSION], 21_000_001, 413),
        (PRODUCT, [FORM], 21_000_001, 413),
        (PRODUCT, [FORM, SESSION], 84_000_001, 413),
        (PRODUCT, [FORM, SESSION], 84_000_000, 403),
        (IMPORT, [FORM], 21_000_001, 413),
        (IMPORT, [SESSION], 21_000_001, 413),
        (IMPORT, [FORM, SESSION], 1_000_000_001, 413),
        (IMPORT, [FORM, SESSION], 1_000_000_000, 403),
    ],
)
def test_what_a_stranger_may_not_send_is_refused_before_it_is_read(strict, path, headers, length, status):
    answer = strict.client().post(path, length, b"", *headers).answer()
    codes = {413: "request_too_large", 403: "not_authenticated"}
    assert (answer.status, answer.code, answer.headers["Content-Type"]) == (status, codes[status], "application/json")


def test_what_follows_without_leave_is_not_read(strict):
    client = strict.client().post(IMPORT, 22_000_000, b"", FORM, SESSION)
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.send(b"x" * 22_000_000)
    client.socket.settimeout(10)
    assert client.answer().status == 403


def test_a_client_that_asks_before_it_sends_is_refused(site):
    answer = site.client().post("/", 21_000_001, b"", FORM, "Expect: 100-continue").answer()
    assert (answer.status, answer.code) == (413, "request_too_large")


def test_staff_may_send_more(site):
    client = site.client().post(PRODUCT, 22_000_000, b"", FORM, SESSION)
    client.send(b"x" * 22_000_000)
    assert b'"read": 22000000' in client.answer().body


def test_nothing_is_read_until_leave_is_given(serve):
    given = threading.Event()
    site = serve(lambda request: None if given.wait(10) else refusals.UNCHECKED)
    client = site.client().post(PRODUCT, 22_000_000, b"", FORM, SESSION)
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.send(b"x" * 22_000_000)
    [channel] = site.server.active_channels.values()
    assert channel.request.body_bytes_received <= 65_536
    assert site.client().get("/livez").answer().status == 200
    given.set()


def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(site, settings):
    settings.MAX_REQUEST_BYTES = 1_000_000
    client = site.client().send(b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(17):
        client.send(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
    answer = client.answer()
    assert (answer.status, answer.code) == (413, "request_too_large")


def test_a_chunked_body_has_no_larger_limit_in_the_admin(site, settings):
    settings.MAX_REQUEST_BYTES = 1_000
    head = f"POST {IMPORT} HTTP/1.1\r\nHost: shop\r\n{FORM}\r\n{SESSION}\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = site.client().send(head.encode() + b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n")
    assert client.answer().status == 413


def test_a_chunked_body_within_the_limit_is_read(site):
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = site.client().send(head + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 50 + b"0\r\n\r\n")
    assert b'"read": 204800' in client.answer().body


def test_a_body_that_is_mostly_its_division_into_chunks_is_refused(site):
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = site.client().send(head + b"1\r\nx\r\n" * 10_000)
    answer = client.answer()
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "many", "1e9", "0x10", "1.5", ""])
def test_a_length_that_is_no_number_of_bytes_is_refused(site, length):
    answer = site.client().send(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode()).answer()
    assert (answer.status, answer.code) == (400, "bad_request")


def test_a_header_that_is_too_long_is_refused(site):
    answer = site.client().get("/", f"Cookie: {'x' * 40_000}").answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")


@pytest.mark.parametrize("line", [b"get / HTTP/1.1", b"\x16\x03\x01\x02\x00", b"GET", b"GET http://[ HTTP/1.1"])
def test_what_is_no_http_is_refused(site, line):
    answer = site.client().send(line + b"\r\n\r\n").answer()
    assert (answer.status, answer.code) == (400, "bad_request")


def test_a_trailer_that_does_not_end_is_refused(site):
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = site.client().send(head + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 50 + b"0\r\n" + b"x: y\r\n" * 3_000)
    answer = client.answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")


def test_a_trailer_is_passed_over(site):
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = site.client().send(head + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n").get("/next")
    assert b'"read": 3' in client.answer().body
    assert b"/next" in client.answer().body


def test_cookies_made_to_be_read_slowly_cost_nothing(site):
    hostile = 'a="' + "\\" * 30_000
    begun = time.monotonic()
    answer = site.client().get("/", f"Cookie: {hostile}").answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")
    assert time.monotonic() - begun < 0.2


def test_json_of_another_program_in_a_cookie_is_let_through(site):
    quoted = '\\"name\\":\\"a value that has twenty\\"\\054' * 60  # 300 backslashes in 2,280 bytes.
    assert site.client().get("/", f'Cookie: a="{quoted}"').answer().status == 200


def test_a_cookie_is_known_by_its_whole_name(strict):
    for cookie, status in (("xsessionid=b", 413), ("a=sessionid", 413), ("a=1; sessionid=b", 403)):
        client = strict.client().post(IMPORT, 22_000_000, b"", FORM, f"Cookie: {cookie}")
        assert client.answer().status == status


def test_a_fault_of_who_is_asked_for_leave_ends_no_server(serve, caplog):
    def fail(request):
        raise RuntimeError("a surprise")

    site = serve(fail)
    answer = site.client().post(IMPORT, 22_000_000, b"", FORM, SESSION).answer(has_body=True)
    assert (answer.status, b"The database does not answer" in answer.body) == (503, True)
    assert site.client().get("/").answer().status == 200
    assert "a surprise" in caplog.text


def test_an_address_that_is_none_is_told_as_that(site):
    answer = site.client().send(b"GET http://[::1/ HTTP/1.1\r\n\r\n").answer()
    assert (answer.status, b"address" in answer.body) == (400, True)


def test_a_body_for_whose_file_there_is_no_descriptor_is_told_to_come_again(site):
    client = site.client().get("/")
    assert client.answer().status == 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    while taken[-1] < FEW:
        taken.append(os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    try:
        answer = client.post("/", 300_000, b"x" * 300_000).answer()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


def test_a_body_that_the_disk_does_not_take_is_told_as_that(site, small_disk, monkeypatch):
    disk = small_disk(megabytes=32)
    disk.fill()
    monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
    answer = site.client().post("/", 5_000_000, b"x" * 2_000_000).answer()
    assert (answer.status, answer.code) == (507, "storage_full")
    disk.free()
    assert b'"read": 200000' in site.client().post("/", 200_000, b"x" * 200_000).answer().body
