"""What every search reads first: the live space, and the shop's categories."""

from collections.abc import Mapping
from typing import NamedTuple

from psycopg import sql

from catalog.models import Category
from search.models import Space
from search.store import binary
from search.store.scans import CATEGORY

SPACE = ("id", "name", "recipe", "dimensions", "metric", "state")
SPACES = sql.SQL("SELECT {fields} FROM {table} space WHERE state = {live}").format(
    fields=binary.fields("space", Space, SPACE),
    table=sql.Identifier(Space._meta.db_table),
    live=sql.Literal(str(Space.State.LIVE)),
)
CATEGORIES = sql.SQL("SELECT {fields} FROM {table} category").format(
    fields=binary.fields("category", *CATEGORY), table=sql.Identifier(Category._meta.db_table)
)


class LiveShop(NamedTuple):
    space: Space
    categories: Mapping[int, Category]
    """By id."""


def read() -> LiveShop | None:
    """Read the live space and all categories in one round trip; None before the first space was made."""
    with binary.cursor() as spaces, binary.cursor() as categories:
        with spaces.connection.pipeline():
            spaces.execute(SPACES)
            categories.execute(CATEGORIES)
        space = spaces.fetchone()
        known = [binary.instance(*CATEGORY, row) for row in categories.fetchall()]
    return space and LiveShop(binary.instance(Space, SPACE, space), {category.pk: category for category in known})
