"""manage.py tag_products"""

import argparse
import sys
from typing import Any

from django.db import transaction
from tqdm import tqdm

from descriptions import tag_learning, tagging
from descriptions.models import Tag, Tagger
from search.management.commands._base_command import ExplainedCommand
from search.management.commands._named_space import named
from search.models import Space

EPILOG = """
precision: of the products with the attribute that were held out, and told as surely as the tags are, the share that was
told rightly. coverage: of all held out, the share that was told so surely. Where no precision of 0.9 can be promised,
nothing is proposed.

examples:
  manage.py tag_products
  manage.py tag_products --anew        # learn from the catalogue as it is now
  manage.py tag_products --dry-run     # only say what would be proposed

exit status: 0 done, 2 there is no index yet
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "Propose the attributes that products lack, as their words, photos and the products that have them tell. Staff "
        "accept or reject them in the admin. The workers do the same by themselves; both may run at once."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--anew", action="store_true", help="learn from the attributes even if few have changed")
        parser.add_argument("--dry-run", action="store_true", help="say what would be proposed, and change nothing")

    def handle(self, *args: Any, anew: bool, dry_run: bool, **options: Any) -> None:
        space = named(None)
        with transaction.atomic():
            tagger = self._tagger(space, anew or dry_run)
            self._tag(tagger)
            proposed = Tag.objects.filter(state=Tag.State.PROPOSED)
            self.stdout.write("\n".join(_lines(tagger, list(proposed.values_list("name", flat=True)))))
            transaction.set_rollback(dry_run)
        if dry_run:
            self.stdout.write("Nothing was changed.")

    def _tagger(self, space: Space, anew: bool) -> Tagger:
        newest = None if anew else tag_learning.newest_tagger(space)
        return tag_learning.learn(space) if newest is None or tag_learning.is_due(space) else newest

    def _tag(self, tagger: Tagger) -> None:
        total = tagging.pending(tagger).count()
        with tqdm(total=total, unit="product", disable=not sys.stderr.isatty()) as bar:
            while count := tagging.tag_batch(tagger):
                bar.update(count)


def _lines(tagger: Tagger, proposed: list[str]) -> list[str]:
    """What was learned of each attribute, and how many tags are proposed."""
    if not tagger.learned:
        return ["No attribute could be learned: 30 indexed products must have it, in words."]
    lines = [f"{'attribute':<24} {'precision':>9} {'coverage':>9} {'proposed':>9}"]
    for name, model in tagger.learned.items():
        told = f"{model['precision']:>9.3f} {model['coverage']:>9.3f}" if model["coverage"] else f"{'too low':>19}"
        lines.append(f"{name:<24.24} {told} {proposed.count(name):>9}")
    return lines
