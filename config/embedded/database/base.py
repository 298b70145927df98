"""Django's PostgreSQL backend. Every new connection starts the embedded server if need be."""

from collections.abc import Iterable
from typing import Any, Self

import psycopg
from django.db.backends.postgresql import base, client
from psycopg_pool import ConnectionPool, PoolTimeout

from config import database_connections
from config.embedded import servers
from config.embedded.server_process import EmbeddedServerError


def ensure_running() -> None:
    """Start the server if it cannot be reached. Raises the error that Django knows: psycopg's OperationalError."""
    try:
        servers.postgresql().ensure_running()
    except EmbeddedServerError as error:
        raise psycopg.OperationalError(str(error)) from error


class Connection(database_connections.Connection):
    """A connection of the pool. The pool's own threads make it, also to replace one that died with the server."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.OperationalError as error:
            if database_connections.tells_of_hanging(error):
                raise  # Nobody may start another beside it.
            ensure_running()
            return super().connect(conninfo, **kwargs)


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell` with the psql of the server's own version."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        ensure_running()
        server = servers.postgresql()
        address = {"HOST": str(server.socket_folder), "PORT": server.port}
        arguments, environment = super().settings_to_cmd_args_env({**settings_dict, **address}, parameters)
        return [str(server.binary("psql")), *arguments[1:]], environment


class DatabaseWrapper(base.DatabaseWrapper):
    """A thread's connection. Django looks for it under this name."""

    client_class = DatabaseClient

    @property
    def pool(self) -> ConnectionPool[Any] | None:
        pool = super().pool
        if pool is not None:
            pool.connection_class = Connection
        return pool

    def get_connection_params(self) -> dict[str, Any]:
        server = servers.postgresql()
        return super().get_connection_params() | {"host": str(server.socket_folder), "port": server.port}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect as Django does. A server that cannot start is reported at once, not by a pool that times out."""
        if self.pool is None or self.pool.closed:
            ensure_running()
        try:
            return super().get_new_connection(conn_params)
        except PoolTimeout:
            if Connection.hangs():
                raise
            ensure_running()  # Replaying the log after a crash may take longer than the pool waits.
            return super().get_new_connection(conn_params)


def close_pools() -> None:
    """Close all pools before the server stops: an open pool would try to reconnect, and log that it cannot."""
    pools: dict[str, ConnectionPool[Any]] = DatabaseWrapper._connection_pools  # type: ignore[attr-defined]
    for pool in pools.values():
        pool.close()


servers.before_leaving.append(close_pools)
