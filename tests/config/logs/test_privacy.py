"""What a log says of errors, whoever writes them into it."""

import logging
import sys

import pytest
import redis
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, connection, transaction

from config.logs import privacy
from config.logs.privacy import LEFT_OUT
from ml.recipes import WeightsError

SECRET = "velvet-sofa-7"


def raised_by(statement: str, *parameters: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    return caught.value


@pytest.mark.parametrize("error", [ValueError, KeyError, LookupError, UnicodeError, Exception, AssertionError])
def test_the_message_of_an_error_that_may_quote_what_was_sent_is_left_out(error):
    assert privacy.told(error(SECRET)) == LEFT_OUT


@pytest.mark.parametrize(
    "error",
    [OSError("No space left"), WeightsError("no file"), redis.ConnectionError("refused"), DisallowedHost("x.example")],
)
def test_what_is_said_of_the_machine_and_by_ourselves_stays(error):
    assert privacy.told(error) == str(error)


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
            told = privacy.traceback_of(error)
        assert SECRET not in told.replace('raised_by("SELECT %s::int", SECRET)', "")
        assert told.count("Traceback (most recent call last):") == 4
        assert "psycopg.errors.InvalidTextRepresentation: invalid input syntax" in told
        assert told.endswith("OSError: the end")


def test_an_error_is_cleaned_wherever_a_record_has_it():
    error = ValueError(SECRET)
    for message, args in (("no: %s", (error,)), ("no: %r", (error,)), (error, ()), ("no: %(e)s", ({"e": error},))):
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


def test_what_django_suspects_is_told_by_its_kind_alone():
    record = logging.LogRecord("django.security.TooManyFilesSent", logging.ERROR, "", 0, SECRET, (), None)
    assert privacy.message(record) == "refused: TooManyFilesSent"
