"""manage.py tag_products"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import Count
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from catalog.models import Product
from descriptions import tag_learning, tagging
from descriptions.described_products import described, text_of
from descriptions.models import Tag, Tagger
from search.management.commands._named_space import named

EPILOG = """
precision: what can be promised: of the products with the attribute that were held out, and told as surely as the tags
are, the share that was told rightly, less what chance may have added. coverage: of all held out, the share that was
told so surely. Where no precision of 0.9 can be promised, nothing is proposed.

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
        if dry_run:
            tagger = tag_learning.learned(space)
            proposed = self._would_propose(tagger)
        else:
            newest = tag_learning.newest_tagger(space)
            tagger = tag_learning.learn(space) if anew or newest is None or tag_learning.is_due(space) else newest
            self._propose(tagger)
            counts = Tag.objects.filter(state=Tag.State.PROPOSED).order_by().values_list("name").annotate(Count("pk"))
            proposed = dict(counts)
        self.stdout.write("\n".join(_lines(tagger, proposed)))
        if dry_run:
            self.stdout.write("Nothing was changed.")

    def _propose(self, tagger: Tagger) -> None:
        with tqdm(total=tagging.pending(tagger).count(), unit="product", disable=not sys.stderr.isatty()) as bar:
            for count in tagging.look(tagger):
                bar.update(count)

    def _would_propose(self, tagger: Tagger) -> Mapping[str, int]:
        """How many tags a look at all products would find, by the attribute's name."""
        teller, counts = tagging.Teller(tagger), Counter[str]()
        products, after = Product.objects.order_by("pk").defer("search_vector"), 0
        with tqdm(total=products.count(), unit="product", disable=not sys.stderr.isatty()) as bar:
            while batch := list(products.filter(pk__gt=after)[: tagging.BATCH]):
                after = batch[-1].pk
                texts = {product.pk: text_of(product) for product in batch}
                for shown in described(tagger.space, [*texts]):
                    counts.update(tag.name for tag in teller.tags(shown, texts[shown.pk]))
                bar.update(len(batch))
        return counts


def _lines(tagger: Tagger, proposed: Mapping[str, int]) -> list[str]:
    """What was learned of each attribute, and how many tags are proposed."""
    if not tagger.learned:
        return ["No attribute could be learned: 30 indexed products must have it, in words."]
    lines = [f"{'attribute':<24} {'precision':>9} {'coverage':>9} {'proposed':>9}"]
    for name, model in sorted(tagger.learned.items()):
        told = f"{model['precision']:>9.3f} {model['coverage']:>9.3f}" if model["coverage"] else f"{'too low':>19}"
        lines.append(f"{name:<24.24} {told} {proposed.get(name, 0):>9}")
    return lines
