"""Who may send more than a stranger: asked before the body is read."""

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest
from psycopg_pool import PoolTimeout

from config.cookies import parse_cookie
from config.web import refusals
from config.web.request import Request


def refusal_of(sent: Request) -> refusals.Refusal | None:
    """None where the session is that of somebody of the staff. Anyone can send a cookie that looks like it."""
    request = HttpRequest()
    request.session = SessionStore(parse_cookie(sent.headers.get("COOKIE", "")).get(settings.SESSION_COOKIE_NAME))
    try:
        is_staff = getattr(get_user(request), "is_staff", False)
    except (DatabaseError, PoolTimeout):
        return refusals.UNCHECKED
    finally:
        connection.close()
    return None if is_staff else refusals.not_staff(settings.MAX_REQUEST_BYTES)
