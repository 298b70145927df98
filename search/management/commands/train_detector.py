"""manage.py train_detector"""

import argparse
from typing import Any

from django.core.management.base import CommandError

from catalog.management.explained_command import ExplainedCommand
from ml.recipes import Recipe, WeightsError
from search import detector_training
from search.management.commands._named_space import named
from search.management.commands._seeds import check_seed
from search.models import Head
from search.room_views import StorageDown

EPILOG = """
The detector finds the things in a photo of a room (objects=auto). It learns from scenes that are made up of the
space's own photos: products cut out of their plain backdrops. It takes three minutes on two cores. recall and precision
are of boxes in scenes that it has not learned from, at an intersection over union of 0.5.

examples:
  manage.py train_detector
  manage.py train_detector --space efficientnet-lite2-imagenet --seed 1

exit status: 0 trained, 1 another process is training the space or the photo storage is down, 2 no such space, no such
seed, no head yet, a network without a map, nothing to learn from, or no weights
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "Train a space's detector of things now. "
        "The workers do it by themselves for the live space, after the category head."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--space", metavar="NAME", help="the space to train (default: the live one)")
        parser.add_argument("--seed", type=int, default=0, help="seed of the scenes (%(default)s)")

    def handle(self, *args: Any, space: str | None, seed: int, **options: Any) -> None:
        check_seed(seed)
        trained = named(space)
        if not Recipe.from_dict(trained.recipe).has_map:
            raise CommandError(f"{trained}'s network has no map to read: things are found in crops.", returncode=2)
        try:
            detector = detector_training.train(trained, seed)
        except Head.DoesNotExist as error:
            raise CommandError(f"{trained} has no head yet: run manage.py train_head.", returncode=2) from error
        except (detector_training.NothingLearned, WeightsError) as error:
            raise CommandError(str(error), returncode=2) from error
        except StorageDown as error:
            raise CommandError(f"{error} Try again later.", returncode=1) from error
        if detector is None:
            raise CommandError("Another process is training this space.", returncode=1)
        found = detector.found
        self.stdout.write(
            f"In {found['scenes']} scenes with {found['things']} things: recall {found['recall']:.3f} "
            f"and precision {found['precision']:.3f}."
        )
