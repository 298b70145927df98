"""A shop of each earlier release, restored and brought up to date by this version (releases/make.sh made them)."""

import re
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalog.models import Category, Photo, Product
from operations.backup_folder import BackupFolder
from search import photo_states
from search.models import Space
from tests import commands

RELEASES = sorted(path for path in (Path(__file__).parent / "releases").iterdir() if path.is_dir())
SKUS = ["BED-001", "BED-002", "BED-003", "LAM-001", "LAM-002", "LAM-003"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
@pytest.mark.django_db(transaction=True)
def test_a_shop_of_the_release_is_migrated_with_all_that_it_had(release, client, media, settings, tmp_path):
    settings.VAR = tmp_path
    commands.run("restore", str(release), "--replace")
    assert BackupFolder(release).manifest().version == release.name
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert sorted(Product.objects.values_list("sku", flat=True)) == SKUS
    assert all((media / photo.file.name).is_file() for photo in Photo.objects.all())
    space = Space.objects.get(state="live")
    assert (space.name, photo_states.counts(space).indexed, space.heads.count()) == ("resnet18-random", 12, 1)
    similar = client.get("/api/v1/products/BED-001/similar/").json()["results"]
    assert [hit["product"]["category"] for hit in similar] == ["bed", "bed"]
    found = client.get("/api/v1/search/text/", {"q": "beds", "mode": "words"}).json()["results"]
    assert sorted(hit["product"]["sku"] for hit in found) == SKUS[:3]
    Category.objects.create(slug="sofa", name="Sofa")


def test_every_release_has_its_shop(settings):
    headings = re.findall(r"^## ([0-9.]+) - ", (settings.BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sorted(release.name for release in RELEASES) == sorted(headings)
