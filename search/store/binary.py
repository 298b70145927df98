"""Rows in PostgreSQL's binary form, past the ORM: every query is read this way, and each vector read and written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, models
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from psycopg import sql
from psycopg.pq import Format

M = TypeVar("M", bound=models.Model)


@contextmanager
def cursor() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor on Django's connection, in its transaction and with its errors, that speaks binary both ways.

    A HalfVector is a parameter like any other. Its type is not named: PostgreSQL takes it from the column or the cast,
    so no connection need ask for the type's number. Vectors come as bytes (`vectors.from_binary`).
    """
    with connection.cursor() as own, connection.wrap_database_errors, psycopg.Cursor[Any](own.connection) as binary:
        binary.format = Format.BINARY
        binary.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)
        yield binary


def fields(table: str, model: type[models.Model], names: Sequence[str]) -> sql.Composed:
    """The columns of these fields of a model whose table goes by the name `table`."""
    columns = {field.name: str(field.column) for field in model._meta.concrete_fields}
    return sql.SQL(", ").join([sql.Identifier(table, columns[name]) for name in names])


def instance(model: type[M], names: tuple[str, ...], values: Sequence[Any]) -> M:
    """The model of a row that begins with the values of these fields; its other fields are deferred."""
    return model.from_db(DEFAULT_DB_ALIAS, _attributes(model, names), values[: len(names)])


@cache
def _attributes(model: type[models.Model], names: tuple[str, ...]) -> list[str]:
    attributes = {field.name: field.attname for field in model._meta.concrete_fields}
    return [attributes[name] for name in names]
