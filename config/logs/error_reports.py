"""Errors are reported to Sentry, where a DSN is set: what is logged as an error, and nothing of what customers sent.

The log is where one reads on: a report has the id of its request (docs/logs.md).
"""

import logging
import re
import time
from itertools import zip_longest
from typing import Any, cast

import redis
import sentry_sdk
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from psycopg_pool import PoolTimeout
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import HttpTransport
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import BadDsn, Dsn
from structlog.contextvars import get_contextvars

from config.logs import privacy
from config.logs.process_name import process_name

logger = logging.getLogger(__name__)
# Reports that are still to be sent when a process ends are waited for so long. A host that answers takes 0.1 s.
SHUTDOWN_SECONDS = 2
UNSENT_SECONDS = 600  # Between two lines that reports do not arrive: a wrong DSN is seen, and no log is filled.
# What is kept of a report. Whatever else it may hold, now or in a later version of the SDK, may be what was sent.
KEPT = {
    *("event_id", "timestamp", "start_timestamp", "type", "level", "logger", "platform", "sdk", "server_name"),
    *("release", "environment", "transaction", "transaction_info", "exception", "logentry", "threads", "spans"),
}
TRACE = {"trace_id", "span_id", "parent_span_id", "op", "status", "origin"}
# SQLSTATEs of what passes: the server is away, starts or stops, is full, or gave up a statement that waited too long.
PASSES = ("08", "40", "53", "55", "57")
MISCONFIGURED = (redis.AuthenticationError, redis.exceptions.AuthorizationError)  # No Redis that is away.


class Transport(HttpTransport):
    """Sentry's own, which keeps silent when a report does not arrive."""

    told_at = -float(UNSENT_SECONDS)

    def on_dropped_event(self, reason: str) -> None:
        if time.monotonic() - self.told_at >= UNSENT_SECONDS:
            self.told_at = time.monotonic()
            logger.warning("Reports do not reach Sentry (%s): see SENTRY_DSN", reason)


def start(dsn: str, environment: str, release: str, traces: float) -> None:
    """Report from this process and its children, and time this share of the requests. Raises ValueError for the DSN."""
    try:
        Dsn(dsn)
    except BadDsn as error:
        raise ValueError(str(error)) from error
    sentry_sdk.init(
        dsn,
        transport=Transport,
        auto_session_tracking=False,
        send_client_reports=False,
        environment=environment,
        release=release,
        # A caller may ask to be timed; whether it is, is not theirs to say.
        traces_sampler=(lambda context: traces) if traces else None,
        strict_trace_continuation=True,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
            DjangoIntegration(signals_spans=False),
            CeleryIntegration(),
            AtexitIntegration(callback=lambda pending, timeout: None),
        ],
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        shutdown_timeout=SHUTDOWN_SECONDS,
        before_send=scrubbed,
        before_send_transaction=scrubbed_trace,
    )


def scrubbed(event: Event, hint: Hint) -> Event | None:
    """A report without anything that was sent to the shop; None where the shop is not at fault."""
    record: logging.LogRecord | None = hint.get("log_record")
    error: BaseException | None = hint["exc_info"][1] if hint.get("exc_info") else None
    named = record.args if record is not None and isinstance(record.args, tuple) else ()
    if any(map(_is_expected, (error, *named))) or getattr(record, "status_code", 500) < 500:
        return None
    if record is not None:
        said = privacy.message(record)
        is_template = isinstance(record.msg, str) and record.args
        event["logentry"] = {"message": str(record.msg) if is_template else said, "formatted": said}
    values = event.get("exception", {}).get("values", [])
    if any(value.get("mechanism", {}).get("type") == "wsgi" for value in values):
        return None  # Django could not even read the request (config.wsgi), or waitress logs it.
    for value, one in zip_longest(reversed(values), privacy.chain(error)):
        if value is not None:
            is_known = one is not None and value.get("type") == type(one).__name__
            value["value"] = privacy.told(one) if is_known else privacy.LEFT_OUT
    return _cut(event)


def scrubbed_trace(event: Event, hint: Hint) -> Event | None:
    """How long a request took. Of statements the verb is left: their text may hold what was searched for."""
    spans = event.get("spans", [])
    for span in spans if isinstance(spans, list) else ():
        span.pop("data", None)
        if str(span.get("op")).startswith("db"):
            span["description"] = "".join(re.findall(r"\A\s*(\w+)", str(span.get("description"))))
    return _cut(event)


def _cut(event: Event) -> Event:
    kept: dict[str, Any] = {key: value for key, value in event.items() if key in KEPT}
    contexts = event.get("contexts", {})
    trace = {key: value for key, value in contexts.get("trace", {}).items() if key in TRACE}
    kept["contexts"] = {"trace": trace, "runtime": contexts.get("runtime", {})}
    asked = event.get("request", {})
    if "url" in asked:
        kept["request"] = {"method": asked.get("method"), "url": str(asked["url"]).partition("?")[0]}
    kept["tags"] = {"process": process_name(), **get_contextvars()}
    return cast(Event, kept)


def _is_expected(error: object) -> bool:
    """Whether something that the shop stands on is away or full: /readyz tells that, and it passes."""
    from catalog.outages import Outage
    from catalog.storage import FULL, NotStored
    from ml.decoding.problems import DecodersBusy

    if isinstance(error, OperationalError | InterfaceError):
        state = getattr(error.__cause__, "sqlstate", None)
        return state is None or state.startswith(PASSES)
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    if isinstance(error, BrokerError) and isinstance(error.__cause__, redis.RedisError):
        return _is_expected(error.__cause__)
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return not isinstance(error, MISCONFIGURED)
    if isinstance(error, redis.ResponseError):  # Its disk or its memory is full.
        return isinstance(error, redis.OutOfMemoryError) or str(error).startswith("MISCONF")
    return isinstance(error, Outage | NotStored | DecodersBusy | PoolTimeout | BrokerError)
