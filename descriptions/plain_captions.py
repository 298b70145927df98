"""Plain captions, for products that no vision-language model describes: category, colour and proposed attributes.

Only what the shop itself has not written is said.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from descriptions.evidence import Described, parts
from ml import product_colours
from ml.arrays import Floats
from ml.colour_names import TERMS, terms_of

# A colour stands out that exceeds its usual share by so many times as much as the next one does. Of the colours that
# are said so, benchmarks.tags prints how many are right.
LEAD = 2.0


def written(category: str, colour: str | None, values: Sequence[str]) -> str:
    """A caption such as "Sofa: pink, velvet, brass."; empty if there is nothing to say."""
    said = [*filter(None, [colour]), *values]
    return f"{category}: {', '.join(dict.fromkeys(said))}." if said else ""


def colour(product: Described, usual: Floats, proposed: Sequence[str] = ()) -> str | None:
    """The basic colour that stands out in its photos; None where none does, or its attributes name one.

    Args:
        usual: the mean share of each term in the shop, (12,).
        proposed: values that are proposed for it.
    """
    if not product.colours.any() or names_colour(product.attributes) or any(map(terms_of, proposed)):
        return None
    lifts = product_colours.lifts(product.colours, usual)
    best, second = np.argsort(-lifts)[:2]
    return TERMS[int(best)] if lifts[best] >= LEAD * lifts[second] else None


def names_colour(attributes: Mapping[str, object]) -> bool:
    return any(terms_of(part) for value in attributes.values() for part in parts(value))
