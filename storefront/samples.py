"""The sample photos: pictures in folders that the page offers to visitors who have none at hand.

settings.STOREFRONT_SAMPLES names the folders; those that do not exist hold no samples. A table in a folder, queries.csv
or rooms.csv (image, category), says what each photo shows: a photo of a room has a row for each thing.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
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
TABLES = ("queries.csv", "rooms.csv")
ROOM = ("room",)


@dataclass(frozen=True)
class Sample:
    """One picture; `categories` are slugs, none when the folder does not tell."""

    path: Path
    categories: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.path.suffix.lower()]


def available() -> dict[str, Sample]:
    """Every sample by its file name: the only files that are ever served. Of one name the first folder's counts."""
    return {sample.name: sample for folder in reversed(_folders()) for sample in folder.values()}


def offered(count: int) -> list[Sample]:
    """At most `count` samples, in the order of the folders and as many from each. What one lacks the next ones fill."""
    folders = _folders()
    picked: list[Sample] = []
    for place, folder in enumerate(folders):
        picked += spread(folder.values(), (count - len(picked)) // (len(folders) - place))
    known = available()
    return [known[name] for name in dict.fromkeys(sample.name for sample in picked)]


def _folders() -> list[dict[str, Sample]]:
    folders: Sequence[Path] = [folder for folder in settings.STOREFRONT_SAMPLES if folder.is_dir()]
    return [_read(folder, *map(_changed, (folder, *(folder / table for table in TABLES)))) for folder in folders]


def _changed(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


@lru_cache(maxsize=8)
def _read(folder: Path, *_changed: int | None) -> dict[str, Sample]:
    """The samples of a folder, kept until it or its tables change. The page and each of its pictures ask for them."""
    categories = _categories(folder)
    pictures = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in CONTENT_TYPES and path.is_file())
    return {path.name: Sample(path, tuple(categories.get(path.name, ()))) for path in pictures}


def spread(samples: Iterable[Sample], count: int) -> list[Sample]:
    """At most `count` samples, from every category in turn. Within one they lie far apart: neighbours look alike.

    Photos of several categories, which are rooms, count as one.
    """
    groups: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.categories if len(sample.categories) < 2 else ROOM].append(sample)
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


def _categories(folder: Path) -> dict[str, list[str]]:
    """The categories of each picture; none if no table is there or can be read: the page can do without."""
    categories: dict[str, list[str]] = defaultdict(list)
    for table in TABLES:
        try:
            with (folder / table).open(encoding="utf-8-sig", newline="") as file:
                rows = [(row["image"], row["category"]) for row in csv.DictReader(file)]
        except (OSError, UnicodeDecodeError, csv.Error, KeyError):
            continue
        for image, category in rows:
            if category and category not in categories[image]:
                categories[image].append(category)
    return categories
