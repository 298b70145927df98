"""The numbers of products follow what is said of them: their attributes first, then the description, then the name.

Whoever saves a product writes its numbers in the same transaction. When a type of attribute changes, a worker reads all
products anew, in batches, and goes on where one before it ended.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import md5

from django.db import connection, transaction
from django.db.models import QuerySet

from catalog import attribute_types
from catalog.attribute_types import Types
from catalog.measures import sizes
from catalog.models import Category, NumberReading, Product, ProductNumber

# The version of `read`. Raise it when it finds other numbers: all products are then read anew.
READER = 3
# Products a transaction: 50 ms on 2 cores, for which their numbers are locked.
BATCH = 500
READ_FROM = frozenset({"name", "description", "attributes", "category"})
# Keys of PostgreSQL's advisory locks: two processes never read all products at once, and nobody writes by types that
# have changed before all products are read anew.
LOCK, TYPES = 0x4C414D5009, 0x4C414D500B
_waiting: ContextVar[list[Product] | None] = ContextVar("products whose numbers are written together", default=None)


def read(product: Product, types: Types) -> dict[str, float]:
    """The numbers of a product by name. What a column says counts before what a text says."""
    found: dict[str, float] = {}
    for name, value in sorted(product.attributes.items()):  # Two may say one number, and JSON has no order.
        one = types.get(name) or attribute_types.of_one(name, value)
        for number, amount in (attribute_types.numbers(one, value) if one else {}).items():
            found.setdefault(number, amount)
    subject = f"{_category_name(product)} {product.name}"
    for text in (product.description, product.name):
        for number, amount in sizes.read(text, subject=subject).items():
            found.setdefault(number, amount)
    return sizes.completed(found)


def _category_name(product: Product) -> str:
    try:
        return product.category.name
    except Category.DoesNotExist:  # It was deleted just now: the end of the transaction refuses the product.
        return ""


@transaction.atomic
def write(products: Sequence[Product]) -> int:
    """Write the numbers of saved products. Returns how many rows changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [TYPES])
    types = attribute_types.known()
    wanted = {(product.pk, name): value for product in products for name, value in read(product, types).items()}
    rows = ProductNumber.objects.filter(product__in=[product.pk for product in products])
    held = {(row.product_id, row.name): row for row in rows}
    gone = [row.pk for key, row in held.items() if key not in wanted]
    changed = [
        ProductNumber(product_id=pk, name=name, value=value)
        for (pk, name), value in wanted.items()
        if (pk, name) not in held or held[pk, name].value != value
    ]
    if gone:
        ProductNumber.objects.filter(pk__in=gone).delete()
    ProductNumber.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["product", "name"], update_fields=["value"]
    )
    return len(gone) + len(changed)


def saved(product: Product, fields: frozenset[str] | None) -> None:
    """Write the numbers of a product that was just saved, now or at the end of `together`. `fields`: those saved."""
    if fields is not None and not fields & READ_FROM:
        return
    waiting = _waiting.get()
    if waiting is None:
        write([product])
    else:
        waiting.append(product)


@contextmanager
def together() -> Iterator[None]:
    """Write the numbers of all products saved meanwhile at once, at the end, in the caller's transaction."""
    waiting: list[Product] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    by_id = {product.pk: product for product in waiting}
    if by_id:  # A savepoint may have taken some back.
        there = Product.objects.filter(pk__in=by_id).values_list("pk", flat=True)
        write([by_id[pk] for pk in there])


def refresh() -> int:
    """Read all products anew if a type has changed since that was last done. Returns how many rows changed.

    A million products take minutes. Does nothing while another process does it.
    """
    changed = 0
    if not NumberReading.objects.filter(digest=_digest(attribute_types.known())).exists():
        _wait_for_writers()
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if cursor.fetchone() != (True,):
                return changed
            state, _ = NumberReading.objects.get_or_create(pk=1)
            digest = _digest(attribute_types.known())
            if state.digest != digest:
                state.digest, state.up_to, state.is_done = digest, 0, False
            if state.is_done:
                return changed
            products = list(_after(state.up_to))
            # Whoever saves one of them meanwhile waits, and then writes what it has saved.
            changed += write(products)
            state.is_done = len(products) < BATCH
            state.up_to = products[-1].pk if products else state.up_to
            state.save()


def is_read() -> bool:
    """Whether all products are read by the types as they are."""
    return NumberReading.objects.filter(digest=_digest(attribute_types.known()), is_done=True).exists()


@transaction.atomic
def _wait_for_writers() -> None:
    """Return when nobody writes by types read before: what they insert shows only once they end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TYPES])


def _after(pk: int) -> QuerySet[Product]:
    products = Product.objects.filter(pk__gt=pk).order_by("pk").select_related("category")
    shown = products.only("name", "description", "attributes", "category__name")
    return shown.select_for_update(no_key=True, of=("self",))[:BATCH]


def _digest(types: Types) -> str:
    """What numbers are read by: the types, and the names of renamed categories, which sentences may say."""
    told = sorted((one.name, one.kind, one.number, one.unit) for one in types.values())
    renamed = list(Category.objects.exclude(former_names=[]).order_by("pk").values_list("pk", "name"))
    return md5(json.dumps([READER, told, renamed]).encode(), usedforsecurity=False).hexdigest()
