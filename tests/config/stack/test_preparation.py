"""What is said of the administrator at each start."""

import io
from contextlib import redirect_stdout

import pytest
from django.contrib.auth.models import User

from config.stack.preparation import way_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.VAR = tmp_path
    return tmp_path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_password_is_told_when_it_is_made_and_opens_the_admin(client):
    with redirect_stdout(Terminal()):
        told = way_in()
    assert told.startswith("user admin, password ")
    assert client.login(username="admin", password=told.rpartition(" ")[2])
    assert User.objects.get(username="admin").is_superuser


def test_afterwards_it_is_told_where_the_password_lies(folder):
    with redirect_stdout(Terminal()):
        password = way_in().rpartition(" ")[2]
        assert way_in() == f"user admin, password in {folder}/admin-password"
    assert (folder / "admin-password").read_text() == password


def test_where_what_is_said_is_kept_it_is_told_where_the_password_lies(folder):
    with redirect_stdout(io.StringIO()):
        assert way_in() == f"user admin, password in {folder}/admin-password"


def test_as_json_it_is_as_well_at_a_terminal(folder, settings):
    settings.LOG_FORMAT = "json"
    with redirect_stdout(Terminal()):
        assert way_in() == f"user admin, password in {folder}/admin-password"


def test_a_password_that_was_changed_is_not_told_wrongly(folder):
    way_in()
    administrator = User.objects.get(username="admin")
    administrator.set_password("another one")
    administrator.save()
    assert way_in() == "user admin, password changed since (manage.py changepassword admin sets another)"
    (folder / "admin-password").unlink()
    assert way_in() == "user admin, password changed since (manage.py changepassword admin sets another)"
    assert not (folder / "admin-password").exists()
