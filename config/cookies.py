"""Cookies, read in a time that grows with their length.

Django has Python unquote them, and Python before 3.11.10 and 3.12.6 takes a time that grows with the square of the
backslashes (CVE-2024-7592): 0.2 s for 8 kB of them.
"""

import re
from typing import TYPE_CHECKING

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest, get_str_from_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# What follows a backslash: a character's number of three octal digits, or the character itself.
ESCAPED = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")


def parse_cookie(header: str) -> dict[str, str]:
    """The values by name, as django.http.parse_cookie reads them."""
    values = {}
    for part in header.split(";"):
        name, separator, value = part.partition("=")
        if not separator:
            name, value = "", part
        if name.strip() or value.strip():
            values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return ESCAPED.sub(lambda escaped: chr(int(escaped[1], 8)) if escaped[1] else escaped[2], value[1:-1])


class Request(WSGIRequest):
    """Django's, with cookies read so."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        super().__init__(environ)
        self.COOKIES = parse_cookie(get_str_from_wsgi(environ, "HTTP_COOKIE", ""))


class Handler(WSGIHandler):
    """Django, with such requests."""

    request_class = Request
