"""What is said of the administrator at each start."""

import io
import sys

import pytest
from django.contrib.auth.models import User

from config.stack.preparation import way_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.VAR = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """Somebody reads along."""
    output = io.StringIO()
    output.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", output)


def test_the_password_is_told_when_it_is_made_and_opens_the_admin(client):
    told = way_in()
    assert told.startswith("user admin, password ")
    assert client.login(username="admin", password=told.rpartition(" ")[2])
    assert User.objects.get(username="admin").is_superuser


def test_afterwards_it_is_told_where_the_password_lies(folder):
    password = way_in().rpartition(" ")[2]
    assert way_in() == f"user admin, password in {folder}/admin-password"
    assert (folder / "admin-password").read_text() == password


def test_a_password_that_was_changed_is_not_told_wrongly(folder):
    way_in()
    administrator = User.objects.get(username="admin")
    administrator.set_password("another one")
    administrator.save()
    assert way_in() == "user admin, password changed since (manage.py changepassword admin sets another)"
    (folder / "admin-password").unlink()
    assert way_in() == "user admin, password changed since (manage.py changepassword admin sets another)"
    assert not (folder / "admin-password").exists()
