"""Redis and what hangs on it: the queues, the workers that take them, and beat, which rings."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings

from operations.doctor.finding import Finding, ok, problem, warning

INDEX, MAINTENANCE, FETCHING, CAPTIONS = "celery", "maintenance", "fetching", "captions"
# Workers answer at once, also while they work. On two busy cores it takes a tenth of this.
PING_SECONDS = 2
# Beat drops its rings after half a minute to ten, so a queue that is longer is of workers that take nothing.
LONG_QUEUE = 100
# Beat writes its schedule every three minutes (celery.beat.Scheduler.sync_every).
BEAT_SECONDS = 600


def server() -> Iterator[Finding]:
    told = _on_redis("info")
    policy, version = told.get("maxmemory_policy", "unknown"), told["redis_version"]
    if int(told.get("maxmemory", 0)) and policy != "noeviction":
        yield problem(
            f"Redis {version} evicts what it holds when memory is short ({policy}), bells and searches among it",
            "Set maxmemory-policy noeviction in Redis.",
        )
    elif policy not in ("noeviction", "unknown"):
        yield warning(f"Redis {version} would evict ({policy})", "Set maxmemory-policy noeviction in Redis.")
    else:
        yield ok(f"Redis {version}, {policy}")


def queues() -> Iterator[Finding]:
    lengths = {name: int(_on_redis("llen", name)) for name in _wanted()}
    told = ", ".join(f"{name} {length}" for name, length in lengths.items())
    if max(lengths.values()) > LONG_QUEUE:
        yield warning(f"messages wait: {told}", "See whether the workers of these queues run, and their logs.")
    else:
        yield ok(f"messages waiting: {told}")


def workers() -> Iterator[Finding]:
    answered = current_app.control.inspect(timeout=PING_SECONDS).active_queues() or {}
    taken = {queue["name"] for taking in answered.values() for queue in taking}
    for queue, purpose in _wanted().items():
        if queue not in taken:
            start = f"celery -A config worker -Q {queue} -n {queue}@%h --concurrency 1"
            yield problem(f"no worker answers that {purpose}", f"Start one: {start}")
    if answered:
        yield ok(f"{len(answered)} workers answer: {', '.join(sorted(answered))}")


def beat() -> Iterator[Finding]:
    start = "Start one beat: celery -A config beat"
    if (written := beat_wrote_at()) is None:
        yield warning("beat has never run on this data folder", f"{start}; or ask where it runs.")
    elif (age := time.time() - written) > BEAT_SECONDS:
        yield problem(f"beat last wrote its schedule {age / 60:.0f} minutes ago", f"{start}.")
    else:
        yield ok(f"beat wrote its schedule {age:.0f} s ago")


def beat_wrote_at() -> float | None:
    """When beat last wrote its schedule, in Unix time; None where it never did on this data folder."""
    schedule = Path(settings.CELERY_BEAT_SCHEDULE_FILENAME)
    # What kind of file it is, and so its ending, depends on the Python.
    return max((path.stat().st_mtime for path in schedule.parent.glob(f"{schedule.name}*")), default=None)


def _wanted() -> dict[str, str]:
    """The queues that need a worker, and what that does."""
    queues = {INDEX: "indexes and imports", MAINTENANCE: "builds indexes and trains", FETCHING: "fetches photos"}
    return queues | ({CAPTIONS: "asks for captions"} if settings.CAPTION_URL else {})


def _on_redis(command: str, *arguments: str) -> Any:
    """Asks the broker's Redis, as Celery connects to it. It would try again and again for six seconds."""
    with current_app.connection_for_read(transport_options={"max_retries": 0}) as broker:
        channel: Any = broker.default_channel  # Of the Redis transport, which has a client.
        return getattr(channel.client, command)(*arguments)
