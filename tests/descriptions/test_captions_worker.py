"""A real captions worker, woken by its bell and killed in the middle of its work: nothing is lost or asked twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from descriptions.caption_leases import BELL
from tests.descriptions.chat_server import ChatServer, caption, chat_server, hangs
from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PHOTOS = 12
RING = f"import config.celery; from celery import current_app; current_app.send_task({BELL!r})"
WORKER = ("-m", "celery", "-A", "config", "worker", "-Q", "captions", "--concurrency", "1", "--loglevel", "INFO")


@pytest.fixture
def slow_chat() -> Iterator[ChatServer]:
    with chat_server(hangs(0.3)) as chat:
        yield chat


@pytest.fixture
def shop(tmp_path: Path, slow_chat: ChatServer) -> Iterator[Installation]:
    """An installation with twelve lamps, whose photos are described by `slow_chat`."""
    folder = tmp_path / "photos" / "lamp"
    folder.mkdir(parents=True)
    for number in range(PHOTOS):
        Image.new("RGB", (64, 64), (20 * number, 90, 30)).save(folder / f"{number:02}.png")
    captions = {"CAPTION_URL": slow_chat.url, "CAPTION_MODEL": "small-vision", "CAPTION_KEY": "secret-key-7"}
    with Installation(tmp_path / "var", **captions) as installation:
        installation.manage("import_catalog", str(tmp_path / "photos"))
        yield installation


def made(shop: Installation) -> int:
    [(count,)] = shop.rows("SELECT count(*) FROM catalog_product WHERE caption <> ''")
    return int(count)


def test_a_worker_killed_in_the_middle_loses_nothing(shop, slow_chat):
    worker = shop.start(*WORKER)
    shop.start("-c", RING)
    wait_for(lambda: made(shop) > 2, "some captions")
    shop.kill(worker)
    asked, done = len(slow_chat.questions), made(shop)
    [(leased,)] = shop.rows("SELECT count(*) FROM descriptions_caption WHERE made_at IS NULL AND retry_at > now()")
    assert leased in (1, 2)
    slow_chat.answer_with(caption("A lamp, asked about again."))
    shop.start(*WORKER)
    shop.start("-c", RING)
    wait_for(lambda: made(shop) == PHOTOS - leased, "all but those under way when the worker was killed")
    shop.manage("shell", "-c", "from descriptions.models import Caption; Caption.objects.update(retry_at=None)")
    shop.start("-c", RING)
    wait_for(lambda: made(shop) == PHOTOS, "every caption")
    assert len(slow_chat.questions) == asked + PHOTOS - done
    assert "secret-key-7" not in shop.log()
