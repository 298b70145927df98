"""The web server: one process, or WEB_PROCESSES of them on one port, until SIGTERM or Ctrl-C.

It listens at HOST and PORT once the models are loaded, and without them where the database or a model is missing;
/readyz then says what. Requests under way are finished before it ends.
"""

import argparse
import atexit
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable
from typing import NoReturn

# numpy multiplies in one thread: the products of a query are so small that waking others takes longer.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.conf import settings

from config.logs.setup import configure_early, end
from config.web.processes import supervise
from metrics import shared

logger = logging.getLogger("config.web")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m config.web",
        description=__doc__,
        epilog="Example: PORT=8001 WEB_PROCESSES=2 python -m config.web",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--socket", type=int, metavar="FD", help="serve this bound socket: set by WEB_PROCESSES")
    inherited = parser.parse_args().socket
    configure_early()
    listener = bound() if inherited is None else socket.socket(fileno=inherited)
    if inherited is None and settings.WEB_PROCESSES > 1:
        supervise(listener, settings.WEB_PROCESSES)
    else:
        serve(listener)


def bound() -> socket.socket:
    """A socket at HOST and PORT that does not listen yet."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.HOST, int(settings.PORT)))
    except (OSError, OverflowError, ValueError) as error:
        end(f"cannot listen on {settings.HOST}:{settings.PORT} ({error}): set HOST and PORT")
    return listener


def serve(listener: socket.socket) -> None:
    """Load what a search needs, then answer until SIGTERM, and end the process."""
    on_end(_exit)  # The first process of a container has no default of its own.
    shared.count_as("web", settings.METRICS_ROOT, settings.WEB_PROCESSES)
    django.setup()
    from catalog import storage_deadline
    from config.database_connections import Connection
    from config.web.server import Server
    from config.web.staff_uploads import refusal_of
    from config.wsgi import application
    from ml.decoding import pool
    from search.api import health

    Connection.serve_customers()
    pool.serve_customers()
    storage_deadline.serve_customers()
    if reasons := health.reasons():
        logger.warning("Serving, but not ready yet: %s", "; ".join(reasons.values()))
    # Keep the garbage collector off what was imported: searching all that holds up a query by 60 ms.
    gc.collect()
    gc.freeze()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = Server(application, listener, refusal_of)
    on_end(server.stop)
    logger.info("Listening at http://%s:%s", server.effective_host, server.effective_port)
    server.run()
    _leave()


def on_end(call: Callable[[], object]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: call())


def _leave() -> NoReturn:
    """End the process. Python would first wait for threads, and one that asks a disk that hangs has no end."""
    atexit._run_exitfuncs()
    os._exit(0)


def _exit() -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
