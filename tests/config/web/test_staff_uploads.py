import pytest
from django.contrib.auth.models import User
from django.test import Client
from waitress.adjustments import Adjustments

from config.web.request import Request
from config.web.staff_uploads import refusal_of

# The thread that asks gives its connection back.
pytestmark = pytest.mark.django_db(transaction=True)


def asked(session: str) -> int | None:
    """The status of the refusal of a request with this session, None where it may be sent."""
    request = Request(Adjustments())
    request.received(f"POST / HTTP/1.1\r\nCookie: sessionid={session}\r\nContent-Length: 1\r\n\r\n".encode())
    refusal = refusal_of(request)
    return refusal and refusal.code


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def test_staff_may_send_more():
    assert asked(session_of(User.objects.create_user("staff", is_staff=True))) is None


def test_nobody_else_may():
    assert asked(session_of(User.objects.create_user("customer"))) == 403


@pytest.mark.parametrize("session", ["", "made-up", "x" * 5000, "%00"])
def test_a_session_that_does_not_exist_is_nobodys(session):
    assert asked(session) == 403


def test_a_session_of_a_password_that_was_changed_is_nobodys():
    user = User.objects.create_user("staff", is_staff=True)
    session = session_of(user)
    user.set_password("another")
    user.save()
    assert asked(session) == 403
