"""What each check finds. Those of workers and of servers that are away are in test_doctor.py."""

import os
import shutil
import time
from collections import namedtuple
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from access.models import Key
from catalog.models import Photo
from ml.recipes import make_recipe
from operations import last_backup
from operations.backup_folder import BackupFolder, Manifest
from operations.doctor import backups, broker, database, disk, exposure, misconfiguration, networks, page_key, versions
from operations.doctor import index as index_check
from operations.doctor.finding import Finding
from search import spaces
from search.models import Space

MANIFEST = Manifest(
    "2026-01-01T00:00+00:00", "1.0.0", 18, "0.8.1", {}, [], "/var", True, {}, "d.dump", "SHA256SUMS", ""
)
Usage = namedtuple("Usage", "total used free")


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(str(finding.level), finding.text) for finding in findings]


@pytest.fixture
def public(settings) -> None:
    """A shop that is reached by strangers as it should be."""
    settings.HOST, settings.ALLOWED_HOSTS = "0.0.0.0", ["shop.example", "0.0.0.0", "localhost"]
    settings.BEHIND_TLS, settings.SEARCH_THROTTLE = True, "120/min"
    settings.PAGE_THROTTLE, settings.PHOTO_THROTTLE = "600/min", "6000/min"


def test_versions_are_told():
    [(level, text)] = told(versions.versions())
    assert level == "ok"
    assert text.startswith("Lamplight 1.0.0, Python 3.")


def test_a_shop_on_one_machine_is_reached_by_nobody_else(settings):
    settings.HOST, settings.ALLOWED_HOSTS = "127.0.0.1", ["127.0.0.1", "localhost", "[::1]"]
    assert told(exposure.exposure()) == [("ok", "only this machine may reach the site")]


def test_a_public_shop_behind_tls_is_well(public):
    assert [level for level, _ in told(exposure.exposure())] == ["ok"]


@pytest.mark.parametrize(
    ("change", "level", "text"),
    [
        ({"DEBUG": True}, "problem", "DEBUG shows code and settings to whoever reaches 0.0.0.0, shop.example"),
        ({"BEHIND_TLS": False}, "problem", "passwords and tokens travel in clear to 0.0.0.0, shop.example"),
        ({"ALLOWED_HOSTS": ["*"]}, "warning", "ALLOWED_HOSTS takes any name for the shop's"),
        ({"SEARCH_THROTTLE": "off"}, "warning", "strangers may ask for searches as often as they like"),
        ({"PAGE_THROTTLE": "off"}, "warning", "strangers may ask for pages as often as they like"),
        ({"PHOTO_THROTTLE": "off"}, "warning", "strangers may ask for photos as often as they like"),
    ],
)
def test_what_is_unsafe_in_public_is_told(public, settings, change, level, text):
    for name, value in change.items():
        setattr(settings, name, value)
    assert told(exposure.exposure()) == [(level, text)]


def test_a_page_without_a_key_is_told_where_the_api_answers_nobody_without(settings):
    settings.STOREFRONT_KEY, settings.ANONYMOUS_API = "", True
    assert [level for level, _ in told(page_key.page_key())] == ["ok"]
    settings.ANONYMOUS_API = False
    [(level, text)] = told(page_key.page_key())
    assert level == "warning"
    assert text.startswith("the shop's page finds nothing: the API answers nobody without a key")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("ok", "the shop's page asks with the key {prefix}")),
        ({"revoked_at": timezone.now()}, ("problem", "the shop's page sends a key that is revoked or unknown")),
        ({"scopes": ["search"]}, ("problem", "the key of the shop's page, {prefix}, lacks read, events")),
        (
            {"origins": ["https://other.example"]},
            (
                "problem",
                "the key of the shop's page is for pages of https://other.example, not of 0.0.0.0, shop.example",
            ),
        ),
    ],
    ids=["right", "revoked", "scopes", "origins"],
)
def test_a_page_whose_key_does_not_work_is_told(db, public, settings, given, expected):
    usual = {"scopes": ["search", "read", "events"], "origins": ["https://shop.example"]}
    key = Key(name="page", kind="pk", **{**usual, **given})
    settings.STOREFRONT_KEY = key.renew()
    key.save()
    level, text = expected
    assert told(page_key.page_key()) == [(level, text.format(prefix=key.prefix))]


def test_a_page_whose_key_was_rotated_is_told_in_time(db, public, settings):
    key = Key(name="page", kind="pk", scopes=["search", "read", "events"], origins=["https://shop.example"])
    settings.STOREFRONT_KEY = key.renew()
    key.save()
    key.rotate(timedelta(days=1))
    [(level, text)] = told(page_key.page_key())
    assert level == "warning"
    assert text.startswith("the key of the shop's page was rotated, and works until ")


def test_a_short_secret_key_and_uncounted_proxies_are_told(public, settings):
    settings.SECRET_KEY = "short"
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 0}
    found = list(misconfiguration.system_checks())
    # Django keeps its checks in a set, so they come in any order.
    assert {(finding.level, finding.text.split("(")[-1]) for finding in found} == {
        ("warning", "security.W009)"),
        ("problem", "search.E003)"),
    }
    assert all(finding.cure for finding in found)


def test_well_set_settings_pass(settings):
    settings.SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEF"
    assert told(misconfiguration.system_checks()) == [("ok", "the system checks pass")]


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_is_well():
    findings = told([*database.server(), *database.migrations(), *database.locks()])
    assert [level for level, _ in findings] == ["ok", "ok", "ok"]
    assert findings[0][1].startswith("PostgreSQL 18.")


@pytest.mark.django_db
def test_a_database_with_few_locks_for_its_leaves_is_warned_of(space, category, monkeypatch):
    monkeypatch.setattr(database, "LOCKS_PER_LEAF", 30_000)
    category("lamp")
    spaces.ensure_partitions()
    told_of = "max_locks_per_transaction is 512, little for so many categories and spaces"
    assert told(database.locks()) == [("warning", told_of)]


@pytest.mark.django_db
def test_redis_and_its_queues_answer():
    [(level, text)] = told(broker.server())
    assert (level, text.endswith(", noeviction")) == ("ok", True)
    assert [text.partition(":")[0] for _, text in told(broker.queues())] == ["messages waiting"]


def test_a_redis_of_ones_own_that_is_away_is_told_at_once(monkeypatch):
    monkeypatch.setattr(broker, "current_app", Celery(broker="redis://127.0.0.1:1/1", set_as_current=False))
    begun = time.monotonic()
    with pytest.raises(BrokerError, match="refused"):
        list(broker.server())
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("age", "level"), [(None, "warning"), (30, "ok"), (700, "problem")], ids=["never ran", "runs", "stopped"]
)
def test_beat_is_known_by_its_schedule(settings, tmp_path, age, level):
    settings.CELERY_BEAT_SCHEDULE_FILENAME = str(tmp_path / "celerybeat-schedule")
    if age is not None:
        written = tmp_path / "celerybeat-schedule.db"
        written.touch()
        os.utime(written, (time.time() - age,) * 2)
    assert [found for found, _ in told(broker.beat())] == [level]


@pytest.mark.django_db
def test_a_shop_without_a_space_needs_prepare():
    [finding] = index_check.spaces()
    assert (finding.level, finding.cure) == ("problem", "Run manage.py prepare.")


def test_spaces_are_told_with_their_coverage_and_what_is_pending(photo, index, beside):
    photo("red")
    assert told(index_check.spaces()) == [
        ("ok", "grid is live: 0 of 1 photos indexed"),
        ("ok", "beside is building: 0 of 1 photos indexed"),
        ("ok", "1 photos are pending, the oldest for 0\xa0minutes"),
    ]
    index()
    assert told(index_check.spaces())[0] == ("ok", "grid is live: 1 of 1 photos indexed")


@pytest.mark.parametrize(("age", "level"), [(20, "warning"), (90, "problem")])
def test_photos_that_are_pending_for_long_are_told(photo, space, age, level):
    row = photo("red")
    Photo.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(minutes=age))
    assert told(index_check.spaces())[1][0] == level


def test_an_untrained_network_is_warned_of(space):
    assert [level for level, _ in told(networks.networks())] == ["warning"]


@pytest.mark.django_db
def test_weights_of_ones_own_are_held_to_their_checksum(tmp_path):
    path = tmp_path / "own.safetensors"
    path.write_bytes(b"weights")
    Space.objects.create(name="own", recipe=make_recipe(str(path), "autoencoder").as_dict(), dimensions=256)
    assert told(networks.networks()) == [("ok", f"own has its own weights, {path}")]
    path.write_bytes(b"others")
    assert told(networks.networks()) == [("problem", f"{path} is not the file that own was made with")]
    path.unlink()
    assert told(networks.networks()) == [("problem", f"the weights of own are not at {path}")]


@pytest.mark.django_db
def test_published_weights_are_held_to_the_published_checksum():
    recipe = make_recipe("imagenet", "efficientnet_lite0").as_dict()
    Space.objects.create(name="lite", recipe=recipe, dimensions=1280)
    assert told(networks.networks()) == [("ok", "lite has the published weights of efficientnet_lite0")]


@pytest.mark.parametrize(("free", "level"), [(400e6, "problem"), (3e9, "warning"), (50e9, "ok")])
def test_a_disk_that_fills_up_is_told(settings, monkeypatch, free, level):
    settings.MEDIA_ROOT = settings.VAR
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100_000_000_000, 0, int(free)))
    assert [found for found, _ in told(disk.disk())] == [level]


def test_photos_on_a_disk_of_their_own_are_told_of_as_well(settings, tmp_path):
    settings.VAR, settings.MEDIA_ROOT = tmp_path, Path("/dev/shm")
    assert [text.rpartition(" at ")[2] for _, text in told(disk.disk())] == [str(tmp_path), "/dev/shm"]


@pytest.mark.parametrize(("days", "level"), [(1, "ok"), (8, "warning")])
def test_the_age_of_the_last_backup_is_told(settings, tmp_path, days, level):
    settings.VAR = tmp_path
    assert [found for found, _ in told(backups.backups())] == ["warning"]
    with BackupFolder(tmp_path / "backup").being_written():
        pass
    (tmp_path / "backup" / "manifest.json").write_text(MANIFEST.to_json())
    last_backup.record((timezone.now() - timedelta(days=days)).isoformat(), tmp_path / "backup")
    [finding] = backups.backups()
    assert (finding.level, f"{tmp_path}/backup" in finding.text + finding.cure) == (level, True)


def test_a_backup_whose_folder_is_gone_is_warned_of(settings, tmp_path):
    settings.VAR = tmp_path
    last_backup.record(timezone.now().isoformat(), tmp_path / "gone")
    assert told(backups.backups()) == [
        ("warning", f"the last backup cannot be read here: {tmp_path}/gone holds no whole backup")
    ]
