"""What a log says of errors, whoever writes them into it."""

import logging
import sys
import time
from itertools import islice

import pytest
import redis
import requests
from celery.exceptions import MaxRetriesExceededError, Retry
from celery.worker.consumer import consumer
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, connection, transaction
from django.middleware import csrf
from PIL import UnidentifiedImageError

from config.logs import privacy
from config.logs.privacy import LEFT_OUT
from config.logs.tracebacks import traceback_of
from ml.recipes import WeightsError

SECRET = "velvet-sofa-7"
FAILED = "checking failed - ... does not match any trusted origins."


def raised_by(statement: str, *parameters: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError, KeyError, LookupError, UnicodeError, Exception, AssertionError),
        *(requests.exceptions.InvalidHeader, requests.ConnectionError, UnidentifiedImageError),
        *(MaxRetriesExceededError, Retry),
        lambda secret: TypeError(f"Field 'id' expected a number but got [{secret!r}]."),
    ],
)
def test_the_message_of_an_error_that_may_quote_what_was_sent_is_left_out(error):
    assert privacy.told(error(SECRET)) == LEFT_OUT


@pytest.mark.parametrize(
    "error",
    [OSError("No space left"), WeightsError("no file"), redis.ConnectionError("refused"), DisallowedHost("x.example")],
)
def test_what_is_said_of_the_machine_and_by_ourselves_stays(error):
    assert privacy.told(error) == str(error)


def test_of_a_file_the_name_is_left_out():
    assert privacy.told(FileNotFoundError(2, "No such file", f"/srv/{SECRET}.jpg")) == "[Errno 2] No such file"


@pytest.mark.django_db
class TestPostgreSQL:
    def test_a_row_is_left_out_and_the_constraint_stays(self, category):
        category("lamp")
        error = raised_by("INSERT INTO catalog_category (slug, name) VALUES ('lamp', %s)", SECRET)
        assert SECRET in str(error) or "lamp" in str(error)
        assert privacy.told(error).startswith(("duplicate key value violates", "null value in column ..."))
        assert SECRET not in privacy.told(error)
        assert "catalog_category" in privacy.told(error)

    @pytest.mark.parametrize("value", [SECRET, f'a"{SECRET}', f'"\n{SECRET}"'])
    def test_a_value_that_is_quoted_is_left_out(self, value):
        error = raised_by("SELECT %s::int", value)
        assert SECRET in str(error)
        assert privacy.told(error) == "invalid input syntax for type integer: ... [SQLSTATE 22P02]"

    @pytest.mark.parametrize("quotes", ["»«", "«»", "„“", "「」"])
    def test_so_it_is_where_the_server_speaks_another_language(self, quotes):
        said = f"ungültige Eingabesyntax: {quotes[0]}{SECRET}{quotes[1]}"
        error = raised_by(f"DO $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = '22P02'; END $$")
        assert privacy.told(error) == "ungültige Eingabesyntax: ... [SQLSTATE 22P02]"

    def test_the_statement_is_left_out(self):
        error = raised_by(f"SELECT nothing_{SECRET[:6]} FROM catalog_product WHERE name = %s", SECRET)
        assert privacy.told(error) == "column ... does not exist [SQLSTATE 42703]"

    def test_what_a_function_raises_is_left_out(self):
        error = raised_by("DO $$ BEGIN RAISE EXCEPTION 'no %%', 'velvet-sofa-7'; END $$")
        assert privacy.told(error) == f"{LEFT_OUT} [SQLSTATE P0001]"

    def test_neither_the_traceback_nor_what_it_was_caused_by_says_it(self):
        try:
            try:
                raised = raised_by("SELECT %s::int", SECRET)
                raise KeyError(SECRET) from raised
            except KeyError as error:
                raise OSError("the end") from error
        except OSError as error:
            told = traceback_of(error)
        assert SECRET not in told.replace('raised_by("SELECT %s::int", SECRET)', "")
        assert told.count("Traceback (most recent call last):") == 4
        assert "psycopg.errors.InvalidTextRepresentation: invalid input syntax" in told
        assert told.endswith("OSError: the end")


def test_an_error_is_cleaned_wherever_a_record_has_it():
    error = ValueError(SECRET)
    mapping = ("no: %(e)s", ({"e": error},))
    for message, args in (("no: %s", (error,)), ("no: %r", (error,)), (error, ()), mapping, ("no: %s", ([error],))):
        record = logging.LogRecord("shop", logging.ERROR, "", 0, message, args, None)
        assert SECRET not in privacy.message(record)


def test_an_error_that_others_wrote_into_their_message_is_cleaned():
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        message = f"Task tags raised unexpected: {error!r}, {error}"
        record = logging.LogRecord("celery", logging.ERROR, "", 0, message, (), sys.exc_info())
    said = f"ValueError: {LEFT_OUT}"
    assert privacy.message(record) == f"Task tags raised unexpected: {said}, {said}"


def test_an_error_about_very_much_is_told_as_soon_as_any_other():
    error = ValueError("velvet " * 1_000_000)
    record = logging.LogRecord("shop", logging.ERROR, "", 0, "boom", (), (ValueError, error, None))
    begun = time.process_time()
    assert privacy.message(record) == "boom"
    assert time.process_time() - begun < 1  # It took twenty seconds to look for all its words.


@pytest.mark.parametrize("error", [KeyError(0), ValueError("e"), ValueError("took"), ValueError("")])
def test_what_only_looks_like_an_error_stays(error):
    """A task's id holds the digit of a KeyError, and a sentence the letter of a ValueError."""
    said = "Task tags[a0e-0-10] took over the shop"
    record = logging.LogRecord("celery", logging.ERROR, "", 0, said, (), (type(error), error, None))
    assert privacy.message(record) == said


def test_what_stands_for_an_error_is_not_looked_through_again():
    cause = ValueError("its message is left out")
    error = KeyError(SECRET)
    error.__cause__ = cause
    said = f"no: {error!r}, {cause!r}"
    record = logging.LogRecord("celery", logging.ERROR, "", 0, said, (), (KeyError, error, None))
    assert privacy.message(record) == f"no: KeyError: {LEFT_OUT}, ValueError: {LEFT_OUT}"


def test_the_type_of_an_error_stays_where_its_message_is_left_out():
    record = logging.LogRecord("shop", logging.ERROR, "", 0, "no photo: %s", (ValueError(SECRET),), None)
    assert privacy.message(record) == f"no photo: ValueError: {LEFT_OUT}"
    record.args = (ValueError(),)
    assert privacy.message(record) == "no photo: ValueError"


def errors_in_a_circle(count: int) -> Exception:
    errors = [ValueError(f"{SECRET}-{number}") for number in range(count)]
    for error, cause in zip(errors, [*errors[1:], errors[0]], strict=True):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_errors_that_caused_each_other_are_told_once_each(count):
    error = errors_in_a_circle(count)
    assert len(list(islice(privacy.chain(error), 10))) == count
    assert traceback_of(error).count(f"ValueError: {LEFT_OUT}") == count


class UnspeakableError(RuntimeError):
    def __str__(self) -> str:
        raise KeyError("no words")

    __repr__ = __str__


def test_an_error_that_cannot_be_told_is_named():
    error = UnspeakableError()
    record = logging.LogRecord("shop", logging.ERROR, "", 0, "no: %s", (error,), (UnspeakableError, error, None))
    assert privacy.message(record) == "no: UnspeakableError: <exception str() failed>"
    assert traceback_of(error).endswith("UnspeakableError: <exception str() failed>")


def test_what_django_suspects_is_told_by_its_kind_alone():
    record = logging.LogRecord("django.security.TooManyFilesSent", logging.ERROR, "", 0, SECRET, (), None)
    assert privacy.message(record) == "refused: TooManyFilesSent"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (csrf.REASON_NO_CSRF_COOKIE, "CSRF cookie not set."),
        (csrf.REASON_BAD_ORIGIN % f"https://{SECRET}", f"Origin {FAILED}"),
        (csrf.REASON_BAD_REFERER % f"{SECRET} x", f"Referer {FAILED}"),
    ],
)
def test_why_a_form_is_taken_for_forged_is_told_without_the_address_that_sent_it(reason, told):
    record = logging.LogRecord("django.security.csrf", logging.WARNING, "", 0, "no (%s): %s", (reason, SECRET), None)
    assert privacy.message(record) == f"refused: csrf: {told}"


@pytest.mark.parametrize(
    ("template", "arguments", "told"),
    [
        (
            "UNKNOWN_TASK_ERROR",
            [KeyError("shop"), SECRET, {}, {}],
            "Received unregistered task of type 'shop'",
        ),
        ("INVALID_TASK_ERROR", [ValueError(SECRET), SECRET], "Received invalid task message"),
        ("UNKNOWN_FORMAT", [SECRET], "Received and deleted unknown message.  Wrong destination?!?"),
        ("MESSAGE_DECODE_ERROR", [ValueError(SECRET), "json", "utf-8", SECRET, SECRET], "Can't decode message body"),
    ],
)
def test_what_a_worker_cannot_take_is_told_without_what_it_is(template, arguments, told):
    name = "celery.worker.consumer.consumer"
    record = logging.LogRecord(name, logging.ERROR, "", 0, vars(consumer)[template], tuple(arguments), None)
    assert privacy.message(record) == told
