"""Answers as JSON, put together by hand as the serializers of search.api.serializers describe them.

For 20 products and as many categories the serializers take several milliseconds, a fifth of a query's time besides the
network's. This takes a twentieth of that. A test compares the two.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from catalog import ranges, shown_fields
from catalog.models import Category, Product
from catalog.near_misses import miss_as_json
from catalog.words import START, begun, segments
from ml.explanation import HeatMap
from ml.images import Region
from search import photo_states, text_indexing
from search.category_gate import Choice
from search.explanations import Explanation, Trait
from search.lookup import Hit, LeftOut, Matches
from search.models import Space
from search.near_misses import Measured
from search.objects import FoundObject
from search.photo_states import Counts
from search.stopwatch import Stopwatch
from search.word_conditions import Condition, Understood

Json = dict[str, Any]
# A hundred shares of so many digits still add up to the similarity within 1e-4. Of heat a screen shows 256 shades.
SHARE_DIGITS, HEAT_DIGITS = 6, 3
# Inches of what is kept in centimetres, and metres of it.
NUMBER_DIGITS = 4


def answer(space: Space, matches: Matches, watch: Stopwatch, origin: str) -> Json:
    """The matches. Photo URLs begin with `origin`, such as https://shop.example/, if the storage has no own address."""
    return {
        "query_id": str(uuid.uuid4()),
        "space": space.name,
        "weights": space.weights,
        "metric": space.metric,
        "results": [_hit(hit, origin) for hit in matches.hits],
        "left_out": matches.left_out and _left_out(matches.left_out),
        "timings_ms": watch.timings_ms(),
    }


def tell_numbers(answer: Json, measured: Measured, found: Sequence[Matches], origin: str) -> None:
    """Give each result, and each duplicate, the numbers that the request bounds, and the answer its near misses.

    `found` are the matches of the answer, then those of its objects.
    """
    placed = [answer["results"], *(thing["results"] for thing in answer.get("objects", ()))]
    for results, matches in zip(placed, found, strict=True):
        for result, hit in zip(results, matches.hits, strict=True):
            for shown, one in zip((result, *result["duplicates"]), (hit, *hit.duplicates), strict=True):
                shown["numbers"] = _numbers(measured, one)
    answer["near_misses"] = [
        {
            **_match(near.hit, origin),
            "numbers": _numbers(measured, near.hit),
            "misses": [miss_as_json(miss) for miss in near.misses],
        }
        for near in measured.near
    ]


def _numbers(measured: Measured, hit: Hit) -> list[Json]:
    own, bounds = measured.values.get(hit.product.pk, {}), {bound.number: bound for bound in measured.bounds}
    return [
        {"number": name, "value": round(ranges.in_unit(bound, own[name]), NUMBER_DIGITS), "unit": bound.unit}
        for name, bound in bounds.items()
        if name in own  # It may have been measured anew just now.
    ]


def text_answer(
    page: Json, found: Json, similarities: Mapping[int, float], words: str, watch: Stopwatch, origin: str
) -> Json:
    """A page of products found by words (text_search.FoundByText), as the paginator made it.

    `found` holds what the answer says of all of them. All pages are one search, which the first one's `query_id` names.
    """
    return {
        "query_id": None if page["previous"] else str(uuid.uuid4()),
        **page,
        "results": [_text_hit(product, similarities.get(product.pk), words, origin) for product in page["results"]],
        **found,
        "timings_ms": watch.timings_ms(),
    }


def _text_hit(product: Product, similarity: float | None, words: str, origin: str) -> Json:
    photo = product.first_photo
    has_match = START in product.name_headline
    return {
        "product": shown_fields.as_json(product),
        "photo": photo and shown_fields.photo_url(photo["file"], origin),
        "photo_id": photo and photo["id"],
        "rank": round(product.rank, 4),
        "found_by": product.found_by,
        "similarity": similarity and round(similarity, 4),
        "highlight": {
            "name": segments(product.name_headline, product.name) if has_match else begun(words, product.name),
            "description": segments(product.description_headline, product.description),
        },
    }


def gate(choice: Choice, categories: Mapping[int, Category]) -> Json:
    """Every category, the likeliest first, unlearned ones last."""
    ranked = sorted(categories.values(), key=lambda one: (-choice.probabilities.get(one.pk, -1.0), one.slug))
    return {
        "mode": choice.mode,
        "confidence": choice.confidence,
        "low_confidence": choice.low_confidence,
        "categories": [
            {
                "slug": category.slug,
                "name": category.name,
                "probability": choice.probabilities.get(category.pk),
                "searched": category.pk in choice.searched,
            }
            for category in ranked
        ],
    }


def words(understood: Understood) -> Json:
    """What the words beside a photo were taken for."""
    return {
        "understood": [_condition(one) for one in understood.settled.conditions],
        "ranked_by": understood.ranked_by,
        "not_understood": list(understood.not_understood),
        "matches": understood.settled.matches,
    }


def _condition(condition: Condition) -> Json:
    return {
        "text": condition.text,
        "spans": [list(span) for span in condition.spans],
        "kind": condition.kind,
        "names": list(condition.names),
        "values": list(condition.values),
        "how": condition.how.name.lower(),
        "negated": condition.negated,
        "loosened": condition.loosened,
    }


def objects(found: Sequence[FoundObject], categories: Mapping[int, Category], origin: str) -> list[Json]:
    """The things in a photo, each with its matches."""
    return [_object(one, categories, origin) for one in found]


def _object(found: FoundObject, categories: Mapping[int, Category], origin: str) -> Json:
    choice, matches = found.choice, found.matches
    return {
        "box": _as_region(found.box),
        "category": None if choice.likeliest is None else categories[choice.likeliest].slug,
        "confidence": found.confidence,
        "searched": sorted(categories[category].slug for category in choice.searched if category in categories),
        "results": [_hit(hit, origin) for hit in matches.hits],
        "left_out": matches.left_out and _left_out(matches.left_out),
    }


def _as_region(box: Region) -> list[float]:
    """x, y, width, height with four digits. The box stays within the photo, so that it can be sent as a region."""
    x, y, width, height = box
    left, top, right, bottom = (round(edge, 4) for edge in (x, y, x + width, y + height))
    return [left, top, round(right - left, 4), round(bottom - top, 4)]


def _hit(hit: Hit, origin: str) -> Json:
    return {**_match(hit, origin), "duplicates": [_match(other, origin) for other in hit.duplicates]}


def _match(hit: Hit, origin: str) -> Json:
    return {
        "product": shown_fields.as_json(hit.product),
        "photo": urljoin(origin, hit.photo.file.url),
        "photo_id": hit.photo.pk,
        "similarity": hit.similarity,
    }


def explain_first(answer: Json, why: Explanation | None) -> None:
    """Give the first result its explanation, and the others none."""
    for place, result in enumerate(answer["results"]):
        result["explanation"] = why and explanation(why) if place == 0 else None


def explanation(why: Explanation) -> Json:
    likely = why.likelihood
    return {
        "similarity": _rounded(why.similarity),
        "query": _heat_map(why.query),
        "photo": _heat_map(why.photo),
        "words": likely and {"text": likely.words, "probabilities": {k: _rounded(p) for k, p in vars(likely).items()}},
        "attributes": {
            "agree": [_trait(trait) for trait in why.traits if trait.agrees],
            "differ": [{**_trait(trait), "expected": trait.expected} for trait in why.traits if not trait.agrees],
        },
    }


def _heat_map(shown: HeatMap) -> Json:
    rows, columns = shown.shares.shape
    return {
        "rows": rows,
        "columns": columns,
        "shares": shown.shares.round(SHARE_DIGITS).tolist(),
        "heat": shown.heat.round(HEAT_DIGITS).tolist(),
        "padding_share": _rounded(shown.padding_share),
    }


def _trait(trait: Trait) -> Json:
    return {"name": trait.name, "value": trait.value, "share": round(trait.share, HEAT_DIGITS)}


def _rounded(number: float) -> float:
    return round(number, SHARE_DIGITS)


def _left_out(left_out: LeftOut) -> Json:
    return {
        "similarity": left_out.similarity,
        "category": left_out.category.slug,
        "min_similarity": left_out.min_similarity,
        "set_by": left_out.set_by,
    }


def index_state(space: Space) -> Json:
    """How far the space is, category by category, and what its head is worth."""
    counts, indexes = photo_states.per_category(space), {index.category_id: index for index in space.indexes.all()}
    categories = [
        {"slug": category.slug, **_counted(counts.get(category.pk, Counts())), "index": indexes.get(category.pk)}
        for category in Category.objects.all()
    ]
    return {
        "space": space.name,
        "weights": space.weights,
        "categories": categories,
        "texts": _texts(),
        "head": _head(space),
    }


def _texts() -> Json | None:
    progress = text_indexing.progress()
    return vars(progress) if progress else None


def _counted(photos: Counts) -> Json:
    return {
        "photos": photos.total,
        "indexed": photos.indexed,
        "pending": photos.pending,
        "rejected": photos.rejected,
    }


def _head(space: Space) -> Json | None:
    head = space.heads.defer("weights").newest()
    if head is None:
        return None
    gate = head.metrics.get("gate")  # A head stored by an older version has none.
    return {
        "accuracy": head.metrics["top1"],
        "calibration_error": head.metrics["calibration_error"],
        "gate": gate and {name: worth for name, worth in gate.items() if name != "views"},
        "photos": sum(head.photos.values()),
        "trained_at": head.trained_at,
    }
