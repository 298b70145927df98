"""What a scorecard asks: photos of the catalogue or of elsewhere, and the products that count as found for each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from django.db.models import F
from numpy.typing import NDArray
from PIL import Image

from catalog.importing.albums import Folder, Misuse
from catalog.importing.catalogue_file import CatalogueFile
from catalog.importing.folder_rows import FolderRows
from catalog.importing.rows import ProductRow
from catalog.importing.tables import Table, first_rows
from catalog.models import Category, Photo, Product
from catalog.photos import open_stored
from catalog.storage import StoredPhotoError
from catalog.validators import MAX_KEY_LENGTH
from ml.arrays import Bools
from ml.images import DecodersBusy, UnreadablePhoto
from ml.retrieval import NOTHING
from ml.sampling import sampled
from search import family_labels
from search.models import Embedding, Space

Ints = NDArray[np.int64]

# With this many products that have a second photo, a recall is known to 7 points (the standard error at 50 %).
ENOUGH = 50
REQUIRED_COLUMNS = {"image", "category"}
COLUMNS = {*REQUIRED_COLUMNS, "sku"}


class BadQueries(Exception):  # noqa: N818  it names what was given
    """The queries cannot be asked; the message names the row and the cure."""


@dataclass(frozen=True, eq=False)
class Stock:
    """The catalogue photos that can answer. They are the same in every space that is compared."""

    photos: Ints
    """(n,) ids, by product and within it in the order of the product's page"""
    products: Ints
    """(n,)"""
    categories: Ints
    """(n,)"""
    indexed: int
    """Photos that the spaces share. They are more than n if those are a sample."""
    unshared: int = 0
    """Photos left out because not every space has them."""

    @cached_property
    def product_ids(self) -> Ints:
        """(P,) ascending: the columns of every answer."""
        return np.unique(self.products)

    @cached_property
    def first_rows(self) -> Ints:
        """(P,) the row of each product's first photo."""
        return np.unique(self.products, return_index=True)[1]

    @cached_property
    def photo_counts(self) -> Ints:
        """(P,) photos of each product."""
        return np.unique(self.products, return_counts=True)[1]


@dataclass(frozen=True, eq=False)
class Queries:
    """q photos to search for. Rows are queries, columns the stock's products."""

    wanted_by: str
    """What makes a product count as found, in words."""
    names: tuple[str, ...]
    """What a report calls each query."""
    categories: Ints
    """(q,) ids of what the photos show"""
    wanted: Bools
    """(q, P)"""
    wanting: Bools
    """(q,) whether the query wants any product. One that is not in the stock is wanted in vain."""
    photos: Ints
    """(q,) the catalogue photo that asks, or NOTHING. It never answers itself."""
    own: Ints
    """(q,) the product that may not answer with any of its photos, or NOTHING"""
    files: tuple[Path, ...] = ()
    """One file for each query, if its photos are not in the catalogue."""
    notes: tuple[str, ...] = ()
    """What the reader must know to judge the numbers."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def from_catalogue(self) -> bool:
        return not self.files

    def image(self, row: int, opened: Callable[[bytes], Image.Image]) -> Image.Image:
        """The photo, decoded by `opened`. Raises BadQueries if it cannot be read."""
        try:
            if self.files:
                return opened(self.files[row].read_bytes())
            return open_stored(Photo.objects.get(pk=self.photos[row]), opened)
        except (OSError, UnreadablePhoto) as error:
            raise BadQueries(f"{self.names[row]}: {error} Mend the file or leave it out.") from error
        except (StoredPhotoError, DecodersBusy, Photo.DoesNotExist) as error:
            raise BadQueries(f"{self.names[row]}: {error}") from error


@dataclass(frozen=True)
class Label:
    """A photo from outside the catalogue, and what it shows."""

    place: str
    file: Path
    category: int
    products: frozenset[int] = frozenset()


def shared_stock(spaces: Sequence[Space], most: int, seed: int, keep: Iterable[int] = ()) -> Stock:
    """The photos that all of these spaces have indexed. If they are more than `most`, products are sampled at random.

    A product that is being moved to another category is left out. Products in `keep` are always in.
    """
    rows = [_indexed_photos(space) for space in spaces]
    shared = rows[0]
    for other in rows[1:]:
        shared = shared[np.isin(shared[:, 0], other[:, 0])]
    everything = len(np.unique(np.concatenate([columns[:, 0] for columns in rows])))
    kept = shared[np.isin(shared[:, 1], _sampled_products(shared[:, 1], most, seed, keep))]
    photos, products, categories, positions = kept.T
    order = np.lexsort((photos, positions, products))
    return Stock(photos[order], products[order], categories[order], len(shared), everything - len(shared))


def leave_one_out(stock: Stock, most: int, seed: int, family: str | None = None) -> Queries:
    """Each product's first photo asks for the product's other photos or, with `family`, for other products of its kin.

    Kin are products of one category with the same value in the column `family`: "name" or an attribute. If `family`
    is None and too few products have several photos, the names decide, and the notes say so.

    Args:
        most: products that ask; if there are more, a random sample of them.
    """
    columns = sampled(np.arange(len(stock.product_ids)), most, seed)
    if family is not None:
        return _for_kin(stock, columns, family)
    several = int((stock.photo_counts > 1).sum())
    if several >= ENOUGH:
        return _for_other_photos(stock, columns)
    by_name = _for_kin(stock, columns, "name")
    if by_name.wanting.sum() <= (stock.photo_counts[columns] > 1).sum():
        return _for_other_photos(stock, columns)
    note = (
        f"Products with several photos: {several}, too few to look for a product's other photos. Other products of "
        "the same category and name are looked for instead; --family COLUMN names another column."
    )
    return replace(by_name, notes=(note, *by_name.notes))


def labelled(labels: Sequence[Label], stock: Stock) -> Queries:
    """Photos that are not in the catalogue look for the products they are labelled with."""
    wanted = np.stack([np.isin(stock.product_ids, sorted(label.products)) for label in labels])
    wanting = np.array([bool(label.products) for label in labels])
    missing = {product for label in labels for product in label.products} - set(stock.product_ids.tolist())
    note = f"Products looked for that cannot be found, since the index has no photo of them: {len(missing)}."
    nothing = np.full(len(labels), NOTHING)
    return Queries(
        wanted_by="the products named by sku" if wanting.any() else "nothing but the category",
        names=tuple(label.place for label in labels),
        categories=np.array([label.category for label in labels]),
        wanted=wanted,
        wanting=wanting,
        photos=nothing,
        own=nothing,
        files=tuple(label.file for label in labels),
        notes=(note,) if missing else (),
    )


def read_labels(path: Path, most: int, seed: int) -> list[Label]:
    """Labelled photos: a folder such as chair/oak.jpg, or a CSV file with image, category and, if known, sku.

    Paths in the file start at its folder; several skus are separated by semicolons. Raises BadQueries.
    """
    labels = list(_from_folder(path) if path.is_dir() else _from_csv(path))
    if not labels:
        raise BadQueries(f"{path} has no rows: write one for each photo.")
    return [labels[row] for row in sampled(np.arange(len(labels)), most, seed)]


def _indexed_photos(space: Space) -> Ints:
    """(n, 4): photo, product, category and position."""
    settled = Embedding.objects.filter(space_id=space.pk, photo__product__category_id=F("category_id"))
    columns = settled.values_list("photo_id", "photo__product_id", "category_id", "photo__position")
    return np.array(list(columns), np.int64).reshape(-1, 4)


def _sampled_products(products: Ints, most: int, seed: int, keep: Iterable[int]) -> Ints:
    """Random products with at most `most` photos together. Those in `keep` are always among them."""
    ids, counts = np.unique(products, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(ids))
    first = np.isin(ids, sorted(keep))
    order = order[np.argsort(~first[order], kind="stable")]
    fits = np.cumsum(counts[order]) <= most
    return ids[order][fits | first[order]]


def _for_other_photos(stock: Stock, columns: Ints) -> Queries:
    wanted = stock.product_ids[columns][:, None] == stock.product_ids
    several = stock.photo_counts[columns] > 1
    return _asking(stock, columns, wanted & several[:, None], "another photo of the product")


def _for_kin(stock: Stock, columns: Ints, family: str) -> Queries:
    kin = _kin(stock, family)
    own = stock.product_ids[columns]
    wanted = (kin[columns][:, None] == kin) & (own[:, None] != stock.product_ids)
    what = "name" if family == "name" else f"“{family}”"
    return _asking(stock, columns, wanted, f"another product of the same category and {what}", own)


def _asking(stock: Stock, columns: Ints, wanted: Bools, wanted_by: str, own: Ints | None = None) -> Queries:
    rows = stock.first_rows[columns]
    skus = dict(Product.objects.filter(pk__in=stock.products[rows].tolist()).values_list("pk", "sku"))
    return Queries(
        wanted_by=wanted_by,
        names=tuple(skus.get(product, "?") for product in stock.products[rows].tolist()),
        categories=stock.categories[rows],
        wanted=wanted,
        wanting=np.asarray(wanted.any(axis=1)),
        photos=stock.photos[rows],
        own=np.full(len(rows), NOTHING) if own is None else own,
    )


def _kin(stock: Stock, family: str) -> Ints:
    """(P,) a number for each product, which its kin share. A product without a value has no kin."""
    products = Product.objects.filter(pk__in=stock.product_ids.tolist())
    try:
        return family_labels.numbered(stock.product_ids, family_labels.families(products, family))
    except family_labels.NoSuchColumn as error:
        raise BadQueries(f"--family {family:.{MAX_KEY_LENGTH}}: {error}") from error


def _from_folder(path: Path) -> Iterator[Label]:
    categories = _category_ids()
    try:
        rows = FolderRows(path)
    except Misuse as error:
        raise BadQueries(str(error)) from error
    for row in rows:
        if not isinstance(row, ProductRow):
            raise BadQueries(f"{row.place}: {row.reason}.")
        yield Label(row.place, path / row.place, _category(row.category, categories, row.place))


def _from_csv(path: Path) -> Iterator[Label]:
    categories = _category_ids()
    rows = list(_csv_rows(path))
    folder = Folder(path.parent)
    named = Product.objects.filter(sku__in={sku for _, row in rows for sku in _skus(row)})
    products = dict(named.values_list("sku", "pk"))
    for place, row in rows:
        file = folder.on_disk(row["image"])
        if not file.is_file():
            raise BadQueries(f"{place}: there is no file {file}. Paths start at the folder of the CSV file.")
        if unknown := sorted(_skus(row) - products.keys()):
            raise BadQueries(f"{place}: no product has the sku {', '.join(unknown)}. Correct it or leave it out.")
        category = _category(row["category"], categories, place)
        yield Label(f"{file.name} ({place})", file, category, frozenset(products[sku] for sku in _skus(row)))


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The place of each row, as people call it, and its cells by column. Raises BadQueries."""
    file = CatalogueFile(path)
    try:
        headers = first_rows(file)
        table = Table(file, max(headers, key=lambda separator: len(COLUMNS.intersection(headers[separator]))), str)
        if missing := REQUIRED_COLUMNS.difference(table.columns):
            raise BadQueries(f"{path} has no column {', '.join(sorted(missing))}; its first line has to name them.")
        for record in table:
            place = f"{path.name} line {record.place}"
            if record.fault:
                raise BadQueries(f"{place}: {record.fault}.")
            yield place, record.values
    except Misuse as error:
        raise BadQueries(str(error)) from error


def _category_ids() -> dict[str, int]:
    return dict(Category.objects.values_list("slug", "pk"))


def _category(slug: str, categories: dict[str, int], place: str) -> int:
    if slug in categories:
        return categories[slug]
    known = ", ".join(sorted(categories)) or "none"
    raise BadQueries(f"{place}: there is no category “{slug}”. Write the slug of a category of the shop: {known}.")


def _skus(row: dict[str, str]) -> set[str]:
    return {sku.strip() for sku in row.get("sku", "").split(";")} - {""}
