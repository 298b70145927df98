"""manage.py train_head"""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandError

from catalog.management.explained_command import ExplainedCommand
from catalog.models import Category
from ml.gate_policy import CUTOFF, Policy, Tuned, Worths
from ml.head_fitting import TooFewPhotos
from ml.recipes import WeightsError
from search import head_training
from search.management.commands._named_space import named
from search.management.commands._seeds import check_seed
from search.models import Head
from search.room_views import StorageDown

EPILOG = f"""
The gate is tuned on photos of the catalogue, by heads that have not seen their product. Each looks for the other
photos of its product, or for other products of its category with the same name. recall: how many find one among the
first {CUTOFF}; where hardly any have one, how many have their category searched. Views of the photos in made-up
rooms, which stand for customers' photos, look for their product as well. compared: the share of the
catalogue's photos that a search looks at. hard: the likeliest category alone; open: all of them; soft: as served.

examples:
  manage.py train_head
  manage.py train_head --space resnet50-imagenet --seed 1

exit status: 0 trained, 1 another process is training the space or the photo storage is down, 2 no such space, no such
seed, too few photos, or no weights
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "Train a space's category head and tune its gate now. "
        "The workers do it by themselves whenever enough of the catalogue has changed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--space", metavar="NAME", help="the space to train (default: the live one)")
        parser.add_argument("--seed", type=int, default=0, help="seed of the folds and the sampling (%(default)s)")

    def handle(self, *args: Any, space: str | None, seed: int, **options: Any) -> None:
        check_seed(seed)
        try:
            head = head_training.train(named(space), seed)
        except (TooFewPhotos, WeightsError) as error:
            raise CommandError(str(error), returncode=2) from error
        except StorageDown as error:
            raise CommandError(f"{error} Try again later.", returncode=1) from error
        if head is None:
            raise CommandError("Another process is training this space.", returncode=1)
        slugs = dict(Category.objects.values_list("pk", "slug"))
        self.stdout.write("\n".join([*_worth_lines(head.metrics, slugs), *_gate_lines(head, slugs)]))
        if head.metrics["unknown_below"] is None:
            self.stdout.write("Too few photos to tell what is unknown, so no photo is.")


def _worth_lines(metrics: Mapping[str, Any], slugs: Mapping[int, str]) -> Iterator[str]:
    yield (
        f"On held-out photos: likeliest category right {metrics['top1']:.1%}, "
        f"among the two likeliest {metrics['top2']:.1%}, calibration error {metrics['calibration_error']:.3f}."
    )
    yield f"Learned from: {_counts(metrics['photos'], slugs)}."
    if metrics["views"]:
        yield (
            f"And from {metrics['views']} views in made-up rooms. On held-out ones: likeliest category right "
            f"{metrics['views_top1']:.1%}, calibration error {metrics['views_calibration_error']:.3f}."
        )
    if metrics["others"]:
        yield (
            f"And from {metrics['others']} customers' photos. On held-out ones the likeliest category "
            f"is the one that the customer named: {metrics['others_top1']:.1%}."
        )
    if metrics["left_out"]:
        yield f"Too few photos, so always searched: {_counts(metrics['left_out'], slugs)}."


def _gate_lines(head: Head, slugs: Mapping[int, str]) -> Iterator[str]:
    if head.metrics["gate"] is None:
        yield f"Too few photos to tune the gate: it searches {_words(Policy())}."
        return
    gate = Tuned.from_dict(head.metrics["gate"])
    sought = f"kin among the first {CUTOFF}" if gate.recall_of == "products" else "true category searched"
    yield f"The gate, tuned on {gate.queries} held-out photos (recall: {sought}):"
    yield from _worths(gate)
    if gate.views:
        yield f"And on {gate.views.queries} held-out views in rooms (recall: own product among the first {CUTOFF}):"
        yield from _worths(gate.views)
    yield f"It searches {_words(gate.policy)}."
    names = [slugs.get(category, "?") for category in head.categories]
    for column, others in gate.policy.confusions.items():
        yield f"If {names[column]} is likeliest, it also searches: {', '.join(names[other] for other in others)}."


def _worths(gate: Tuned | Worths) -> Iterator[str]:
    for kind, worth in (("hard", gate.hard), ("soft", gate.soft), ("open", gate.open)):
        yield f"  {kind}  recall {worth.recall:6.1%}  compared {worth.work:6.1%}"


def _words(policy: Policy) -> str:
    if policy.most == 1 or policy.sure <= 0:
        return "the likeliest category"
    if policy.sure > 1:
        return f"the {policy.most} likeliest categories"
    return f"the likeliest categories that together hold {policy.sure:.4g} of the probability, {policy.most} at most"


def _counts(photos: Mapping[int, int], slugs: Mapping[int, str]) -> str:
    return ", ".join(f"{slugs.get(int(category), '?')} {count}" for category, count in photos.items())
