"""manage.py evaluate"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from catalog.management.explained_command import ExplainedCommand
from evaluation.answers import IndexChanged
from evaluation.queries import BadQueries, Queries, Stock, labelled, leave_one_out, read_labels, shared_stock
from evaluation.score import Settings, evaluate
from evaluation.scorecard import CATALOGUE, Asked, Scorecard, apply_thresholds
from ml.recipes import WeightsError
from search.management.commands._named_space import named
from search.management.commands._seeds import check_seed
from search.models import Embedding, Space
from search.room_views import StorageDown

MISUSE = 2

EPILOG = """
Without --queries the catalogue asks itself: each product's first photo looks for the product's other photos or, with
--family, for the other products of its category with the same value in that column. The gate is judged by heads that
have not seen the product; how wide it opens was chosen on these same photos. Stored thresholds are not applied.

--queries takes photos that are not in the catalogue:
  a folder   chair/1.jpg, lamp/2.jpg: the folders are the categories' slugs
  a CSV file with the columns image, category and, if known, sku (several separated by semicolons)

Columns: top-1 and top-2, the photo's own category is the likeliest, or among the two likeliest; ECE, the expected
calibration error; R@k, share of the queries that find a wanted product among the first k; mAP, mean average precision;
unknown, queries taken for nothing the shop sells; ANN R@10, share of the 10 nearest products that the HNSW indexes
return; milliseconds as median/95th percentile.

examples:
  manage.py evaluate
  manage.py evaluate --all --family collection --html scorecard.html
  manage.py evaluate --space resnet50-imagenet vgg16-imagenet --queries customers.csv --json scorecard.json
  manage.py evaluate --queries customers.csv --keep 0.95 --apply

exit status: 0 measured, 2 bad arguments or queries
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "Measure how well spaces find: categories, gate, recall, similarities, indexes and time, on the same queries. "
        "Suggests a min_similarity for each category. Everything but the times is the same for the same --seed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        spaces = parser.add_mutually_exclusive_group()
        spaces.add_argument("--space", nargs="+", metavar="NAME", help="the spaces to compare (default: the live one)")
        spaces.add_argument("--all", action="store_true", help="compare all spaces that are live or being built")
        asked = parser.add_mutually_exclusive_group()
        asked.add_argument("--leave-one-out", action="store_true", help="ask with the catalogue's photos (the default)")
        asked.add_argument("--queries", type=Path, metavar="PATH", help="ask with labelled photos: a folder or a CSV")
        parser.add_argument("--family", metavar="COLUMN", help="attribute that products of one family share, or name")
        parser.add_argument("--sample", type=_count(1), default=1000, metavar="N", help="queries at most (%(default)s)")
        parser.add_argument(
            "--gallery", type=_count(2), default=20_000, metavar="N", help="photos held in memory at most (%(default)s)"
        )
        parser.add_argument("--timed", type=_count(0), default=50, metavar="N", help="queries timed (%(default)s)")
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of samples and folds (%(default)s)")
        parser.add_argument(
            "--keep",
            type=_share,
            default=0.99,
            metavar="SHARE",
            help="right first answers that a suggested min_similarity must let pass (%(default)s)",
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every number")
        parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots and the worst queries")
        parser.add_argument("--apply", action="store_true", help="make the suggested min_similarity the default")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["family"] and options["queries"]:
            raise CommandError("--family goes without --queries: labelled photos name their skus.", returncode=MISUSE)
        check_seed(options["seed"])
        for flag in ("json", "html"):
            _check_writable(options[flag], flag)
        try:
            scorecard, queries = self.measure(_spaces(options["space"], options["all"]), options)
        except (BadQueries, WeightsError) as error:
            raise CommandError(str(error), returncode=MISUSE) from error
        except IndexChanged as error:
            raise CommandError(str(error)) from error
        except StorageDown as error:
            raise CommandError(f"{error} Try again later.") from error
        self.stdout.write(scorecard.as_text())
        if options["json"]:
            options["json"].write_text(scorecard.as_json(), encoding="utf-8")
        if options["html"]:
            options["html"].write_text(scorecard.as_html(queries), encoding="utf-8")
        if options["apply"]:
            changed = [line for score in scorecard.spaces for line in apply_thresholds(score)]
            self.stdout.write("\n" + ("\n".join(changed) or "No min_similarity had to change."))

    def measure(self, spaces: list[Space], options: dict[str, Any]) -> tuple[Scorecard, Queries]:
        settings = Settings(options["seed"], options["keep"], options["timed"])
        stock, queries = _asked(spaces, options)
        scores = tuple(evaluate(space, stock, queries, settings) for space in spaces)
        asked = Asked.of(queries, stock, str(options["queries"] or CATALOGUE))
        return Scorecard(timezone.now().isoformat(timespec="seconds"), settings, asked, scores), queries


def _asked(spaces: list[Space], options: dict[str, Any]) -> tuple[Stock, Queries]:
    most, seed = options["sample"], options["seed"]
    if options["queries"]:
        labels = read_labels(options["queries"], most, seed)
        stock = _stock(spaces, options, frozenset().union(*(label.products for label in labels)))
        return stock, labelled(labels, stock)
    stock = _stock(spaces, options)
    return stock, leave_one_out(stock, most, seed, options["family"])


def _stock(spaces: list[Space], options: dict[str, Any], keep: frozenset[int] = frozenset()) -> Stock:
    for space in spaces:
        if not Embedding.objects.filter(space_id=space.pk).exists():
            cure = f"run manage.py index --space {space}, or leave the space out"
            raise CommandError(f"No photo is indexed in {space}: {cure}.", returncode=MISUSE)
    stock = shared_stock(spaces, options["gallery"], options["seed"], keep)
    if not len(stock.photos):
        raise CommandError("The spaces have no photo in common: run manage.py index for each.", returncode=MISUSE)
    return stock


def _spaces(names: list[str] | None, everything: bool) -> list[Space]:
    if everything and (found := list(Space.objects.indexed_into().order_by("pk"))):
        return found
    return [named(name) for name in dict.fromkeys(names)] if names else [named(None)]


def _check_writable(path: Path | None, flag: str) -> None:
    """Refuse an unusable path before minutes of work, not after them."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        raise CommandError(f"--{flag} {path}: not a file in a folder that exists.", returncode=MISUSE)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CommandError(f"--{flag} {path}: it may not be written. Choose another place.", returncode=MISUSE)


def _count(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
        return int(text)

    return parse


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1, such as 0.99")
    return share
