"""Connections to PostgreSQL that do not wait for ever for a server that hangs. The pool makes them (settings.POOL).

A server that was stopped, or whose machine or network froze, leaves its sockets open and answers nothing. The kernel
notices nothing, and the server's own time limits stand still with it. So the client looks: while a statement is silent,
it tries another connection from time to time. A server that is merely slow takes it.
"""

import errno
import os
import time
from typing import Any, ClassVar, Self

import psycopg
from psycopg.abc import RV, PQGen

# Seconds of silence after which another connection is tried, and again after as many. Most statements take less.
SILENCE = 2
PROBE_SECONDS = 2  # A server that lives takes a connection in milliseconds. libpq heeds no less.
# Seconds for which no connection may be had before a worker gives up its statement. It builds an index in minutes, and
# a machine that is short of memory may take no connection for some seconds.
WORKER_PATIENCE = 60
# Seconds that a statement of a web process may take. Among a million photos the slowest takes two. One without an end
# would hold one of few threads.
STATEMENT_SECONDS = 30
RECENT = 10  # Seconds. The pool tries to connect more often than that while it has no connection.


def tells_of_hanging(error: psycopg.OperationalError) -> bool:
    """Whether a connection failed because the server hangs: it timed out, or the queue at the server's socket is full.

    Those who gave up stay in that queue. The kernel then refuses all who come after them, at once.
    """
    is_queue_full = f"failed: {os.strerror(errno.EAGAIN)}" in str(error)
    return isinstance(error, psycopg.errors.ConnectionTimeout) or is_queue_full


class Connection(psycopg.Connection[Any]):
    """A connection that ends with an OperationalError when the server hangs."""

    patience: ClassVar[float] = WORKER_PATIENCE
    longest: ClassVar[float | None] = None
    """Seconds that a statement may be silent although the server lives: one of its processes may hang alone."""
    hung_at: ClassVar[float] = -RECENT
    """When the server was last seen to hang, in the time of the monotonic clock."""
    address: tuple[str, dict[str, Any]] | None = None

    @classmethod
    def serve_customers(cls) -> None:
        """Be as impatient as those who wait for an answer: they get a 503 after some four seconds."""
        cls.patience, cls.longest = 0, STATEMENT_SECONDS + 2 * SILENCE

    @classmethod
    def hangs(cls) -> bool:
        """Whether the server was seen to hang just now."""
        return time.monotonic() - cls.hung_at < RECENT

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        if cls.longest is not None:
            kwargs["options"] = f"{kwargs.get('options') or ''} -c statement_timeout={STATEMENT_SECONDS}s".strip()
        try:
            connection = super().connect(conninfo, **kwargs)
        except psycopg.OperationalError as error:
            if tells_of_hanging(error):
                Connection.hung_at = time.monotonic()
            raise
        connection.address = conninfo, kwargs
        return connection

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        return super().wait(self._watched(gen), *args, **kwargs)

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        """The same generator. It looks whether the server lives while psycopg waits, which asks every 0.1 s."""
        heard = alive = looked = time.monotonic()
        is_over = False
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = alive = looked = now
                    is_over = False
                elif is_over:  # Nothing came while another connection was tried, either.
                    self.pgconn.finish()  # Nobody shall wait for this answer again.
                    raise psycopg.OperationalError("the server hangs: it answers nothing")
                elif now - looked > SILENCE:
                    is_known = self.hangs() and self.hung_at > heard  # This or another thread saw it just now.
                    lives = not is_known and self._server_lives()
                    looked = time.monotonic()
                    alive = looked if lives else alive
                    is_over = looked - alive > self.patience or bool(self.longest and looked - heard > self.longest)
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: RV = end.value
            return answer

    def _server_lives(self) -> bool:
        if self.address is None:
            return True
        conninfo, options = self.address
        try:
            psycopg.Connection.connect(conninfo, **options | {"connect_timeout": PROBE_SECONDS}).close()
        except psycopg.OperationalError as error:
            if tells_of_hanging(error):
                Connection.hung_at = time.monotonic()
                return False
            return True  # It says why not: it is full, or starts anew, which ends this connection.
        except OSError:  # This process has no descriptor left, which says nothing of the server.
            return True
        except BaseException:  # A task's time is up, in the middle of a statement whose answer nobody awaits.
            self.pgconn.finish()
            raise
        return True
