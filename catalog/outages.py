"""What the catalogue stands on may fail: its disks and its database. Here an error is told as what it is, once."""

import logging

from django.db import InterfaceError, OperationalError
from psycopg import errors as postgresql
from psycopg_pool import PoolTimeout
from rest_framework import status
from rest_framework.exceptions import APIException

from catalog.storage import FULL, NotStored, StoredPhotoError
from catalog.storage_deadline import StorageSilent
from ml.images import DecodersBusy

logger = logging.getLogger(__name__)
RETRY_AFTER = 5  # Seconds. What was restarted is mostly back by then.


class Outage(APIException):
    """The request was fine, and what it needs is away: 503, try it again in a moment."""

    status_code: int = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The service is not ready. Try again in a moment."
    default_code = "service_unavailable"
    wait = RETRY_AFTER  # DRF sends it as Retry-After.
    cause = ""
    """What the log has instead of `detail`, if more is known than strangers are told."""


class DiskFull(Outage):
    """Nothing can be stored until somebody frees space, so the answer is 507 and says so."""

    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = "The disk is full. Nothing was stored. Free some space, then send it again."
    default_code = "storage_full"


BUSY = (
    postgresql.DeadlockDetected,
    postgresql.SerializationFailure,
    postgresql.LockNotAvailable,
)
OVERLOADED = (
    postgresql.InsufficientResources,
    postgresql.OutOfMemory,
    postgresql.TooManyConnections,
    postgresql.ConfigurationLimitExceeded,
)
# SQLSTATEs of a server that is away: a broken connection, a server that stops or starts.
AWAY = ("08", "57P")


def outage(error: BaseException | None) -> Outage | None:
    """What an error says of the disks or the database; None if it says nothing of them."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return _of_database(error.__cause__)
    if isinstance(error, OSError) and error.errno in FULL:
        return DiskFull()
    if isinstance(error, NotStored):
        return Outage("The photo storage failed. Nothing was stored. Try again in a moment.", "storage_unavailable")
    if isinstance(error, DecodersBusy):
        return Outage(str(error), "decoders_busy")
    if isinstance(error, StorageSilent):
        return Outage("The photo storage does not answer. Try again in a moment.", "storage_unavailable")
    if isinstance(error, StoredPhotoError) and error.transient:
        return outage(error.__cause__) or _of_storage(error)
    return None


def _of_storage(error: StoredPhotoError) -> Outage:
    known = Outage("The photo storage failed. Try again in a moment.", "storage_unavailable")
    known.cause = str(error)
    return known


def _of_database(cause: BaseException | None) -> Outage:
    if isinstance(cause, postgresql.DiskFull):
        told = "The disk of the database is full. Nothing was stored. Free some space, then send it again."
        return DiskFull(told, "database_full")
    if isinstance(cause, BUSY):
        told = "Another change was under way, and nothing was stored. Try again in a moment."
        return Outage(told, "database_busy")
    if isinstance(cause, postgresql.QueryCanceled):
        return Outage("The database took too long, and was stopped. Ask for less, or try again later.", "too_slow")
    if isinstance(cause, OVERLOADED):
        told = "The database has no memory or no connection left for this. Try again in a moment."
        return Outage(told, "database_overloaded")
    state = cause.sqlstate if isinstance(cause, postgresql.Error) else None
    if state and not state.startswith(AWAY):
        logger.error("The database failed (SQLSTATE %s)", state, exc_info=cause)
    return Outage("The database does not answer. Try again in a moment.", "database_unavailable")
