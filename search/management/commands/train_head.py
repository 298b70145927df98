"""manage.py train_head"""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Category
from ml.classifier import TooFewPhotos
from search import training
from search.models import Space


class Command(BaseCommand):
    help = (
        "Train the live space's category head now. "
        "The workers do it by themselves whenever enough of the catalogue has changed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=0, help="of the folds and the sampling (%(default)s)")

    def handle(self, *args: Any, seed: int, **options: Any) -> None:
        space = Space.objects.live()
        if space is None:
            raise CommandError("There is no live space: run manage.py prepare.", returncode=2)
        try:
            head = training.train(space, seed)
        except TooFewPhotos as error:
            raise CommandError(str(error), returncode=2) from error
        if head is None:
            raise CommandError("Another process is training this space.", returncode=1)
        slugs = dict(Category.objects.values_list("pk", "slug"))
        metrics = head.metrics
        self.stdout.write(f"On held-out photos: likeliest category right {metrics['top1']:.1%}, ", ending="")
        self.stdout.write(f"among the two likeliest {metrics['top2']:.1%}, ", ending="")
        self.stdout.write(f"calibration error {metrics['calibration_error']:.3f}.")
        self.stdout.write(f"Learned from: {_counts(metrics['photos'], slugs)}.")
        if metrics["left_out"]:
            self.stdout.write(f"Too few photos, so always searched: {_counts(metrics['left_out'], slugs)}.")


def _counts(photos: dict[int, int], slugs: dict[int, str]) -> str:
    return ", ".join(f"{slugs.get(int(category), '?')} {count}" for category, count in photos.items())
