"""manage.py import_catalog: the terminal's side of catalog.importing.importer."""

import csv
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, ProgrammingError
from tqdm import tqdm

from catalog.importing.albums import Misuse
from catalog.importing.catalog_rows import CatalogRows
from catalog.importing.importer import Outcome, Result, import_rows
from catalog.importing.recognition import FORMATS, Rows, files_of, read
from catalog.importing.rows import as_text
from catalog.importing.zip_names import CODE_PAGES
from catalog.management.explained_command import ExplainedCommand
from ml.images import DecodersBusy

MISUSE = 2
SOME_REFUSED = 3
INTERRUPTED = 130
# More would scroll the reason out of sight; --errors has them all.
SHOWN_REFUSALS = 50

EPILOG = """
The CSV file is UTF-8, separated by commas, semicolons or tabs, and its first line names the columns:
  sku, name, category                        required
  image                                      a photo's path below the CSV's folder or its web address (https://…),
                                             or several separated by |
  description, price, currency, in_stock, url
  any other column                           an attribute of the product, such as color or size

Other catalogues are recognised by their content, or named by --format:
  google        a Google Merchant Center feed: RSS, Atom, or separated by tabs
  shopify       Shopify's product export
  woocommerce   WooCommerce's product export
Their photos are at web addresses: workers fetch them once the products are in (manage.py fetch_photos --help).
--dry-run tells what became of each column.

A folder has one folder of photos for each category: chair/oak.jpg becomes the product "oak"
with the sku chair-oak, and so does train/chair/oak.jpg. Files that are no photos are named.
A ZIP file is read like the folder that it was packed from, in place.

Importing again is safe: products are known by their sku and photos by their content, so only differences
are written, and nothing is deleted but photos at web addresses that a row names no more. Rows that cannot go in
are reported; all others go in.

examples:
  manage.py import_catalog catalog.csv
  manage.py import_catalog catalog.csv --photos /data/photos --dry-run
  manage.py import_catalog catalog.csv --errors refused.csv
  manage.py import_catalog catalog.csv --photos photos.zip
  manage.py import_catalog photos/
  manage.py import_catalog products_export.csv --format shopify --dry-run

exit status: 0 all rows went in, 2 nothing could be read, 3 some rows were refused
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "Import products and their photos from a CSV file, a shop system's export, or a folder or ZIP of photos."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", type=Path, metavar="PATH", help="the CSV or XML file, or the folder or ZIP of photos"
        )
        parser.add_argument(
            "--photos", type=Path, metavar="DIR", help="folder or ZIP of the photos (default: the CSV file's folder)"
        )
        parser.add_argument(
            "--format", choices=FORMATS, default="", help="what the file is (default: found out by its content)"
        )
        parser.add_argument(
            "--zip-names",
            choices=CODE_PAGES,
            default="",
            metavar="CODE_PAGE",
            help="letters of names in a ZIP that does not say them, such as cp850 (Western Europe) or cp866 (Cyrillic)",
        )
        parser.add_argument("--dry-run", action="store_true", help="tell what would happen and change nothing")
        parser.add_argument(
            "--errors", type=Path, metavar="FILE", help="write refused rows, files left alone and the reasons as CSV"
        )
        parser.add_argument("--quiet", action="store_true", help="print the refused rows only")

    def handle(self, **options: Any) -> None:
        started = time.monotonic()
        try:
            rows = read(options["path"], options["photos"], options["format"], options["zip_names"])
            with refusals_file(options["errors"], rows) as report:
                counts = self.run(rows, options, report)
        except Misuse as error:
            raise CommandError(str(error), returncode=MISUSE) from error
        except KeyboardInterrupt:
            self.stderr.write("Stopped. What went in stays; import again to go on.")
            sys.exit(INTERRUPTED)
        except ProgrammingError:
            raise  # No tables: manage.py says what to do.
        except (DatabaseError, OSError, DecodersBusy) as error:
            raise CommandError(
                f"Stopped: {str(error).rstrip('.')}. What went in stays; import again to go on."
            ) from error
        if not options["quiet"]:
            self.stdout.write(summary(counts, time.monotonic() - started, options["dry_run"]))
            if isinstance(rows, CatalogRows):
                said = [*rows.notes(), *(rows.understood() if options["dry_run"] else [])]
                self.stdout.write("\n".join(said), ending="\n" if said else "")
        if counts[Outcome.REFUSED]:
            sys.exit(SOME_REFUSED)

    def run(self, rows: Rows, options: dict[str, Any], report: Any) -> Counter[str]:
        counts: Counter[str] = Counter()
        shown: list[Result] = []
        # With None, tqdm is off when standard error is not a terminal.
        silent = True if options["quiet"] else None
        results = import_rows(rows, dry_run=options["dry_run"])
        for result in tqdm(results, total=rows.count, unit="row", disable=silent):
            counts[result.outcome] += 1
            counts["photos"] += result.photos_added
            if result.outcome is Outcome.REFUSED:
                report(map(as_text, [result.place, result.sku, result.reason]))
                if len(shown) < SHOWN_REFUSALS:
                    shown.append(result)
        files = files_of(rows)
        for name in files.left_out if files else ():
            report(map(as_text, [name, "", "left alone: it is no photo"]))
        for result in shown:
            self.stderr.write(f"{rows.unit} {result.place}: {result.reason}")
        if (more := counts[Outcome.REFUSED] - len(shown)) > 0:
            self.stderr.write(f"and {more} more; --errors FILE writes them all")
        if files and files.left_out:
            self.stderr.write(files.left_alone())
        return counts


@contextmanager
def refusals_file(path: Path | None, rows: Rows) -> Iterator[Any]:
    """Yields a function that writes a refused row to `path`, or nowhere. A bad path ends the command as misuse."""
    if path is None:
        yield lambda _: None
        return
    if path.resolve() == rows.path.resolve():
        raise CommandError("--errors would overwrite the file to import.", returncode=MISUSE)
    if path.is_file() and path.suffix.lower() != ".csv":
        raise CommandError(f"--errors would overwrite {path}, which is no CSV file.", returncode=MISUSE)
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"--errors {path}: {error.strerror}.", returncode=MISUSE) from error
    with file:
        writer = csv.writer(file)
        writer.writerow([rows.unit, "sku", "reason"])
        yield writer.writerow


def summary(counts: Counter[str], seconds: float, dry_run: bool) -> str:
    total = sum(counts[outcome] for outcome in Outcome)
    parts = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    lines = [
        f"{total} rows in {seconds:.1f} s ({total / max(seconds, 0.001):.0f} a second).",
        f"Products: {parts}. Photos: {counts['photos']} added.",
    ]
    if dry_run:
        lines.append("Dry run: nothing was changed, the counts are what an import would do.")
    elif total == counts[Outcome.UNCHANGED]:
        lines.append("Nothing had to change.")
    return "\n".join(lines)
