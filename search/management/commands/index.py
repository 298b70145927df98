"""manage.py index"""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml.recipes import WeightsError
from search import indexing, training
from search.models import Space


class Command(BaseCommand):
    help = (
        "Index every pending photo in this process, then train the category head if the catalogue has changed enough. "
        "The workers do the same by themselves; both may run at once. Interrupt it at any time: nothing is lost."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--space", help="name of the space to index into (default: the live one)")
        parser.add_argument("--batch", type=int, default=indexing.BATCH, help="photos a transaction (%(default)s)")

    def handle(self, *args: Any, space: str | None, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError("--batch: give a number of photos, 1 or more.", returncode=2)
        target = _space(space)
        settled = 0
        try:
            with tqdm(total=indexing.pending(target).count(), unit="photo", disable=not sys.stderr.isatty()) as bar:
                while count := indexing.index_batch(target, batch):
                    settled += count
                    bar.update(count)
        except WeightsError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{settled} photos settled in {target}.")
        if head := training.train_if_due(target):
            self.stdout.write(f"Category head trained, held-out accuracy {head.metrics['top1']:.3f}.")


def _space(name: str | None) -> Space:
    found = Space.objects.filter(name=name).first() if name else Space.objects.live()
    if found is None:
        known = ", ".join(Space.objects.values_list("name", flat=True)) or "none yet: run manage.py prepare"
        raise CommandError(f"--space: there is no such space. Spaces: {known}.", returncode=2)
    return found
