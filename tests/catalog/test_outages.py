"""What an error of a disk or of the database is told as."""

import errno
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import DatabaseError, connection, transaction
from psycopg_pool import PoolTimeout

from catalog.models import Category
from catalog.outages import Outage, outage
from catalog.storage import NotStored


def told(error: BaseException) -> tuple[int, object]:
    known = outage(error)
    assert known is not None
    return known.status_code, known.get_codes()


def raised(statement: str) -> DatabaseError:
    """The error that PostgreSQL raises at a statement."""
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return error.value


def sqlstate(code: str) -> str:
    return f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("53100", (507, "database_full")),
        ("40P01", (503, "database_busy")),
        ("40001", (503, "database_busy")),
        ("55P03", (503, "database_busy")),
        ("57014", (503, "too_slow")),
        ("57P01", (503, "database_unavailable")),
        ("53000", (503, "database_overloaded")),
        ("53200", (503, "database_overloaded")),
        ("53300", (503, "database_overloaded")),
        ("53400", (503, "database_overloaded")),
    ],
)
def test_an_error_of_postgresql_is_told_as_what_it_is(code, answer):
    assert told(raised(sqlstate(code))) == answer


@pytest.mark.django_db
def test_an_error_that_nobody_expects_is_logged_with_its_traceback(caplog):
    assert told(raised(sqlstate("57P01"))) == (503, "database_unavailable")
    assert caplog.records == []
    assert told(raised(sqlstate("58030"))) == (503, "database_unavailable")
    [record] = caplog.records
    assert record.getMessage() == "The database failed (SQLSTATE 58030)"
    assert record.exc_info


@pytest.mark.django_db
def test_a_statement_that_takes_too_long_is_not_told_as_a_database_that_is_away():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 50")
    assert told(raised("SELECT pg_sleep(5)")) == (503, "too_slow")


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_is_told_as_another_change():
    first, second = (Category.objects.create(slug=slug, name=slug) for slug in "ab")
    both = Barrier(2)
    errors: list[DatabaseError] = []

    def change(*categories: Category) -> None:
        try:
            with transaction.atomic():
                for category in categories:
                    category.save()
                    if category == categories[0]:
                        both.wait(20)
        except DatabaseError as error:
            errors.append(error)
        finally:
            connection.close()

    run_together(lambda: change(first, second), lambda: change(second, first))
    assert [told(error) for error in errors] == [(503, "database_busy")]


def run_together(*targets: Callable[[], None]) -> None:
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_disks_and_pools():
    assert told(OSError(errno.ENOSPC, "No space left on device")) == (507, "storage_full")
    assert told(NotStored(OSError(errno.EDQUOT, "Disk quota exceeded"))) == (507, "storage_full")
    assert told(NotStored(OSError(errno.EIO, "Input/output error"))) == (503, "storage_unavailable")
    assert told(PoolTimeout()) == (503, "database_unavailable")


@pytest.mark.django_db
def test_other_errors_are_none():
    assert outage(FileNotFoundError(errno.ENOENT, "No such file")) is None
    assert outage(raised("SELECT 1 / 0")) is None
    assert outage(None) is None


def test_an_outage_may_be_waited_for():
    assert Outage().wait == 5
