"""The sample photos: pictures in a folder that the page offers to visitors who have none at hand.

settings.STOREFRONT_SAMPLES names the folder; None, or a folder that does not exist, means no samples. Its queries.csv
(image, sku, category), where there is one, says what each photo shows.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, zip_longest
from pathlib import Path

from django.conf import settings

CONTENT_TYPES = {
    ".avif": "image/avif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
TABLE = "queries.csv"


@dataclass(frozen=True)
class Sample:
    """One picture; `category` is a slug, or empty when the folder does not tell."""

    path: Path
    category: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.path.suffix.lower()]


def available() -> dict[str, Sample]:
    """Every sample by its file name, sorted: the only files of the folder that are ever served."""
    folder: Path | None = settings.STOREFRONT_SAMPLES
    if folder is None or not folder.is_dir():
        return {}
    table = folder / TABLE
    return _read(folder, folder.stat().st_mtime_ns, table.stat().st_mtime_ns if table.is_file() else None)


@lru_cache(maxsize=1)
def _read(folder: Path, *_changed: int | None) -> dict[str, Sample]:
    """The samples of a folder, kept until it or its table changes. The page and each of its pictures ask for them."""
    categories = _categories(folder / TABLE)
    pictures = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in CONTENT_TYPES and path.is_file())
    return {path.name: Sample(path, categories.get(path.name, "")) for path in pictures}


def spread(samples: Iterable[Sample], count: int) -> list[Sample]:
    """At most `count` samples, from every category in turn. Within one they lie far apart: neighbours look alike."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.category].append(sample)
    if not groups:
        return []
    share = -(-count // len(groups))
    picked = [_apart(group, share) for group in groups.values()]
    in_turn = chain.from_iterable(zip_longest(*picked))
    return [sample for sample in in_turn if sample is not None][:count]


def _apart(group: list[Sample], count: int) -> list[Sample]:
    if len(group) <= count:
        return group
    return [group[len(group) * turn // count] for turn in range(count)]


def _categories(table: Path) -> dict[str, str]:
    """The category of each picture; none if the table is missing or cannot be read: the page can do without."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            return {row["image"]: row["category"] or "" for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError):
        return {}
