"""Connections to the embedded Redis for Django's cache and Celery's broker. A new one starts it if need be."""

from typing import Any

import redis
from kombu.transport import redis as kombu_redis

from config.embedded import servers
from config.embedded.server_process import EmbeddedServerError


class Connection(redis.UnixDomainSocketConnection):
    """A connection to the embedded Redis, whatever host and port it is given."""

    def __init__(self, **options: Any) -> None:
        for tcp_option in ("host", "port", "socket_keepalive", "socket_keepalive_options"):
            options.pop(tcp_option, None)
        super().__init__(**options | {"path": str(servers.redis().socket)})

    def _connect(self) -> Any:
        """Start Redis only if nobody listens: a Redis that hangs would be waited for twice."""
        try:
            servers.users().join()
            return super()._connect()
        except BlockingIOError as error:  # Nobody takes those who wait to be let in: it hangs.
            raise redis.TimeoutError("Redis hangs: the queue at its socket is full") from error
        except OSError:
            self._start()
            return super()._connect()

    def _start(self) -> None:
        try:
            servers.redis().ensure_running()
        except EmbeddedServerError as error:
            raise redis.ConnectionError(str(error)) from error


class ConnectionPool(redis.ConnectionPool):
    """The pool_class of Django's cache."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"connection_class": Connection})


class Channel(kombu_redis.Channel):
    """A channel of the transport, on a connection of this module."""

    connection_class = Connection


class Transport(kombu_redis.Transport):
    """The broker_transport of Celery."""

    Channel = Channel
