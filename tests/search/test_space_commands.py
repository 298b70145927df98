"""create_space, spaces, activate_space, drop_space, and index --space."""

import json
from functools import partial

import pytest
from django.core.management import CommandError
from django.utils import timezone

from search import head_training, indexing, projections, spaces
from search.management.commands import activate_space
from search.models import LeafIndex, Space
from search.store import partitions
from tests.commands import refused, run
from tests.made_up_families import flat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _untrained(settings):
    settings.LAMPLIGHT_WEIGHTS = "random"
    settings.BUILD_SHARE = 1.0


def test_create_space_makes_it_once_and_says_what_comes_next(space):
    printed = run("create_space", "gem", "--backbone", "resnet18", "--pooling", "gem")
    assert printed.startswith(
        "gem: resnet18 layer4 gem, 224 px pad, weights random; Cosine, 512 dimensions, 1,365 bytes a photo, "
        "indexes apart.\nThe workers build it while searches go on."
    )
    assert "manage.py activate_space gem" in printed
    again = run("create_space", "gem", "--backbone", "resnet18", "--pooling", "gem")
    assert again == "There is such a space already: gem, building.\n"
    assert refused("create_space", "gem") == "NAME: there is another space gem; choose another name."


def test_the_metric_and_the_size_of_vgg16s_fc1_are_said(space):
    printed = run("create_space", "vgg", "--backbone", "vgg16", "--metric", "l2")
    assert "L2, 4,096 dimensions, 10,556 bytes a photo, indexes apart.\n" in printed


def test_a_dry_run_makes_nothing(space, indexed_shop):
    assert "resnet50 layer3 avg" in run("create_space", "x", "--layer", "layer3", "--dry-run")
    assert "of the variance" in run("create_space", "x", "--from", "grid", "--pca", "4", "--dry-run")
    assert Space.objects.get() == space


def test_pca_prints_explained_variance_and_what_is_saved(space, indexed_shop):
    fitted = projections.fit(space, 4)
    printed = run("create_space", "small", "--from", "grid", "--pca", "4")
    expected = f"4 of 48 components hold {fitted.explained_variance:.1%} of the variance; a vector takes 68 bytes"
    assert printed.startswith(f"{expected} on disk instead of 157 (57% less).\nsmall: ")
    assert Space.objects.get(name="small").source == space
    again = run("create_space", "small", "--from", "grid", "--pca", "4")
    assert again == "There is such a space already: small, building.\n"
    assert "another space small" in refused("create_space", "small", "--from", "grid", "--pca", "5")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["no spaces"], "NAME: Enter a valid “slug”"),
        (["x", "--pca", "4"], "--pca: name the space to derive from with --from."),
        (["x", "--learn", "name"], "--learn: name the space to derive from with --from."),
        (["x", "--from", "grid", "--learn", "name", "--whiten"], "--whiten: a learned map sets its own scales"),
        (
            ["x", "--from", "grid", "--learn", "line", "--pca", "4"],
            "--learn line: no product has it. Choose from: name",
        ),
        (["x", "--from", "grid", "--learn", "name", "--pca", "4"], "--learn name: 0 families have two products"),
        (["x", "--from", "grid", "--learn", "99999999999"], "--learn 99999999999: no product has it."),
        (["x", "--from", "grid", "--learn", "a\0b"], ": no product has it."),
        (["x", "--from", "grid", "--learn", 99_999 * "x"], f"--learn {64 * 'x'}: no product has it."),
        (["x", "--from", "nowhere", "--pca", "4"], "--from: there is no space 'nowhere'. Spaces: grid."),
        (["x", "--from", "grid"], "--from: say how many components to keep"),
        (
            ["x", "--from", "grid", "--pca", "48"],
            "--pca: PCA to 48 components makes no vector of 48 dimensions smaller",
        ),
        (
            ["x", "--from", "grid", "--pca", "20"],
            "--pca: 12 vectors hold at most 11 components, 20 are wanted. Photos indexed into grid count.",
        ),
        (["x", "--from", "grid", "--pca", "4", "--fit", "pad"], "--fit: the recipe is that of --from grid"),
        (["x", "--layer", "layer9"], "resnet50 has no layer 'layer9': did you mean"),
        (["x", "--input-size", "8"], "input_size 8 is not between 32 and 1024"),
        (["x", "--weights", "/no/such.pth"], "--weights: there is no weights file at '/no/such.pth'"),
        (["x", "--backbone", "autoencoder", "--weights", "imagenet"], "--weights: there are no ImageNet weights"),
    ],
)
def test_create_space_refuses_nonsense_with_the_cure(space, indexed_shop, arguments, error):
    assert error in refused("create_space", *arguments)
    assert Space.objects.get() == space


def test_what_is_wrong_with_the_source_or_its_families_is_not_said_of_pca(family_shop):
    run("create_space", "small", "--from", "grid", "--pca", "4")
    for how in (("--pca", "2"), ("--learn", "line")):
        assert refused("create_space", "x", "--from", "small", *how) == (
            "--from: small is a projection itself; derive from the space that it was made from."
        )
    flat(family_shop)
    alike = "--learn line: the photos of a family do not differ, so there is nothing to learn from them"
    assert refused("create_space", "x", "--from", "grid", "--learn", "line", "--pca", "4") == alike


def test_a_learned_space_is_shown_with_what_it_is_worth_and_made_once(family_shop):
    learned = ("create_space", "tuned", "--from", "grid", "--learn", "line", "--pca", "32")
    shown = run(*learned, "--dry-run").splitlines()
    assert [line.split()[0] for line in shown[1:4]] == ["R@1", "grid", "tuned"]
    assert shown[-1].endswith("deviations above families drawn at random. It finds them better, beyond chance.")
    assert "72 photos of 24 families, held out whole" in shown[-1]
    assert Space.objects.get() == family_shop
    made = run(*learned).splitlines()
    assert made[: len(shown)] == shown
    assert made[len(shown)].startswith("tuned: resnet50 layer4 avg, 224 px crop, weights random, tuned by line 32; ")
    assert run(*learned) == "There is such a space already: tuned, building.\n"
    assert "another space tuned" in refused("create_space", "tuned", "--from", "grid", "--pca", "32")
    assert "another space tuned" in refused(*learned[:-3], "luck", "--pca", "32")


def test_a_learned_space_that_is_proven_is_activated_like_any_other(family_shop):
    run("create_space", "tuned", "--from", "grid", "--learn", "line", "--pca", "32")
    assert "72 photos are not indexed in tuned yet" in refused("activate_space", "tuned")
    run("index", "--space", "tuned")
    assert run("activate_space", "tuned", "--wait").startswith("tuned is live.\n")


def test_a_space_learned_from_shuffled_families_is_activated_by_force_alone(family_shop):
    printed = run("create_space", "tuned", "--from", "grid", "--learn", "luck", "--pca", "32")
    assert "That is not better beyond chance: activate_space refuses it without --force." in printed
    for how in ((), ("--wait",), ("--incomplete",)):
        refusal = refused("activate_space", "tuned", *how)
        assert refusal.startswith("NAME: tuned is not proven better than grid: mean average precision 0.")
        assert refusal.endswith(" --force activates it all the same.")
    assert "72 photos are not indexed in tuned yet" in refused("activate_space", "tuned", "--force")
    run("index", "--space", "tuned")
    assert run("activate_space", "tuned", "--wait", "--force").startswith("tuned is live.\n")
    assert run("activate_space", "grid").startswith("grid is live.\n")
    Space.objects.filter(name="grid").update(activated_at=timezone.now())
    assert run("activate_space", "tuned").startswith("tuned is live.\n")  # It was live before.


def test_index_builds_a_space_beside_the_live_one_and_goes_on_where_it_stopped(space, indexed_shop, beside):
    indexing.index_batch(beside, 5)
    assert run("index", "--space", "beside").startswith("7 photos settled in beside, ")


def test_a_space_that_is_not_live_is_built_at_a_bounded_pace(space, indexed_shop, beside, settings, monkeypatch):
    settings.BUILD_SHARE = 0.25
    clock = [0.0]
    rests: list[float] = []
    monkeypatch.setattr(indexing.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(indexing.time, "sleep", rests.append)

    def batch(target, size):
        clock[0] += 2.0
        return size if clock[0] < 5 else 0

    monkeypatch.setattr(indexing, "index_batch", batch)
    run("index", "--space", "beside")
    assert rests == [6.0, 6.0]
    rests.clear()
    clock[0] = 0.0
    run("index")
    assert rests == [0.0, 0.0]


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "nan"])
def test_a_share_that_is_none_is_refused(space, share):
    assert "--share: give a share of the time" in refused("index", "--share", share)


def test_spaces_lists_state_progress_size_and_recall(space, indexed_shop, beside):
    rows = json.loads(run("spaces", "--json"))
    facts = [(row["space"], row["state"], row["indexed"], row["pending"], row["progress"]) for row in rows]
    assert facts == [("grid", "live", 12, 0, 1.0), ("beside", "building", 0, 12, 0.0)]
    assert [row["recall_at_10"] for row in rows] == [1.0, 1.0]
    assert rows[0]["vector_bytes"] > 0
    lines = run("spaces").splitlines()
    assert lines[0].split()[:4] == ["space", "state", "indexed", "dims"]
    assert lines[1].split()[:5] == ["grid", "live", "12", "48", "cosine"]
    assert lines[2].split()[:4] == ["beside", "building", "0", "(0%)"]
    assert "resnet50 layer4 avg, 224 px crop, weights random" in lines[1]


def test_without_spaces_the_list_names_the_cure(db):
    assert run("spaces") == "There is no space yet: run manage.py prepare.\n"


def test_activate_space_says_what_the_space_lacks(space, indexed_shop, beside):
    head_training.train(space)
    assert refused("activate_space", "beside") == (
        "NAME: 12 photos are not indexed in beside yet: the workers see to it, or run "
        "`manage.py index --space beside`. --incomplete activates it as it is."
    )
    run("index", "--space", "beside")
    beside.heads.all().delete()
    assert "NAME: beside has no category head yet" in refused("activate_space", "beside")
    assert not beside.heads.exists()
    head_training.train(beside)
    printed = run("activate_space", "beside")
    assert printed == (
        "beside is live.\nBack with `manage.py activate_space grid`; delete it with `manage.py drop_space grid`.\n"
    )
    assert Space.objects.live() == beside
    assert run("activate_space", "beside") == "beside is live already.\n"
    assert "there is no space 'none'. Spaces: grid, beside." in refused("activate_space", "none")


def test_a_space_is_waited_for_until_nothing_is_lacking(space, indexed_shop, beside, photo, monkeypatch):
    """A photo that comes while the space is about to be activated is waited for as well."""
    monkeypatch.setattr(activate_space, "POLL", 0)
    late = iter([lambda: None, lambda: photo("teal", "lamp"), lambda: None])
    activate = spaces.activate

    def interrupted(*arguments, **options):
        next(late, lambda: None)()
        try:
            return activate(*arguments, **options)
        except spaces.NotReady:
            run("index", "--space", "beside")
            raise

    monkeypatch.setattr(spaces, "activate", interrupted)
    printed = run("activate_space", "beside", "--wait")
    assert printed.startswith("Waiting. 12 photos are not indexed in beside yet")
    assert "Waiting. 1 photos are not indexed in beside yet" in printed
    assert "beside is live." in printed


def test_whoever_waits_for_nothing_is_asked_whether_a_worker_runs(space, indexed_shop, beside, monkeypatch):
    monkeypatch.setattr(activate_space, "POLL", 0)
    monkeypatch.setattr(activate_space, "STALLED", -1)
    refusals = iter([spaces.NotReady("12 photos are missing", "index")] * 2)

    def refuse(*arguments, **options):
        if refusal := next(refusals, None):
            raise refusal
        return space

    monkeypatch.setattr(spaces, "activate", refuse)
    assert "does a worker run? 12 photos are missing" in run("activate_space", "beside", "--wait")


@pytest.mark.django_db(transaction=True)
def test_a_space_is_activated_with_the_indexes_that_maintain_builds(space, indexed_shop, beside, monkeypatch):
    run("index", "--space", "beside")
    monkeypatch.setattr(partitions, "EXACT_ROWS", 5)
    leaves = partitions.leaves(beside)
    assert "NAME: beside lacks indexes of large categories" in refused("activate_space", "beside")
    assert {leaf.index_name for leaf in leaves} <= {*run("maintain").split()}
    assert run("activate_space", "beside").startswith("beside is live.\n")
    assert [index.category_id for index in beside.indexes.order_by("category_id")] == [
        leaf.category_id for leaf in leaves
    ]
    assert LeafIndex.objects.filter(space=beside).count() == len(leaves) == 2
    for one in (space, beside):
        partitions.when_free(partial(partitions.drop_branch, one))


def test_a_roll_back_does_not_wait_for_the_photos_that_came_meanwhile(space, indexed_shop, beside, photo):
    run("index", "--space", "beside")
    run("activate_space", "beside")
    Space.objects.filter(pk=space.pk).update(activated_at=timezone.now())
    photo("red", "lamp")
    assert run("activate_space", "grid").startswith("grid is live.\nThe workers index the 1 photos that it lacks.\n")


def test_an_incomplete_space_is_activated_on_demand(space, indexed_shop, beside):
    assert run("activate_space", "beside", "--incomplete").startswith("beside is live.")


def test_drop_space_asks_first_and_never_takes_the_live_one(space, indexed_shop, beside, monkeypatch):
    assert "activate another space first" in refused("drop_space", "grid")
    assert run("drop_space", "beside", "--dry-run").startswith("Would delete beside, building, ")
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run("drop_space", "beside")
    assert Space.objects.filter(name="beside").exists()
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert run("drop_space", "beside").startswith("Deleted beside, building, ")
    assert Space.objects.get() == space
