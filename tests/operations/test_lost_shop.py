"""A shop that is backed up, lost and restored elsewhere, with real processes and a network of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import torch
from safetensors.torch import save_file

from config.settings import BASE_DIR
from ml.autoencoder import Autoencoder
from tests.config.stack.test_stack import free_port
from tests.conftest import picture
from tests.environment import MODELS
from tests.installation import HOLD, Installation, lay_out_empty, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHOTOS = 16


@pytest.fixture(scope="module")
def port() -> int:
    """One for all: answers have addresses in them."""
    return free_port()


@pytest.fixture(scope="module")
def shop(tmp_path_factory, port) -> Iterator[Installation]:
    """It sees with a network of its own, whose weights lie in its data folder, and all is indexed."""
    folder = tmp_path_factory.mktemp("lost")
    for number in range(PHOTOS):
        place = folder / "catalogue" / ("lamp", "bed")[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture((12 * number, 200 - 12 * number, 250 - 6 * number)))
    lay_out_empty(folder / "var")
    with installation(folder / "var", port) as made:
        weights = made.var / "autoencoder.safetensors"
        torch.manual_seed(1)
        save_file(Autoencoder().half().state_dict(), weights)
        made.environment |= {"LAMPLIGHT_BACKBONE": "autoencoder", "LAMPLIGHT_WEIGHTS": str(weights)}
        made.manage("prepare")
        made.manage("import_catalog", str(folder / "catalogue"), "--quiet")
        made.manage("index")
        yield made


@contextmanager
def installation(var: Path, port: int) -> Iterator[Installation]:
    """One whose data folder is there, or is made with an empty database."""
    made = Installation(var, PORT=str(port), SEARCH_THROTTLE="off")
    try:
        if not var.exists():
            var.mkdir()
            (var / "models").symlink_to(MODELS)
        made.start("-c", HOLD)
        wait_for(lambda: made.redis().pid() is not None, "the servers")
        yield made
    finally:
        made.__exit__()


def answers(shop: Installation, port: int) -> list[Any]:
    """What the shop's web server answers by photo, by product and by words, without ids and times of queries."""
    web = shop.start("-m", "config.web")
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            return requests.get(f"{url}/readyz", timeout=60).ok
        except requests.ConnectionError:
            return False

    wait_for(is_ready, "the web server")
    image = {"image": ("photo.png", picture((30, 90, 220)))}
    found = [
        requests.post(f"{url}/api/v1/search/", files=image, timeout=60),
        requests.get(f"{url}/api/v1/products/lamp-10/similar/", timeout=60),
        requests.get(f"{url}/api/v1/search/text/?q=bed&facets=true", timeout=60),
        requests.get(f"{url}/api/v1/products/?limit=100", timeout=60),
    ]
    assert [answer.status_code for answer in found] == [200] * 4, [answer.text for answer in found]
    photo = requests.get(found[0].json()["results"][0]["photo"], timeout=60).content
    shop.kill(web, signal.SIGTERM)
    web.wait(60)
    return [photo, *(without_times(answer.json()) for answer in found)]


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("query_id", "timings_ms")}


@contextmanager
def a_photo_that_is_never_read(shop: Installation) -> Iterator[None]:
    """Whoever opens it waits for ever."""
    [(name,)] = shop.rows("SELECT file FROM catalog_photo ORDER BY id DESC LIMIT 1")
    photo = shop.var / "media" / name
    shutil.copy(photo, kept := shop.var / "kept.jpg")
    photo.unlink()
    os.mkfifo(photo)
    yield
    photo.unlink()
    kept.rename(photo)


def lines(backup: Path) -> int:
    """Files that were noted as copied."""
    return sum(file.read_text().count("\n") for file in backup.glob("SHA256SUMS-*"))


def test_a_backup_that_is_killed_is_none_until_the_same_command_has_gone_on(shop, tmp_path):
    backup = tmp_path / "backup"
    with a_photo_that_is_never_read(shop):
        killed = shop.start("manage.py", "backup", str(backup))
        wait_for(lambda: lines(backup) == PHOTOS, "the dump and all photos but one")
        shop.kill(killed)
    assert not (backup / "manifest.json").exists()
    shop.manage("restore", str(backup), "--check", expect=2)
    told = shop.manage("backup", str(backup))
    # The database, the photo that hung and the weights.
    assert told.endswith(f" 3 files written, {PHOTOS - 1} were there.\n")
    assert "is whole" in shop.manage("restore", str(backup), "--check")
    assert len(list(backup.glob("database-*.dump"))) == 1


def test_a_full_disk_is_one_line_and_exit_code_2(shop, tmp_path):
    tmp_path.joinpath("disk").mkdir()
    mount = f"mount -t tmpfs -o size=200k tmpfs {tmp_path / 'disk'}"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*alone, mount], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    full = subprocess.run(
        [*alone, f"{mount} && {sys.executable} manage.py backup {tmp_path / 'disk' / 'backup'}"],
        cwd=BASE_DIR,
        env=shop.environment,
        capture_output=True,
        text=True,
    )
    assert (full.returncode, "No space left on device" in full.stderr, full.stderr.count("\n")) == (2, True, 1)


def test_a_restored_shop_answers_as_the_lost_one_did_though_its_data_folder_is_another(shop, port, tmp_path):
    before = answers(shop, port)
    shop.manage("backup", str(tmp_path / "backup"))
    (shop.var / "autoencoder.safetensors").rename(tmp_path / "lost.safetensors")
    with installation(tmp_path / "var", port) as restored:
        restored.manage("restore", str(tmp_path / "backup"))
        assert answers(restored, port) == before
    (tmp_path / "lost.safetensors").rename(shop.var / "autoencoder.safetensors")
