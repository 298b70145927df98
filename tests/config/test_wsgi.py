"""The site as a web server calls it."""

import json
import re
import time
from io import BytesIO
from unittest.mock import Mock

import pytest
from django.test import RequestFactory

from catalog.errors import error_body
from config.wsgi import application

pytestmark = pytest.mark.django_db
CHARSETS = ["hex", "zlib_codec", "rot13", "idna", "punycode", "utf-7", "utf-16", "latin-1", "none", "undefined", "\x00"]
FORMS = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]


def ask(method: str, path: str, content_type: str) -> tuple[str, str, str]:
    """Status, type and body of the answer."""
    respond = Mock()
    environ = RequestFactory().generic(method, path, b"--x--").environ
    environ |= {"CONTENT_TYPE": content_type, "wsgi.input": BytesIO(b"--x--")}
    body = b"".join(application(environ, respond))
    status, headers = respond.call_args.args
    return status, dict(headers)["Content-Type"], body.decode()


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("form", FORMS)
def test_another_charset_than_utf_8_is_refused_at_every_address(form, charset):
    content_type = f"{form}; charset={charset}"
    for method, path in (("POST", "/api/v1/search/"), ("GET", "/api/v1/products/?q=%ff"), ("GET", "/api/nowhere/")):
        status, kind, body = ask(method, path, content_type)
        assert (status, kind) == ("400 Bad Request", "application/json")
        detail = json.loads(body)["errors"][0]["detail"]
        assert json.loads(body) == error_body("client_error", "bad_request", detail)
        assert "UTF-8" in detail
    for method, path in (("GET", "/?q=%ff"), ("POST", "/admin/login/"), ("GET", "/nowhere"), ("GET", "/livez")):
        status, kind, _ = ask(method, path, content_type)
        assert (status, kind.partition(";")[0]) == ("400 Bad Request", "text/html")


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=utf-16"])
def test_an_address_of_too_many_parameters_is_refused(charset):
    assert ask("GET", "/admin/login/?" + "a&" * 1_001, f"text/plain{charset}")[0] == "400 Bad Request"
    assert ask("GET", "/api/v1/products/?" + "a&" * 1_001, f"text/plain{charset}")[0] == "400 Bad Request"


def test_what_could_not_be_read_is_a_line_of_the_log_that_says_where(caplog):
    ask("GET", "/api/v1/products/?q=%ff", "text/plain; charset=hex")
    [line] = caplog.text.splitlines()
    assert re.search(r"A request could not be read: LookupError in .*/django/http/request.py:\d+$", line)


def test_a_cookie_full_of_backslashes_costs_nothing():
    environ = RequestFactory().get("/").environ | {"HTTP_COOKIE": 'sessionid="' + "\\\\" * 15_000 + '"'}
    begun = time.process_time()
    b"".join(application(environ, Mock()))
    assert time.process_time() - begun < 0.5
