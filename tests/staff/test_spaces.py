"""Spaces in the admin: made, watched, activated, dropped."""

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from search import head_training, indexing, projections, spaces, tasks, worker_bell
from search.models import Head, LeafIndex, Space, Threshold
from search.store import partitions
from staff.spaces import KEPT
from tests.made_up_families import flat

pytestmark = pytest.mark.django_db
LIST = reverse("admin:search_space_changelist")
ADD = reverse("admin:search_space_add")
RECIPE_FIELDS = dict.fromkeys(("weights", "backbone", "layer", "pooling", "input_size", "fit", "interpolation"), "")
EMPTY = {**RECIPE_FIELDS, "name": "new", "metric": "", "source": "", "pca": ""}


def act(client, action: str, *chosen: Space) -> str:
    data = {"action": action, "_selected_action": [space.pk for space in chosen]}
    return client.post(LIST, data, follow=True).content.decode()


def test_a_space_with_a_recipe_of_its_own_is_made(admin_client, space, settings):
    settings.LAMPLIGHT_WEIGHTS = "random"
    data = {**EMPTY, "backbone": "resnet18", "pooling": "gem", "fit": "squash", "input_size": "160"}
    assert admin_client.post(ADD, data).status_code == 302
    made = Space.objects.get(name="new")
    recipe = {key: made.recipe[key] for key in ("backbone", "weights", "layer", "pooling", "fit", "input_size")}
    assert recipe == {
        "backbone": "resnet18",
        "weights": "random",
        "layer": "layer4",
        "pooling": "gem",
        "fit": "squash",
        "input_size": 160,
    }
    assert (made.state, made.dimensions) == ("building", 512)


def test_a_derived_space_is_made(admin_client, space, indexed_shop):
    assert admin_client.post(ADD, {**EMPTY, "source": space.pk, "pca": "4", "whiten": "on"}).status_code == 302
    made = Space.objects.get(name="new")
    assert (made.source, made.dimensions, made.recipe["whiten"]) == (space, 4, True)


def test_a_space_learned_from_families_shows_its_proof_and_is_not_activated_without_one(admin_client, family_shop):
    learned = {**EMPTY, "source": family_shop.pk, "learn": "luck", "pca": "32"}
    assert admin_client.post(ADD, learned).status_code == 302
    made = Space.objects.get(name="new")
    assert (made.source, made.dimensions, made.recipe["learn"]) == (family_shop, 32, "luck")
    page = admin_client.get(reverse("admin:search_space_change", args=[made.pk])).content.decode()
    assert "72 photos of 24 families, held out whole, look for their kin" in page
    answer = act(admin_client, "activate", made)
    assert "new is not proven better than grid: mean average precision 0." in answer
    assert "`manage.py activate_space new --force` activates it all the same." in answer
    assert Space.objects.live() == family_shop


def test_families_that_teach_nothing_are_an_error_of_the_form(admin_client, space, indexed_shop):
    learned = {**EMPTY, "source": space.pk, "pca": "4"}
    assert "No product has it. Choose from: name." in admin_client.post(ADD, {**learned, "learn": "x"}).content.decode()
    assert "0 families have two products" in admin_client.post(ADD, {**learned, "learn": "name"}).content.decode()
    answer = admin_client.post(ADD, {**learned, "learn": "name", "whiten": "on"}).content.decode()
    assert "A learned map sets its own scales: leave this empty." in answer


def errors(client, **given) -> dict[str, list[str]]:
    return client.post(ADD, {**EMPTY, **given}).context["adminform"].form.errors


def test_what_no_space_can_be_derived_from_is_an_error_of_its_own_field(admin_client, family_shop):
    small = spaces.derive("small", family_shop, projections.fit(family_shop, 4))
    for how in ({"pca": "2"}, {"learn": "line"}):
        assert errors(admin_client, source=small.pk, **how) == {
            "source": ["small is a projection itself; derive from the space that it was made from."]
        }
    learned = {"source": family_shop.pk, "pca": "4"}
    assert list(errors(admin_client, **learned, learn="99999999999")) == ["learn"]
    assert list(errors(admin_client, **learned, learn="a\0b")) == ["learn"]
    assert list(errors(admin_client, **learned, learn=100_000 * "x")) == ["learn"]
    flat(family_shop)
    assert errors(admin_client, **learned, learn="line") == {
        "learn": ["The photos of a family do not differ, so there is nothing to learn from them"]
    }


def test_of_more_photos_than_a_request_bears_the_command_is_named(admin_client, family_shop, monkeypatch):
    monkeypatch.setattr("staff.space_form.LEARNED_AT_ONCE", 71)
    assert errors(admin_client, source=family_shop.pk, pca="32", learn="my line") == {
        "learn": [
            "Learning from 72 photos would hold up searches: the admin learns from 71 at most. Run on the server: "
            "manage.py create_space new --from grid --learn 'my line' --pca 32"
        ]
    }
    monkeypatch.setattr("staff.space_form.LEARNED_AT_ONCE", 72)
    assert admin_client.post(ADD, {**EMPTY, "source": family_shop.pk, "pca": "32", "learn": "line"}).status_code == 302


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"pca": "4"}, "Choose the space to derive from."),
        ({"backbone": "resnet18", "layer": "layer9"}, "resnet18 has no layer &#x27;layer9&#x27;"),
        ({"weights": "/no/such.pth"}, "there is no weights file at"),
        ({"weights": 5_000 * "x"}, "cannot be read (File name too long)"),
        ({"weights": "~nobody-here/x.pth"}, "cannot be read (Could not determine home directory.)"),
        ({"backbone": "vgg16", "weights": "imagenet"}, "create_space NAME --backbone vgg16 --weights imagenet"),
        ({"input_size": "9"}, "greater than or equal to 32"),
        ({"name": "grid"}, "Space with this Name already exists"),
    ],
)
def test_what_cannot_be_made_is_an_error_of_the_form(
    admin_client, space, settings, given, error, monkeypatch, tmp_path
):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    settings.LAMPLIGHT_WEIGHTS = "random"
    answer = admin_client.post(ADD, {**EMPTY, **given})
    assert (answer.status_code, error in answer.content.decode()) == (200, True)
    assert Space.objects.get() == space


def test_a_derived_space_takes_no_recipe_and_no_more_components_than_photos(admin_client, space, indexed_shop):
    derived = {**EMPTY, "source": space.pk}
    assert "leave this empty" in admin_client.post(ADD, {**derived, "pca": "4", "fit": "pad"}).content.decode()
    assert "Say how many components" in admin_client.post(ADD, derived).content.decode()
    assert "12 vectors hold at most 11" in admin_client.post(ADD, {**derived, "pca": "20"}).content.decode()


def test_the_list_shows_how_far_each_space_is_and_reloads_while_one_is_built(
    admin_client, space, indexed_shop, beside, clock
):
    head_training.train(space)
    page = admin_client.get(LIST).content.decode()
    assert '<progress value="12" max="12" style="width: 8em"></progress> 12 of 12' in page
    assert '<progress value="0" max="12" style="width: 8em"></progress> 0 of 12' in page
    assert 'http-equiv="refresh"' in page
    while indexing.index_batch(beside):
        pass
    clock[0] += KEPT
    assert 'http-equiv="refresh"' in admin_client.get(LIST).content.decode(), "it still lacks a head"
    head_training.train(beside)
    clock[0] += KEPT
    assert 'http-equiv="refresh"' not in admin_client.get(LIST).content.decode()


def test_the_list_tells_how_many_categories_have_an_index(admin_client, space, indexed_shop, category, clock):
    assert "exact scans" in admin_client.get(LIST).content.decode()
    LeafIndex.objects.create(space=space, category=category("lamp"), ef_search=40, recall=1, photos=6)
    clock[0] += KEPT
    assert "HNSW in 1 of 2 categories" in admin_client.get(LIST).content.decode()


def test_a_space_without_the_indexes_that_it_needs_is_not_activated(
    admin_client, space, indexed_shop, beside, category, monkeypatch
):
    while indexing.index_batch(beside):
        pass
    monkeypatch.setattr(partitions, "EXACT_ROWS", 5)
    assert "beside lacks indexes of large categories: the workers see to it, or run `manage.py maintain`." in act(
        admin_client, "activate", beside
    )
    assert Space.objects.live() == space
    for slug in ("lamp", "bed"):
        LeafIndex.objects.create(space=beside, category=category(slug), ef_search=40, recall=1, photos=6)
        leaf = partitions.Leaf(beside, category(slug).pk)
        with connection.cursor() as cursor:
            index = (
                f"CREATE INDEX {leaf.index_name} ON {leaf.name} USING hnsw ((vector::halfvec(48)) halfvec_cosine_ops)"
            )
            cursor.execute(index)
    assert "beside is live; grid is kept." in act(admin_client, "activate", beside)


def test_a_space_is_activated_when_it_is_complete(admin_client, space, indexed_shop, beside):
    head_training.train(space)
    assert "12 photos are not indexed in beside yet" in act(admin_client, "activate", beside)
    while indexing.index_batch(beside):
        pass
    assert "beside has no category head yet" in act(admin_client, "activate", beside)
    assert (Space.objects.live(), beside.heads.exists()) == (space, False)  # A request never trains a head.
    head_training.train(beside)
    assert "beside is live; grid is kept." in act(admin_client, "activate", beside)
    assert Space.objects.live() == beside
    assert "Select one space." in act(admin_client, "activate", space, beside)


def test_a_roll_back_does_not_wait_for_the_photos_that_came_meanwhile(admin_client, space, indexed_shop, beside, photo):
    while indexing.index_batch(beside):
        pass
    act(admin_client, "activate", beside)
    Space.objects.filter(pk=space.pk).update(activated_at=timezone.now())
    photo("red", "lamp")
    expected = "grid is live; beside is kept. The 1 photos that it lacks are being indexed."
    assert expected in act(admin_client, "activate", space)


def test_a_space_is_deleted_by_a_worker_but_never_the_live_one(
    admin_client, space, indexed_shop, beside, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(worker_bell, "send", lambda task, pk: sent.append((task, pk)))
    delete = reverse("admin:search_space_delete", args=[beside.pk])
    assert admin_client.get(delete).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        page = admin_client.post(delete, {"post": "yes"}, follow=True).content.decode()
    assert "A worker deletes beside as soon as its searches have ended." in page
    assert sent == [("search.tasks.drop_space", beside.pk)]
    tasks.drop_space(beside.pk)
    assert not Space.objects.filter(name="beside").exists()
    tasks.drop_space(beside.pk)
    tasks.drop_space(space.pk)
    assert admin_client.post(reverse("admin:search_space_delete", args=[space.pk]), {"post": "yes"}).status_code == 403
    assert "which answers searches" in act(admin_client, "delete_selected", space)
    assert Space.objects.live() == space


def test_thresholds_are_edited_on_the_page_of_the_space(admin_client, space, indexed_shop, category):
    page = reverse("admin:search_space_change", args=[space.pk])
    assert "random" in admin_client.get(page).content.decode()
    inline = {"thresholds-TOTAL_FORMS": "1", "thresholds-INITIAL_FORMS": "0", "thresholds-0-space": space.pk}
    row = {"thresholds-0-category": category("lamp").pk, "thresholds-0-min_similarity": "0.61"}
    assert admin_client.post(page, {**inline, **row}).status_code == 302
    assert str(Threshold.objects.get(space=space)) == "Lamp: 0.610"
    refused = admin_client.post(page, {**inline, **row, "thresholds-0-min_similarity": "1.5"})
    assert "less than or equal to 1" in refused.content.decode()


def test_a_head_shows_what_it_takes_for_what_and_all_that_was_measured(admin_client, space, indexed_shop):
    head = head_training.train(space)
    assert head is not None
    page = admin_client.get(reverse("admin:search_head_change", args=[head.pk])).content.decode()
    assert '<th scope="row">Bed</th>' in page
    assert "&quot;calibration_error&quot;" in page
    Head.objects.update(metrics={"top1": 0.5})
    page = admin_client.get(reverse("admin:search_head_change", args=[head.pk])).content.decode()
    assert "This head was trained before confusions were kept." in page
