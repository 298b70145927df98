"""A backup put back: into the tests' own database, which it replaces."""

import errno
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.db import connection

from catalog.models import Category, Import, Photo, Product
from catalog.photos import add_photo
from catalog.storage import PhotoStorage
from ml.recipes import make_recipe
from operations import postgresql_tools, restore
from operations.backup_folder import BackupFolder
from search import indexing, photo_states
from search.models import Embedding, LeafIndex, Space
from tests import commands
from tests.conftest import picture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_folder")]
run, refused = partial(commands.run, "restore"), partial(commands.refused, "restore")


def lose_all(media: Path) -> None:
    shutil.rmtree(media, ignore_errors=True)
    Photo.objects.all().delete()
    Product.objects.all().delete()


def full(*arguments: object) -> str:
    raise OSError(errno.ENOSPC, "No space left")


def test_products_photos_and_vectors_come_back(photo, media, index, folder):
    row = photo("red", "lamp", price=9)
    index()
    vectors = list(Embedding.objects.values_list("photo_id", "vector"))
    stored = (media / row.file.name).read_bytes()
    commands.run("backup", str(folder))
    lose_all(media)
    assert run(str(folder), "--replace").startswith("Restored 1 products, 1 photos of 20")
    assert list(Product.objects.values_list("sku", "price")) == [(row.product.sku, 9)]
    assert (media / row.file.name).read_bytes() == stored
    assert list(Embedding.objects.values_list("photo_id", "vector")) == vectors


def test_photos_that_are_there_are_not_copied_and_damaged_ones_are_mended(photo, media, folder):
    kept, damaged = photo("red"), photo("blue")
    commands.run("backup", str(folder))
    (media / damaged.file.name).write_bytes(b"half a pho")
    assert "; 1 photos were copied." in run(str(folder), "--replace")
    assert (media / damaged.file.name).read_bytes() == (folder / "media" / damaged.file.name).read_bytes()
    assert {path.name for path in (media / "photos").rglob("*.jpg")} == {
        Path(row.file.name).name for row in (kept, damaged)
    }


def test_a_photo_that_cannot_be_stored_leaves_the_one_in_its_place(photo, media, folder, monkeypatch):
    row = photo("red")
    commands.run("backup", str(folder))
    (media / row.file.name).write_bytes(b"half a pho")
    monkeypatch.setattr(PhotoStorage, "_save", full)
    assert refused(str(folder), "--replace").startswith("No space left.")
    assert (media / row.file.name).read_bytes() == b"half a pho"


def test_what_the_database_held_is_gone_and_what_it_lost_is_back(photo, category, folder):
    photo("red")
    commands.run("backup", str(folder))
    Product.objects.all().delete()
    category("sofa")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE of_a_later_version (id int)")
    run(str(folder), "--replace")
    assert list(Category.objects.values_list("slug", flat=True)) == ["lamp"]
    assert "of_a_later_version" not in connection.introspection.table_names()
    category("chair")  # The sequences go on behind the last id.


def test_a_database_that_is_not_empty_is_refused_and_stays(photo, media, folder):
    photo("red")
    commands.run("backup", str(folder))
    lose_all(media)
    assert "give --replace to drop all that it holds" in refused(str(folder))
    assert (Product.objects.count(), media.exists()) == (0, False)


def test_a_flipped_byte_is_named_before_anything_changes(photo, media, folder):
    row, other = photo("red"), photo("blue")
    commands.run("backup", str(folder))
    lose_all(media)
    damaged = folder / "media" / row.file.name
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)
    (folder / "media" / other.file.name).unlink()
    told = sorted([f"media/{row.file.name} is damaged", f"media/{other.file.name} is missing"])
    for arguments in (["--check"], ["--replace"]):
        assert refused(str(folder), *arguments) == f"{folder} cannot be restored: {', '.join(told)}"
    assert (Product.objects.count(), media.exists()) == (0, False)


def test_a_flipped_byte_of_the_checksums_or_of_the_dump_is_named(photo, folder):
    photo("red")
    commands.run("backup", str(folder))
    manifest = BackupFolder(folder).manifest()
    for name in (manifest.database, manifest.checksums):
        content = bytearray((folder / name).read_bytes())
        content[-10] ^= 1
        (folder / name).write_bytes(content)
        assert name in refused(str(folder), "--check")


def test_check_says_what_a_whole_backup_holds_and_changes_nothing(photo, media, folder):
    photo("red")
    commands.run("backup", str(folder))
    lose_all(media)
    assert run(str(folder), "--check").startswith(f"{folder} is whole: 1 products, 1 photos of 20")
    assert Product.objects.count() == 0


def test_a_dump_that_fails_half_way_leaves_the_database_as_it_was(photo, folder, monkeypatch, tmp_path):
    photo("red")
    commands.run("backup", str(folder))
    real = postgresql_tools.tool("pg_restore")
    failing = tmp_path / "pg_restore"
    failing.write_text(
        f'#!/bin/sh\ncase "$*" in *--list*) exec {real} "$@";; esac\n'
        f"{real} \"$@\" | head -c 3000\necho 'pg_restore: error: the disk cannot be read' >&2\nexit 1\n"
    )
    failing.chmod(0o755)
    tool = postgresql_tools.tool
    monkeypatch.setattr(postgresql_tools, "tool", lambda name: failing if name == "pg_restore" else tool(name))
    told = refused(str(folder), "--replace")
    assert told == ("The database was not restored, and is as it was: pg_restore: error: the disk cannot be read")
    assert Product.objects.count() == 1


def test_a_shop_that_was_started_while_photos_were_copied_is_found_before_the_database_is_touched(
    photo, folder, monkeypatch
):
    photo("red")
    commands.run("backup", str(folder))
    put_models, shop = restore._put_models, []

    def put_later(*arguments: Any) -> dict[str, Path]:
        address = {name: connection.get_connection_params()[name] for name in ("host", "port", "user", "dbname")}
        shop.append(psycopg.connect(**address, application_name="worker"))
        return put_models(*arguments)

    monkeypatch.setattr(restore, "_put_models", put_later)
    try:
        told = refused(str(folder), "--replace")
    finally:
        shop.pop().close()
    assert told == "1 other connections use the database: stop web server, workers and beat first"


def test_a_database_that_refuses_what_it_is_given_is_as_it_was(photo, folder, monkeypatch, tmp_path):
    photo("red")
    commands.run("backup", str(folder))
    failing = tmp_path / "psql"
    failing.write_text("#!/bin/sh\necho 'psql:<stdin>:9: ERROR:  permission denied for schema public' >&2\nexit 3\n")
    failing.chmod(0o755)
    tool = postgresql_tools.tool
    monkeypatch.setattr(postgresql_tools, "tool", lambda name: failing if name == "psql" else tool(name))
    assert refused(str(folder), "--replace") == (
        "The database was not restored, and is as it was: psql:<stdin>:9: ERROR:  permission denied for schema public"
    )
    assert Product.objects.count() == 1


def test_photos_of_a_storage_that_is_no_folder_are_backed_up_and_put_back(product, folder, settings):
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "default": memory}
    row, _ = add_photo(product(), picture("red"))
    stored, storage, name = row.file.read(), row.file.storage, str(row.file)
    commands.run("backup", str(folder))
    storage.delete(name)
    assert "; 1 photos were copied." in run(str(folder), "--replace")
    storage.delete(name)
    storage.save(name, ContentFile(b"half a pho"))
    assert "; 1 photos were copied." in run(str(folder), "--replace")
    with Photo.objects.get().file.open() as file:
        assert file.read() == stored
    assert storage.listdir(str(Path(name).parent))[1] == [Path(name).name]


def test_weights_go_to_the_new_data_folder_and_spaces_find_them_there(folder, data_folder, settings, tmp_path):
    weights = data_folder / "autoencoder.safetensors"
    weights.write_bytes(b"weights")
    Space.objects.create(name="own", recipe=make_recipe(str(weights), "autoencoder").as_dict(), dimensions=256)
    commands.run("backup", str(folder))
    data_folder.rename(tmp_path / "gone")
    settings.VAR = tmp_path / "elsewhere"
    settings.LAMPLIGHT_WEIGHTS = str(weights)
    moved = tmp_path / "elsewhere" / "autoencoder.safetensors"
    assert f"Set LAMPLIGHT_WEIGHTS={moved} before you start the shop.\n" in run(str(folder), "--replace")
    assert moved.read_bytes() == b"weights"
    assert Space.objects.get().recipe["weights"] == str(moved)
    assert Space.objects.get().weights == "path:autoencoder.safetensors"


def test_weights_whose_place_is_taken_do_not_overwrite_what_is_there(folder, data_folder):
    weights = data_folder / "autoencoder.safetensors"
    weights.write_bytes(b"weights")
    Space.objects.create(name="own", recipe=make_recipe(str(weights), "autoencoder").as_dict(), dimensions=256)
    commands.run("backup", str(folder))
    weights.write_bytes(b"trained anew")
    run(str(folder), "--replace")
    assert weights.read_bytes() == b"trained anew"
    assert Path(Space.objects.get().recipe["weights"]).read_bytes() == b"weights"


def test_weights_from_outside_the_data_folder_stay_where_they_are_or_go_into_it(folder, tmp_path, data_folder):
    weights = tmp_path / "mounted.pth"
    weights.write_bytes(b"weights")
    Space.objects.create(name="own", recipe=make_recipe(str(weights), "autoencoder").as_dict(), dimensions=256)
    commands.run("backup", str(folder))
    run(str(folder), "--replace")
    assert Space.objects.get().recipe["weights"] == str(weights)
    weights.unlink()
    run(str(folder), "--replace")
    place = data_folder / "weights" / weights.relative_to("/")
    assert (Space.objects.get().recipe["weights"], place.read_bytes()) == (str(place), b"weights")


def test_files_of_one_folder_stay_together_where_the_place_of_one_is_taken(folder, data_folder, settings):
    encoder = data_folder / "encoder"
    encoder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (encoder / name).write_text(name)
    settings.TEXT_ENCODER = str(encoder)
    commands.run("backup", str(folder))
    (encoder / "config.json").write_text("of another")
    moved = data_folder / "weights" / encoder.relative_to("/")
    assert f"Set TEXT_ENCODER={moved} before you start the shop.\n" in run(str(folder), "--replace")
    assert {path.name: path.read_text() for path in moved.iterdir()} == {
        name: name for name in ("config.json", "tokenizer.json", "model.safetensors")
    }
    assert (encoder / "config.json").read_text() == "of another"


def test_without_vectors_all_is_pending_and_indexing_makes_it_again(photo, index, space, folder):
    photo("red")
    index()
    LeafIndex.objects.create(space=space, category=Category.objects.get(), ef_search=40, recall=1, photos=1)
    commands.run("backup", str(folder), "--without-vectors")
    assert "The workers index all photos and texts anew." in run(str(folder), "--replace")
    assert (photo_states.counts(space).pending, LeafIndex.objects.count()) == (1, 0)
    assert indexing.index_batch(space) == 1
    assert photo_states.counts(space).indexed == 1


def test_a_photo_that_was_deleted_while_files_were_copied_is_not_restored(photo, folder):
    photo("red")
    deleted = photo("blue")
    commands.run("backup", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "deleted_photos": [deleted.pk]}))
    run(str(folder), "--replace")
    assert not Photo.objects.filter(pk=deleted.pk).exists()


def test_an_import_that_was_under_way_is_cancelled_for_its_files_are_not_in_a_backup(folder, settings, tmp_path):
    settings.IMPORTS_ROOT = tmp_path / "imports"
    settings.IMPORTS_ROOT.mkdir()
    (settings.IMPORTS_ROOT / "there").write_text("sku,name,category")
    for name in ("there", "gone"):
        Import.objects.create(csv=name, csv_name=f"{name}.csv", state=Import.State.RUNNING)
    commands.run("backup", str(folder))
    run(str(folder), "--replace")
    assert dict(Import.objects.values_list("csv", "state")) == {"there": "running", "gone": "cancelled"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"migrations": {"catalog": ["0999_later"]}}, "whose migration catalog.0999_later is not known here"),
        ({"postgresql": 99}, "The backup is of PostgreSQL 99, and this server is 18: use one as new"),
        ({"format": 2}, "its format is 2, and this version of Lamplight reads 1"),
        ({"later": 1}, "unexpected keyword argument 'later'"),
    ],
)
def test_a_backup_of_a_later_version_is_refused(folder, change, reason):
    commands.run("backup", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    assert reason in refused(str(folder), "--replace")


def test_a_manifest_that_is_no_json_and_a_folder_without_one_are_refused(folder, tmp_path):
    assert refused(str(tmp_path / "none")) == f"{tmp_path / 'none'} holds no whole backup."
    commands.run("backup", str(folder))
    (folder / "manifest.json").write_text("{")
    assert refused(str(folder)).startswith(f"{folder / 'manifest.json'} cannot be read: ")


def test_a_checksum_file_that_leads_out_of_the_folder_is_refused(folder):
    commands.run("backup", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "checksums": "../etc/passwd"}))
    assert refused(str(folder)) == f"{folder} names a file outside itself: ../etc/passwd"
