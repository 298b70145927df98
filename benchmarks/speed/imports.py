"""Importing: rows a second of an import sent through the admin, and of import_catalog on the same files.

Products have no photos, or one each: in a ZIP for the admin, beside the CSV file for the command.
The memory is the most that the process had by then.
"""

import argparse
import csv
import io
import resource
import time
from pathlib import Path
from statistics import median
from zipfile import ZipFile

import numpy as np
from PIL import Image

from benchmarks.shop import data_folder

SIDE = 800  # Pixels: the photos of a shop's pages.
HEADER = ["sku", "name", "category", "image", "description", "price", "color"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=10_000, help="products without photos (%(default)s)")
    parser.add_argument("--photos", type=int, default=500, help="products with a photo each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is imported (%(default)s)")


def run(options: argparse.Namespace) -> None:
    with data_folder() as folder:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        plain = write_catalog(folder / "plain", options.rows, with_photos=False)
        illustrated = write_catalog(folder / "illustrated", options.photos, with_photos=True)
        import_sent(write_catalog(folder / "few", options.rows // 10, with_photos=False))
        small = peak_memory()
        forget()
        import_sent(plain)
        large = peak_memory()
        print(f"\nMemory: {small:.0f} MB after {options.rows // 10:,} rows, {large:.0f} MB after {options.rows:,}.")
        columns = [rates(source, options.rounds) for source in (plain, illustrated)]
        print(
            f"\n| rows a second, median of {options.rounds} | {options.rows:,} rows | {options.photos:,} with a photo |"
        )
        print("|---|---|---|")
        for name in columns[0]:
            print(f"| {name} | " + " | ".join(f"{median(column[name]):.0f}" for column in columns) + " |")


def rates(source: Path, rounds: int) -> dict[str, list[float]]:
    """Rows a second of each way. The two take turns, so that other work of the machine slows both alike."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        forget()
        rows, seconds = import_by_command(source)
        found.setdefault("import_catalog", []).append(rows / seconds)
        rows, seconds = import_by_command(source)
        found.setdefault("import_catalog again, nothing to change", []).append(rows / seconds)
        forget()
        for name, rate in import_sent(source).items():
            found.setdefault(name, []).append(rate)
    return found


def import_by_command(source: Path) -> tuple[int, float]:
    from django.core.management import call_command

    from catalog.models import Product

    begun = time.monotonic()
    call_command("import_catalog", source / "catalog.csv", quiet=True)
    return Product.objects.count(), time.monotonic() - begun


def import_sent(source: Path) -> dict[str, float]:
    """Rows a second of the check and of the import, in turns as the worker takes them."""
    from django.core.files import File

    from catalog.importing import jobs
    from catalog.models import Import, Product
    from search.tasks import TURN

    sent = Import(csv_name="catalog.csv", photos_name="photos.zip")
    for field, name in ((sent.csv, "catalog.csv"), (sent.photos, "photos.zip")):
        if (source / name).exists():
            with (source / name).open("rb") as file:
                field.save(name, File(file), save=False)
    sent.save()
    found = {}
    for name in ("in the admin: the check", "in the admin: the import"):
        begun = time.monotonic()
        while jobs.work(TURN):
            pass
        seconds = time.monotonic() - begun
        sent.refresh_from_db()
        found[name] = sent.done / seconds
        jobs.start(sent)
    assert sent.state == "done", sent.reason
    assert Product.objects.count() == sent.added == sent.done
    return found


def forget() -> None:
    """Empty the catalogue."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE catalog_product, catalog_category CASCADE")


def peak_memory() -> float:
    """The most MB that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def write_catalog(folder: Path, rows: int, with_photos: bool) -> Path:
    """A folder with catalog.csv. If photos are wanted, the same ones lie beside it and in photos.zip."""
    folder.mkdir()
    with (folder / "catalog.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            photo = f"{number}.jpg" if with_photos else ""
            about = f"Chair number {number}, of oak, with a seat of wool."
            writer.writerow(
                [f"CH-{number}", f"Chair {number}", f"Category {number % 20}", photo, about, "99.90", "oak"]
            )
    if with_photos:
        random = np.random.default_rng(0)
        with ZipFile(folder / "photos.zip", "w") as archive:
            for number in range(rows):
                (folder / f"{number}.jpg").write_bytes(data := jpeg(random))
                archive.writestr(f"{number}.jpg", data)
    return folder


def jpeg(random: np.random.Generator) -> bytes:
    """A photo of about 100 kB."""
    small = random.integers(0, 256, (SIDE // 8, SIDE // 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()
