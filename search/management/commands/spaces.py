"""manage.py spaces"""

import argparse
import math
from collections.abc import Sequence
from json import dumps
from typing import Any

from django.template.defaultfilters import filesizeformat

from catalog.management.explained_command import ExplainedCommand
from search import index_recall, spaces
from search.models import Space

EXAMPLES = """examples:
  manage.py spaces
  watch manage.py spaces --fast       # while one is being built
  manage.py spaces --json | jq '.[] | {space, progress}'
"""
QUERIES = 20  # for each indexed category; an exact scan of a million vectors takes a second
HEADINGS = ("space", "state", "indexed", "dims", "metric", "disk", "a photo", "index", "recall@10", "recipe")


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = "List the spaces: recipe, state, how far each is built, what it takes, and how it is scanned."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print a list of objects instead of a table")
        parser.add_argument("--fast", action="store_true", help="do not ask the HNSW indexes for their recall")

    def handle(self, *args: Any, json: bool, fast: bool, **options: Any) -> None:
        rows = [_facts(space, fast) for space in Space.objects.all()]
        if json:
            self.stdout.write(dumps(rows, indent=2))
        elif rows:
            self.stdout.write(_table([HEADINGS, *map(_cells, rows)]))
        else:
            self.stdout.write("There is no space yet: run manage.py prepare.")


def _facts(space: Space, fast: bool) -> dict[str, Any]:
    seen = spaces.overview(space)
    return {
        "space": space.name,
        "state": seen.stage,
        "recipe": space.summary,
        "source": space.source.name if space.source else None,
        "dimensions": space.dimensions,
        "metric": space.metric,
        "photos": seen.counts.total,
        "indexed": seen.counts.indexed,
        "rejected": seen.counts.rejected,
        "pending": seen.counts.pending,
        "progress": math.floor(10_000 * seen.progress) / 10_000,
        "vector_bytes": seen.size.vectors,
        "index_bytes": seen.size.indexes,
        "bytes_per_photo": seen.bytes_per_photo,
        "categories": seen.leaves,
        "hnsw_indexes": seen.hnsw,
        "recall_at_10": None if fast else index_recall.sampled_recall(space, QUERIES),
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    done = f"{row['indexed']:,}" + (f" ({row['progress']:.0%})" if row["pending"] else "")
    index = f"HNSW {row['hnsw_indexes']} of {row['categories']}" if row["hnsw_indexes"] else "exact"
    recall = "-" if row["recall_at_10"] is None or not row["indexed"] else f"{row['recall_at_10']:.3f}"
    disk = filesizeformat(row["vector_bytes"] + row["index_bytes"])
    a_photo = f"{row['bytes_per_photo']:,} B"
    dimensions = f"{row['dimensions']:,}"
    return (row["space"], row["state"], done, dimensions, row["metric"], disk, a_photo, index, recall, row["recipe"])


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
