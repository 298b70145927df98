import json
import re
from functools import partial

import pytest
from django.core.management import CommandError

from catalog.models import Category
from catalog.storage import StoredPhotoError
from search import head_training, photo_opening
from search.models import Embedding, Space, Threshold
from search.store import partitions
from tests import commands
from tests.conftest import picture

pytestmark = pytest.mark.django_db
run = partial(commands.run, "evaluate")
refusal = partial(commands.refused, "evaluate")


@pytest.fixture
def shop(space, photo, index) -> Space:
    """Three pairs of reddish lamps and three pairs of bluish beds; each is nearest to the other of its pair."""
    for green, name in ((0, "A"), (15, "A"), (60, "B"), (75, "B"), (120, "C"), (135, "C")):
        photo((200, green, 20), "lamp", name=name)
        photo((20, green, 200), "bed", name=name)
    index()
    return space


def copy_of(space: Space, name: str) -> Space:
    copy = Space.objects.create(name=name, recipe=space.recipe, dimensions=space.dimensions)
    partitions.ensure(copy, Category.objects.values_list("pk", flat=True))
    for row in Embedding.objects.filter(space=space):
        Embedding.objects.create(space=copy, category_id=row.category_id, photo_id=row.photo_id, vector=row.vector)
    return copy


def test_the_live_space_is_measured_by_leave_one_out(shop):
    head_training.train(shop)
    lines = run("--timed", "0").splitlines()
    assert " ".join(lines[:2]) == (
        "12 products of the catalogue ask, 12 of them for another product of the same category and name; "
        "12 photos of 12 products answer."
    )
    header = next(place for place, line in enumerate(lines) if line.startswith("space"))
    ece = lines[header + 1].split()[-1]
    assert [line.split() for line in lines[header : header + 4]] == [
        ["space", "gate", "R@1", "R@5", "R@10", "R@20", "mAP", "categories", "scanned", "top-1", "top-2", "ECE"],
        ["grid", "hard", "1.000", "1.000", "1.000", "1.000", "1.000", "1.00", "50.0%", "1.000", "1.000", ece],
        ["soft", "1.000", "1.000", "1.000", "1.000", "1.000", "1.00", "50.0%"],
        ["open", "1.000", "1.000", "1.000", "1.000", "1.000", "2.00", "100.0%"],
    ]
    assert max(map(len, lines)) <= 120


def test_spaces_are_shown_side_by_side(shop):
    copy_of(shop, "copy")
    for arguments in (["--space", "grid", "copy"], ["--all"]):
        named = [line.split()[0] for line in run("--timed", "0", *arguments).splitlines() if "1 (exact)" in line]
        assert sorted(named) == ["copy", "grid"]


def test_json_has_every_number_and_no_clock_decides_them(shop, tmp_path):
    for name in ("a.json", "b.json"):
        run("--timed", "0", "--json", str(tmp_path / name))
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert {**first, "created_at": ""} == {**second, "created_at": ""}
    assert list(first) == ["version", "created_at", "settings", "asked", "spaces"]
    assert first["settings"] == {"seed": 0, "keep": 0.99, "timed": 0}
    assert first["asked"]["queries"] == 12
    [score] = first["spaces"]
    assert list(score) == [
        "space",
        "state",
        "recipe",
        "dimensions",
        "metric",
        "category",
        "gates",
        "unknown",
        "similarity_range",
        "first_matches",
        "approximation",
        "latency_ms",
        "bytes_per_photo",
        "worst",
        "notes",
    ]
    assert score["gates"]["soft"]["recall"] == {"1": 1.0, "5": 1.0, "10": 1.0, "20": 1.0}


def test_suggestions_are_shown_but_kept_to_oneself_until_applied(shop):
    assert "no category gave 99 right first answers" in run("--timed", "0")
    printed = run("--timed", "0", "--keep", "0.8")
    assert "needs" not in printed
    assert not Threshold.objects.exists()


def test_applied_suggestions_become_the_defaults_and_the_output_says_what_changed(shop):
    Threshold.objects.create(space=shop, category=Category.objects.get(slug="bed"), min_similarity=0.25)
    *_, bed, lamp = run("--timed", "0", "--keep", "0.8", "--apply").splitlines()
    stored = dict(shop.thresholds.values_list("category__slug", "min_similarity"))
    assert bed == f"grid, bed: min_similarity 0.25 -> {stored['bed']:g}"
    assert lamp == f"grid, lamp: min_similarity 0 -> {stored['lamp']:g}"
    assert run("--timed", "0", "--keep", "0.8", "--apply").endswith("\nNo min_similarity had to change.\n")


def test_labelled_photos_may_ask_instead(shop, tmp_path):
    head_training.train(shop)
    (tmp_path / "a.png").write_bytes(picture((200, 3, 20)))
    (tmp_path / "q.csv").write_text("image,category,sku\na.png,lamp,lamp-1\n")
    printed = run("--timed", "0", "--queries", str(tmp_path / "q.csv"))
    assert " ".join(printed.split()).startswith(
        f"1 photos of {tmp_path / 'q.csv'} ask, 1 of them for the products named by sku; 12 photos"
    )


def test_a_sampled_gallery_is_told(shop):
    assert "These are a sample: 12 photos are indexed" in run("--timed", "0", "--gallery", "8")


def test_a_page_is_written(shop, tmp_path):
    run("--timed", "2", "--html", str(tmp_path / "card.html"))
    assert (tmp_path / "card.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--space", "none", "grid"], "--space: there is no space 'none'. Spaces: grid."),
        (["--family", "range"], "--family range: no product has it. Choose from: name."),
        (["--family", "name", "--queries", "x.csv"], "--family goes without --queries"),
        (["--queries", "none.csv"], "none.csv cannot be read: No such file or directory."),
        (
            ["--html", "/no/such/folder/card.html"],
            "--html /no/such/folder/card.html: not a file in a folder that exists.",
        ),
        (["--json", "/tmp"], "--json /tmp: not a file in a folder that exists."),
        (["--sample", "0"], "argument --sample: '0' is no whole number of 1 or more"),
        (["--family", "99999999999"], "--family 99999999999: no product has it."),
        (["--seed", "-1"], "--seed: give a whole number from 0 to 4294967295."),
        (["--seed", "4294967296"], "--seed: give a whole number from 0 to 4294967295."),
        (["--keep", "1"], "argument --keep: '1' is no share between 0 and 1, such as 0.99"),
        (["--all", "--space", "grid"], "not allowed with argument"),
    ],
)
def test_bad_arguments_are_named_with_their_cure(shop, arguments, complaint):
    with pytest.raises(CommandError, match=re.escape(complaint)):
        run(*arguments)


def test_bad_input_ends_with_status_two(shop, tmp_path):
    refusal("--space", "none")
    refusal("--family", "range")
    refusal("--seed", "-1")
    refusal("--queries", str(tmp_path))


def test_nothing_to_measure_names_the_cure(space):
    assert refusal() == "No photo is indexed in grid: run manage.py index --space grid, or leave the space out."
    space.delete()
    assert refusal() == "--space: there is no live space. Spaces: none yet: run manage.py prepare."


def test_a_storage_that_is_down_is_told_and_not_measured(shop, monkeypatch):
    def silent(photo, decode):
        raise StoredPhotoError("The photo storage did not answer: timed out.", transient=True)

    monkeypatch.setattr(photo_opening, "open_stored", silent)
    with pytest.raises(CommandError, match=r"The photo storage did not answer: timed out\. Try again later\.") as told:
        run()
    assert told.value.returncode == 1
