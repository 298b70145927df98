"""manage.py fetch_photos."""

from io import StringIO

import pytest
from django.core.management import call_command

from catalog.models import PhotoAddress
from tests.catalog.photo_addresses.conftest import colours, named
from tests.commands import refused, run
from tests.conftest import picture

pytestmark = pytest.mark.django_db


def failing() -> str:
    """What the command prints when some have failed for good."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("fetch_photos", stdout=out, stderr=out)
    assert ended.value.code == 3
    return out.getvalue()


def test_what_is_due_is_fetched_and_failures_are_told(web):
    url = web.url("/gone.png")
    named(web.url("/red.png"), url.replace("http://", "http://me:secret-7@"), web.says("/later.png", b"", 500))
    told = failing()
    assert f"CH-1: {url.replace('http://', 'http://…@')}: The server answered with 404.\n" in told
    assert "later.png: The server answered with 500. It is tried again later.\n" in told
    assert "secret-7" not in told
    assert colours() == ["red"]
    assert run("fetch_photos").startswith("nothing was due (0 a second).")


def test_a_dry_run_tells_what_is_due_at_which_hosts(web):
    named(web.url("/red.png"), web.url("/blue.png"), "https://shop.example/a.jpg")
    told = run("fetch_photos", "--dry-run").splitlines()
    assert [line.strip() for line in told] == ["3 addresses would be asked.", "2 127.0.0.1", "1 shop.example"]
    assert PhotoAddress.objects.pending().count() == 3
    assert not web.asked


def test_those_that_failed_or_rest_are_asked_again_if_wanted(web):
    named(web.url("/gone.png"), web.says("/later.png", b"", 500))
    failing()
    web.says("/gone.png", picture("green"))
    web.says("/later.png", picture("blue"))
    assert run("fetch_photos", "--retry", "--dry-run").startswith("2 addresses would be asked.")
    assert run("fetch_photos", "--retry").startswith("2 added (")
    assert colours() == ["green", "blue"]


def test_only_so_many_are_asked_as_are_wanted(web):
    named(web.url("/red.png"), web.url("/blue.png"))
    assert run("fetch_photos", "--limit", "1").startswith("1 added (")
    assert run("fetch_photos", "--quiet") == ""
    assert refused("fetch_photos", "--limit", "0") == "--limit: ask for 1 or more."
