"""manage.py duplicates"""

import argparse
import json
import sys
from typing import Any

from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from catalog.models import Photo
from search import duplicates

EXAMPLES = """examples:
  manage.py duplicates                    the groups, a line a photo
  manage.py duplicates --json | jq .      for a script
"""


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "List the photos that show the same picture under different products, in all categories:\n"
        "the same file, saved anew or scaled. Answers show such products once.\n"
        "Nothing is changed, except that older photos get the fingerprints they lack."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON: a list of groups, each a list of photos")

    def handle(self, *args: Any, **options: Any) -> None:
        self._take_missing()
        groups = duplicates.groups()
        if options["json"]:
            self.stdout.write(json.dumps([[_as_dict(photo) for photo in group] for group in groups], indent=2))
            return
        for group in groups:
            self.stdout.write(f"Under {len({photo.product_id for photo in group})} products:")
            for photo in group:
                product = photo.product
                self.stdout.write(f"  {product.sku}  {product.name}, {product.category} (photo {photo.pk})")
        pictures = "1 picture is" if len(groups) == 1 else f"{len(groups)} pictures are"
        self.stdout.write(f"{pictures} shown by more than one product.")

    def _take_missing(self) -> None:
        total = duplicates.without_fingerprint().count()
        with tqdm(total=total, unit="photo", disable=not sys.stderr.isatty() or not total) as bar:
            for photo, problem in duplicates.take_missing():
                bar.update()
                if problem:
                    self.stderr.write(f"Left out: photo {photo.pk} ({photo.file.name}): {problem}")


def _as_dict(photo: Photo) -> dict[str, Any]:
    product = photo.product
    return {
        "sku": product.sku,
        "name": product.name,
        "category": product.category.slug,
        "photo": photo.pk,
        "file": photo.file.name,
    }
