"""The two servers of the data folder that the settings name. They are left, and perhaps stopped, as a process ends."""

import atexit
from collections.abc import Callable
from functools import cache

from django.conf import settings

from config.embedded.postgresql_server import PostgreSQLServer
from config.embedded.redis_server import RedisServer
from config.embedded.server_process import Server, Users, locked


@cache
def users() -> Users:
    """The processes that use the servers."""
    return Users(settings.VAR / ".users.lock")


@cache
def postgresql() -> PostgreSQLServer:
    """The data folder's PostgreSQL, running or not."""
    return PostgreSQLServer(settings.VAR, users())


@cache
def redis() -> RedisServer:
    """The data folder's Redis, running or not."""
    return RedisServer(settings.VAR, users())


def look_on() -> None:
    """Have this process look at the servers without using them. One that does not run is an error then."""
    users().is_onlooker = True


def in_use() -> list[Server]:
    """Those of the two servers that the settings use; DATABASE_URL and REDIS_URL name others."""
    database = settings.DATABASES["default"]["ENGINE"] == "config.embedded.database"
    return [*([postgresql()] if database else []), *([] if settings.REDIS_URL else [redis()])]


# What a process does before it leaves the servers, such as closing its connections.
before_leaving: list[Callable[[], None]] = []


@atexit.register
def leave() -> None:
    """End this process's use of the servers. They stop if no other process uses them."""
    if users().joined:
        for callback in before_leaving:
            callback()
        stop_unused()


def stop_unused() -> bool:
    """Stop both servers and return True, or return False if another process uses them."""
    if not users().only_me():
        return False
    for server in (postgresql(), redis()):
        if server.pid():
            with locked(server.folder / "start.lock"):
                server.stop()
    return True
