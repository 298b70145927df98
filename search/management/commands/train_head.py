"""manage.py train_head"""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

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
        for name, value in head.metrics.items():
            self.stdout.write(f"{name}: {value}")
