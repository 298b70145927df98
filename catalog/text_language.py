"""The language of the shop's texts: which words have one stem, and which are not worth searching for.

The text search configuration `lamplight` has PostgreSQL's dictionaries for the language. It is made anew when
TEXT_LANGUAGE changes, and the products' words with it.
"""

import time
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from django.db import connection, transaction
from django.db.models import F
from psycopg import sql

from catalog.models import Product
from catalog.words import CONFIG

ENGLISH = "english"  # What the migrations set.
# Products whose words are made anew in one transaction: their rows are locked for a tenth of a second.
AT_ONCE = 1_000
PATIENCE = 60  # Seconds that writers are waited for. A batch of an import takes a second.
BUILT_IN = "pg_catalog"


class UnknownLanguageError(Exception):
    """PostgreSQL has no dictionaries for it. The message names those that it has."""


def current() -> str:
    """The language that the products' words are made in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(%s::regconfig, 'pg_ts_config')", [CONFIG])
        (language,) = cursor.fetchone()
    return str(language or ENGLISH)


def available() -> list[str]:
    """The languages that PostgreSQL has dictionaries for; `simple` stems nothing and leaves out no word."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = %s::regnamespace ORDER BY 1", [BUILT_IN])
        return [name for (name,) in cursor.fetchall()]


def change(language: str) -> Iterator[int]:
    """Use another language, then make the products' words anew. Yields how many products are done, as they are.

    Searches go on. Until a product's words are made anew it is found by the former language's stems, so that some words
    do not find it. Whoever stops before the end has the words made anew by changing the language again. Raises
    UnknownLanguageError before anything is changed.
    """
    if language not in (known := available()):
        raise UnknownLanguageError(f"PostgreSQL has no dictionaries for {language!r}: choose from {', '.join(known)}")
    _describe("")  # Until all words are made.
    _map(language)
    _outwait_writers()
    last, done = 0, 0
    while ids := list(Product.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        Product.objects.filter(pk__in=ids).update(name=F("name"))  # Generated columns are made anew.
        last, done = ids[-1], done + len(ids)
        yield done
    _describe(language)


def _outwait_writers() -> None:
    """Wait for the transactions that began before: what they write has the former stems, and is seen once they end."""
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start < %s"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
                [now],
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.2)


def _map(language: str) -> None:
    """Give the configuration the dictionaries of the language's own."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT alias FROM ts_token_type(%s) WHERE tokid = maptokentype), mapdict::regdictionary::text"
            " FROM pg_ts_config_map WHERE mapcfg = %s::regconfig ORDER BY maptokentype, mapseqno",
            ["default", f"{BUILT_IN}.{language}"],
        )
        for token, rows in groupby(cursor.fetchall(), key=itemgetter(0)):
            names = [sql.SQL(dictionary) for _, dictionary in rows]  # regdictionary quotes what needs it.
            cursor.execute(
                sql.SQL("ALTER TEXT SEARCH CONFIGURATION {} ALTER MAPPING FOR {} WITH {}").format(
                    sql.Identifier(CONFIG), sql.Identifier(token), sql.SQL(", ").join(names)
                )
            )


def _describe(language: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("COMMENT ON TEXT SEARCH CONFIGURATION {} IS {}").format(
                sql.Identifier(CONFIG), sql.Literal(language or "being made anew")
            )
        )
