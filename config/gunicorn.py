"""gunicorn's settings: `gunicorn --config config/gunicorn.py config.wsgi`."""

import gc
import os

# numpy multiplies in one thread: the products of a query are so small that waking others takes longer.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
# One process holds one copy of the model; its threads share it. Add processes (WEB_PROCESSES) where memory allows.
workers = int(os.environ.get("WEB_PROCESSES", "1"))
worker_class = "gthread"
threads = 8
timeout = 60
graceful_timeout = 30

# The control socket has one path for all instances of a user: two stacks would fight over it.
control_socket_disable = True


def post_worker_init(worker: object) -> None:
    """Get decoders, and keep the garbage collector off what was imported: searching that holds up a query by 60 ms."""
    from ml.decoding import pool

    pool.serve_customers()
    gc.collect()
    gc.freeze()
