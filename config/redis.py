"""The embedded Redis for Django's cache and for Celery's broker: every new connection brings it up if need be."""

from typing import Any

import redis
from kombu.transport import redis as kombu_redis

from config import embedded
from config.server import EmbeddedServerError


class Connection(redis.UnixDomainSocketConnection):
    """A connection to the embedded Redis, whatever host it is given."""

    def __init__(self, **options: Any) -> None:
        for of_tcp in ("host", "port", "socket_keepalive", "socket_keepalive_options"):
            options.pop(of_tcp, None)
        super().__init__(**options | {"path": str(embedded.redis_server().socket)})

    def _connect(self) -> Any:
        try:
            embedded.redis_server().ensure_running()
        except EmbeddedServerError as error:
            raise redis.ConnectionError(str(error)) from error
        return super()._connect()


class ConnectionPool(redis.ConnectionPool):
    """For Django's cache, as its pool_class."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"connection_class": Connection})


class Channel(kombu_redis.Channel):
    connection_class = Connection


class Transport(kombu_redis.Transport):
    """For Celery, as its broker_transport."""

    Channel = Channel
