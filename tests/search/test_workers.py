"""Real worker processes with the true encoder, killed in the middle of their work: nothing is lost or done twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PHOTOS = 100


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Installation]:
    """An installation with 50 lamps and 50 beds that nobody has indexed yet."""
    for number in range(PHOTOS):
        folder = tmp_path / "photos" / ("lamp" if number % 2 else "bed")
        folder.mkdir(parents=True, exist_ok=True)
        noise = Image.effect_noise((48, 48), 20 + number).convert("RGB")
        noise.paste((200, 180, 40) if number % 2 else (40, 60, 200), (8, 8, 40, 40))
        noise.save(folder / f"{number:03}.png")
    with Installation(tmp_path / "var") as installation:
        installation.manage("import_catalog", str(tmp_path / "photos"))
        yield installation


def assert_each_photo_is_indexed_once(shop: Installation) -> None:
    assert shop.count("catalog_photo") == PHOTOS
    assert shop.count("search_rejection") == 0
    [(rows, photos)] = shop.rows("SELECT count(*), count(DISTINCT photo_id) FROM search_embedding")
    assert (rows, photos) == (PHOTOS, PHOTOS)


def all_indexed(shop: Installation) -> bool:
    return shop.count("search_embedding") == PHOTOS


def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(shop):
    shop.ring()
    with shop.connection() as held:
        held.execute("LOCK TABLE search_embedding IN SHARE MODE")  # Nobody writes a vector while we hold it.
        worker = shop.worker()
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'search_embedding'::regclass AND NOT granted"
        wait_for(lambda: shop.rows(waiting) > [(0,)], "a batch that is to be written")
        shop.kill(worker)
    assert shop.count("search_embedding") == 0
    shop.worker()
    shop.ring()
    wait_for(lambda: all_indexed(shop), "every photo indexed")
    assert_each_photo_is_indexed_once(shop)


def test_redis_killed_in_the_middle_loses_nothing(shop):
    worker = shop.worker()
    wait_for(lambda: shop.count("search_embedding") > 0, "the first batch")
    shop.kill_redis()
    wait_for(lambda: all_indexed(shop), "every photo indexed")
    wait_for(lambda: shop.count("search_head") == 1, "a head")
    # The same worker takes new work from the new Redis.
    shop.rows("UPDATE catalog_product SET category_id = (SELECT min(id) FROM catalog_category) RETURNING 1")
    shop.ring()
    moved = "SELECT count(*) FROM search_embedding WHERE category_id = (SELECT min(id) FROM catalog_category)"
    wait_for(lambda: shop.rows(moved) == [(PHOTOS,)], "every photo under its new category")
    assert worker.poll() is None
    assert_each_photo_is_indexed_once(shop)


def test_photos_deleted_and_corrupted_beside_a_worker_settle_and_hold_up_nobody(shop):
    bad, gone = (id for (id,) in shop.rows("SELECT id FROM catalog_photo ORDER BY id DESC LIMIT 2"))
    [(name,)] = shop.rows("SELECT file FROM catalog_photo WHERE id = %s", [bad])
    (shop.var / "media" / name).write_bytes(b"\xff\xd8\xff no photo")
    shop.worker()
    shop.ring()
    wait_for(lambda: shop.count("search_embedding") > 0, "the first batch")
    shop.rows("DELETE FROM catalog_photo WHERE id = %s RETURNING id", [gone])
    wait_for(lambda: shop.count("search_embedding") == PHOTOS - 2, "all other photos indexed")
    assert shop.rows("SELECT photo_id FROM search_rejection") == [(bad,)]
    assert shop.rows("SELECT count(*) FROM search_embedding WHERE photo_id IN (%s, %s)", [bad, gone]) == [(0,)]


def test_the_same_bell_heard_by_two_workers_does_no_photo_twice(shop):
    shop.worker()
    shop.worker()
    shop.ring()
    shop.ring()
    wait_for(lambda: all_indexed(shop), "every photo indexed")
    wait_for(lambda: shop.count("search_head") == 1, "a head")
    assert_each_photo_is_indexed_once(shop)
    settled = [
        int(line.split(" photos settled")[0].split()[-1]) for line in shop.log().splitlines() if "settled" in line
    ]
    assert sum(settled) == PHOTOS
