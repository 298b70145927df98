"""Logging in to the admin: a few attempts by address and by name."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import CommandError
from django.urls import reverse

from access.rates import Rate
from staff import login
from tests.commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts(monkeypatch):
    caches["counts"].clear()
    monkeypatch.setattr(login, "BY_ADDRESS", Rate(3, 900))
    monkeypatch.setattr(login, "BY_NAME", Rate(5, 900))
    yield
    caches["counts"].clear()


@pytest.fixture
def attempt(client):
    User.objects.create_user("eva", password="right", is_staff=True)

    def run(password="wrong", address="203.0.113.7", name="eva"):
        form = {"username": name, "password": password}
        return client.post(reverse("admin:login"), form, REMOTE_ADDR=address)

    return run


LOCKED = b"Too many attempts to log in. Try again in"


def test_an_address_has_a_few_attempts_whatever_the_name(attempt):
    for name in ("eva", "adam", "eva"):
        assert LOCKED not in attempt(name=name).content
    answer = attempt("right")
    assert LOCKED in answer.content
    assert b" minutes" in answer.content


def test_the_addresses_of_one_household_are_one(attempt):
    for last in range(3):
        attempt(address=f"2001:db8:0:{last}::1")
    assert LOCKED in attempt("right", address="2001:db8::9").content
    assert attempt("right", address="2001:db8:0:100::9").status_code == 302


def test_a_name_has_some_more_attempts_from_all_addresses_together(attempt):
    for last in range(5):
        assert LOCKED not in attempt(address=f"203.0.113.{last}").content
    assert LOCKED in attempt("right", address="203.0.113.99", name="EVA").content


def test_who_logs_in_has_all_attempts_again(attempt):
    for _ in range(7):
        assert attempt("right").status_code == 302


def test_the_command_unlocks_an_address_and_a_name(attempt):
    for _ in range(3):
        attempt()
    done = run("unlock_login", "--address", "203.0.113.7", "--name", "eva", "--name", "adam")
    assert done.splitlines() == ["eva: unlocked.", "adam: no attempts were counted.", "203.0.113.7: unlocked."]
    assert attempt("right").status_code == 302


def test_the_command_asks_whom_to_unlock():
    with pytest.raises(CommandError, match="Say whom to unlock"):
        run("unlock_login")
