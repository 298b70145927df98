"""Feeds from scripts."""

import json

import pytest
from django.core.management import CommandError

from catalog.feeds import runs
from catalog.feeds.models import Feed
from catalog.models import Product
from tests.commands import refused, run
from tests.fed_shop import numbered, table

pytestmark = pytest.mark.django_db


def test_a_feed_is_checked_then_run_then_not_read_again(fed):
    oak = fed()
    Feed.objects.update(address=oak.feed.address.replace("http://", "http://me:hush@"))
    oak.has(table("CH-1", "CH-2"), ETag='"1"')
    told = run("feeds", "run", "oak", "--dry-run")
    assert told.startswith(f"oak  http://…@127.0.0.1:{oak.web.port}/oak  checked  0 products  last: 2 to add")
    assert not Product.objects.exists()
    told = json.loads(run("feeds", "run", "oak", "--json"))
    assert (told["state"], told["products"], told["last_import"]["added"]) == ("imported", 2, 2)
    oak.has(b"", 304)
    assert "  not changed  2 products" in run("feeds", "run", "oak")


def test_feeds_are_listed_without_their_secrets(fed):
    assert "There are no feeds." in run("feeds")
    fed("oak")
    fed("pine", is_on=False)
    Feed.objects.update(address="https://me:hush@oak.example/a.csv?token=hush")
    assert run("feeds").splitlines()[1] == "pine  https://…@oak.example/a.csv?…  not read yet  0 products  off"
    [oak, pine] = json.loads(run("feeds", "--json"))
    assert (oak["name"], oak["every_minutes"], pine["next_run"], pine["last_import"]) == ("oak", 1440, None, None)
    assert "hush" not in run("feeds") + run("feeds", "--json")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["run"], "NAME is missing"),
        (["run", "elm"], "NAME: there is no feed 'elm'. Feeds: oak."),
        (["list", "oak"], "NAME goes with run"),
        (["--dry-run"], "--dry-run goes with run"),
    ],
)
def test_wrong_arguments_are_refused(fed, arguments, why):
    fed()
    assert why in refused("feeds", *arguments)


def test_what_does_not_end_well_ends_with_1(fed):
    oak = fed()
    oak.has(b"", 404)
    assert failed("oak") == "oak: failed. The server answered with 404."
    oak.runs(table(*numbered(10)))
    oak.has(table("CH-1"))
    assert failed("oak").startswith("oak: waits for you. 9 of the 10 products")
    Feed.objects.update(asked="run")
    runs.take_up()
    assert failed("oak") == "oak is being read or imported already."


def failed(name):
    with pytest.raises(CommandError) as failure:
        run("feeds", "run", name)
    assert failure.value.returncode == 1
    return str(failure.value)
