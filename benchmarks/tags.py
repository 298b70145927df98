"""Tags: how often the values are right that are told of products whose attributes are hidden.

A part of a catalogue's products loses the attributes asked about, the rest is learned from, and what is then told of
those that lost them is held against what they had. A value is right if it is written alike, lists in their order.
"""

import argparse
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

# As in the web server (config/web/__main__.py), before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.shop import Network, data_folder, index_catalog

if TYPE_CHECKING:
    from search.models import Space

EXAMPLES = """examples:
  python -m benchmarks.tags demo/catalog/catalog.csv --names color material --draws 20
  python -m benchmarks.tags shop.csv --names color type --hidden 0.2 --draws 10
"""
Attributes = Mapping[int, Mapping[str, Any]]


@dataclass
class Score:
    """What was told of the products that lost an attribute."""

    hidden: int = 0
    told: int = 0
    right: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.hidden + other.hidden, self.told + other.told, self.right + other.right)

    def __str__(self) -> str:
        precision = f"{self.right / self.told:.3f}" if self.told else "    –"
        coverage = f"{self.told / self.hidden:.3f}" if self.hidden else "no such"
        return f"{precision:>9} {coverage:>9} {self.hidden:>9}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tags",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--names", nargs="+", required=True, metavar="NAME", help="the attributes that are hidden")
    parser.add_argument("--hidden", type=float, default=0.2, help="the share of the products that lose them (0.2)")
    parser.add_argument("--draws", type=int, default=10, help="how often other products are drawn (10)")
    options = parser.parse_args()
    with data_folder(Network.from_text("efficientnet_lite2:imagenet")):
        index_catalog(options.catalog)
        print(f"\n{options.catalog.name}, {options.hidden:.0%} hidden, {options.draws} draws")
        print(f"{'':<34} {'precision':>9} {'coverage':>9} {'products':>9}")
        measure(options, "words and photos")
        by_itself()
        with without_words():
            measure(options, "photos alone")


def measure(options: argparse.Namespace, what: str) -> None:
    from catalog.models import Product
    from search.models import Space

    space = Space.objects.get(state=Space.State.LIVE)
    whole = dict(Product.objects.values_list("pk", "attributes"))
    scores = {name: Score() for name in options.names}
    began = time.perf_counter()
    for seed in range(options.draws):
        lost = set(random.Random(seed).sample(sorted(whole), round(options.hidden * len(whole))))
        with hidden(whole, lost, options.names):
            told = tell(space)
        for name, score in scores.items():
            had = {pk: whole[pk][name] for pk in lost if name in whole[pk]}
            said = {pk: told[pk, name] for pk in had if (pk, name) in told}
            score.hidden += len(had)
            score.told += len(said)
            score.right += sum(value.lower() == str(had[pk]).lower() for pk, value in said.items())
    for name, score in scores.items():
        print(f"{what + ', ' + name:<34} {score}")
    if len(scores) > 1:
        print(f"{what + ', all':<34} {sum(scores.values(), Score())}")
    print(f"{(time.perf_counter() - began) / options.draws:.1f} s a draw, learning and telling")


def by_itself() -> None:
    """How often what a photo shows by itself is among the product's own words: its colour, and ImageNet's label."""
    from catalog.models import Product
    from descriptions.described_products import described
    from descriptions.evidence import parts, usual_terms
    from descriptions.plain_captions import colour
    from descriptions.wordings import tokens
    from ml.colour_names import terms_of
    from search.models import Space

    products = described(Space.objects.get(state=Space.State.LIVE), [*Product.objects.values_list("pk", flat=True)])
    usual = usual_terms(products)
    colours, labels = Score(), Score()
    for product in products:
        values = [part for value in product.attributes.values() for part in parts(value)]
        if named := frozenset[str]().union(*map(terms_of, values)):
            said = colour(replace(product, attributes={}), usual)
            colours += Score(1, said is not None, said in named)
        label = next(iter(product.labels), None)
        labels += Score(1, label is not None, label is not None and set(tokens(label)) <= set(product.words))
    print(f"{'the colour that stands out':<34} {colours}")
    print(f"{'ImageNet label, in its own words':<34} {labels}")


def tell(space: "Space") -> dict[tuple[int, str], str]:
    """Learn anew, and tell all that can be told: the value by product and name."""
    from descriptions import tag_learning, tagging
    from descriptions.models import Tag

    tagger = tag_learning.learn(space)
    for _ in tagging.look(tagger):
        pass
    return {(tag.product_id, tag.name): tag.value for tag in Tag.objects.all()}


@contextmanager
def hidden(whole: Attributes, lost: set[int], names: Sequence[str]) -> Iterator[None]:
    """These products without these attributes."""
    from catalog.models import Product

    for pk in lost:
        left = {name: value for name, value in whole[pk].items() if name not in names}
        Product.objects.filter(pk=pk).update(attributes=left)
    yield
    for pk in lost:
        Product.objects.filter(pk=pk).update(attributes=whole[pk])


@contextmanager
def without_words() -> Iterator[None]:
    """All products without name and description, so that only their photos tell."""
    from catalog.models import Product

    had = list(Product.objects.values_list("pk", "name", "description"))
    Product.objects.update(name="-", description="")
    yield
    for pk, name, description in had:
        Product.objects.filter(pk=pk).update(name=name, description=description)


if __name__ == "__main__":
    main()
