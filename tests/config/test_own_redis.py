"""A Redis of one's own whose disk is full: no worker ends, and all goes on by itself once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from config.embedded.redis_server import RedisServer
from config.embedded.server_process import Users
from tests.installation import Installation, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def own_redis(small_disk, tmp_path) -> Iterator[tuple[str, Path]]:
    """A Redis of the shop's own, which appends each write to a file: its URL and its disk."""
    disk, port = small_disk(), free_port()
    binary = RedisServer(tmp_path, Users(tmp_path / "users")).binary()
    options = ["--port", str(port), "--dir", disk.folder, "--appendonly", "yes", "--save", ""]
    process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}", disk
    process.kill()
    process.wait()


def refuses(url: str) -> bool:
    try:
        redis.Redis.from_url(url).set("a", "b" * 10_000)
    except redis.ResponseError:
        return True
    return False


def test_workers_outlast_a_redis_that_may_not_write(own_redis, tmp_path):
    url, disk = own_redis
    with Installation(tmp_path / "var", REDIS_URL=url) as shop:
        worker = shop.worker()
        wait_for(lambda: "ready." in shop.log(), "a worker")
        disk.fill()
        wait_for(lambda: refuses(url), "a Redis that refuses to write")
        wait_for(lambda: shop.log().count("MISCONF") > 2, "a worker that is refused again and again")
        assert worker.poll() is None
        disk.free()
        wait_for(lambda: not refuses(url), "a Redis that writes")
        shop.manage("shell", "-c", "from search.tasks import learn_words; learn_words.delay()")
        wait_for(lambda: "task=search.tasks.learn_words" in shop.log(), "a task taken")
        assert worker.poll() is None
