"""How well a space finds: one score of its answers to queries whose right answers are known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Category, Product
from evaluation import costs
from evaluation.answers import Answers, Beliefs, answer, gallery_rows
from evaluation.measures import (
    CategoryQuality,
    FirstMatches,
    Firsts,
    GateQuality,
    category_quality,
    gate_quality,
    shown_similarity,
)
from evaluation.queries import BadQueries, Queries, Stock
from ml.arrays import Floats, Ints
from ml.recipes import WeightsError
from ml.retrieval import NOTHING, first_ranks
from ml.sampling import sampled
from search import encoders, grouping, index_recall
from search.lookup import DIGITS
from search.models import Space

WORST, CAME, SOUGHT = 20, 5, 2  # queries shown with pictures; answers and wanted products shown for each


@dataclass(frozen=True)
class Settings:
    """What a person chooses for an evaluation."""

    seed: int = 0
    keep: float = 0.99
    """Probability with which a right first answer must pass a suggested min_similarity."""
    timed: int = 50
    """Queries whose stages are timed; 0 times none."""


@dataclass(frozen=True)
class Answer:
    """A product that was found or wanted, and its photo nearest to the query."""

    sku: str
    photo: int
    similarity: float
    wanted: bool


@dataclass(frozen=True)
class Miss:
    """A query that was answered badly behind the soft gate."""

    query: int
    """Its row among the queries."""
    name: str
    category: str
    likeliest: str | None
    """The category that the head takes it for."""
    rank: int | None
    """Rank of the first wanted product; None if no searched category has one."""
    wanted: tuple[Answer, ...]
    came: tuple[Answer, ...]


@dataclass(frozen=True)
class Score:
    """All that was measured of one space."""

    space: str
    state: str
    recipe: dict[str, Any]
    """The recipe as in ml.recipes, but with only the name of a weights file."""
    dimensions: int
    metric: str
    category: CategoryQuality | None
    """None where no head has judged the queries: there are too few photos to train one, or none is trained yet."""
    gates: dict[str, GateQuality]
    """hard: the likeliest category alone. soft: as served. open: all of them."""
    unknown: int | None
    """Queries that the gate takes for nothing the shop sells; None without a head."""
    similarity_range: tuple[float, float]
    """The least and the greatest similarity of the first answers: the ends of their histograms."""
    first_matches: tuple[FirstMatches, ...]
    """By category of the answer, behind the soft gate."""
    approximation: index_recall.Approximation
    latency_ms: dict[str, costs.Percentiles]
    """By stage; empty where nothing was timed."""
    bytes_per_photo: costs.Footprint
    worst: tuple[Miss, ...]
    notes: tuple[str, ...]
    """What was not measured, or not as it is served, and why."""


def evaluate(space: Space, stock: Stock, queries: Queries, settings: Settings) -> Score:
    """Measure a space. Everything but the latency is the same for the same seed.

    Raises WeightsError, BadQueries (a query photo cannot be read), IndexChanged and StorageDown.
    """
    answers = answer(space, stock, queries, settings.seed)
    slugs = dict(Category.objects.values_list("pk", "slug"))
    firsts = _first_answers(answers)
    timings, notes = _latency(space, queries, settings)
    return Score(
        space=space.name,
        state=space.state,
        recipe={**space.recipe, "weights": space.weights},
        dimensions=space.dimensions,
        metric=space.metric,
        category=_category_quality(answers, slugs),
        gates=_gates(answers),
        unknown=int(answers.beliefs.unknown.sum()) if answers.beliefs and answers.head_served else None,
        similarity_range=firsts.extent,
        first_matches=firsts.by_category(slugs, settings.keep, DIGITS[Space.Metric(space.metric)]),
        approximation=index_recall.approximation(
            space, answers.vectors, queries.categories, _own_products(answers), settings.seed
        ),
        latency_ms=timings,
        bytes_per_photo=costs.footprint(space),
        worst=tuple(_worst(answers, slugs)),
        notes=(*_head_notes(answers), *notes),
    )


def _head_notes(answers: Answers) -> tuple[str, ...]:
    if answers.head_served:
        return ()
    if answers.beliefs is None:
        return ("There is no category head: every search is open.",)
    return ("There is no category head yet: searches are open, and hard and soft are what training would give.",)


def _category_quality(answers: Answers, slugs: dict[int, str]) -> CategoryQuality | None:
    beliefs = answers.beliefs
    if beliefs is None:
        return None
    return category_quality(beliefs.probabilities, beliefs.classes, answers.queries.categories, slugs)


def _gates(answers: Answers) -> dict[str, GateQuality]:
    photos = np.unique(answers.gallery.categories, return_counts=True)[1]
    queries = answers.queries
    return {
        gate: gate_quality(
            answers.similarities, queries.wanted, queries.wanting, searched, answers.product_columns, photos
        )
        for gate, searched in answers.searched.items()
    }


def _first_answers(answers: Answers) -> Firsts:
    """First answers to the queries that want a product and are answered at all."""
    scores, queries = answers.soft_similarities, answers.queries
    first = scores.argmax(axis=1)
    rows = np.flatnonzero(queries.wanting & np.isfinite(scores[np.arange(len(first)), first]))
    columns = first[rows]
    return Firsts(
        similarity=shown_similarity(scores[rows, columns]),
        right=queries.wanted[rows, columns],
        category=answers.gallery.product_categories[columns],
    )


def _own_products(answers: Answers) -> Ints:
    """(q,) the product each query was taken from, or NOTHING."""
    if not answers.queries.from_catalogue:
        return answers.queries.own
    return answers.gallery.products[gallery_rows(answers.gallery, answers.queries)]


def _latency(
    space: Space, queries: Queries, settings: Settings
) -> tuple[dict[str, costs.Percentiles], tuple[str, ...]]:
    """The timings, and a note on why there are none."""
    if not settings.timed:
        return {}, ()
    rows = sampled(np.arange(len(queries)), settings.timed + 1, settings.seed)
    try:
        encoder = encoders.encoder_for(space)
        return costs.latency(space, [queries.image(row, encoder.open) for row in rows.tolist()]), ()
    except (WeightsError, BadQueries) as error:
        return {}, (f"Not timed: {error}",)


def _worst(answers: Answers, slugs: dict[int, str]) -> Iterator[Miss]:
    """Queries whose wanted products rank last. If none wants a product, those whose wrong category is surest."""
    queries = answers.queries
    columns = answers.searched["soft"][:, answers.product_columns]
    ranks = first_ranks(answers.similarities, queries.wanted, columns)
    likeliest, confidence = _likeliest(answers.beliefs, len(queries))
    if queries.wanting.any():
        wanted = np.where(queries.wanted, answers.similarities, -np.inf).max(axis=1)
        behind = np.nan_to_num(answers.soft_similarities.max(axis=1) - wanted, posinf=np.inf)
        order = np.lexsort((-behind, -ranks))
        bad = queries.wanting & (ranks > 1)
    else:
        order = np.argsort(-confidence, kind="stable")
        bad = (likeliest != queries.categories) & (likeliest != NOTHING)
    pictures = Pictures(answers)
    for row in order[bad[order]][:WORST].tolist():
        yield Miss(
            query=row,
            name=queries.names[row],
            category=slugs.get(int(queries.categories[row]), "?"),
            likeliest=slugs.get(int(likeliest[row])),
            rank=int(ranks[row]) if np.isfinite(ranks[row]) else None,
            wanted=pictures.best(row, np.where(queries.wanted[row], answers.similarities[row], -np.inf), SOUGHT),
            came=pictures.best(row, answers.soft_similarities[row], CAME),
        )


def _likeliest(beliefs: Beliefs | None, count: int) -> tuple[Ints, Floats]:
    """(q,) the likeliest category, or NOTHING, and its probability."""
    likeliest, confidence = np.full(count, NOTHING), np.zeros(count)
    if beliefs is not None:
        judged = beliefs.judged
        likeliest[judged] = beliefs.classes[beliefs.probabilities[judged].argmax(axis=1)]
        confidence[judged] = beliefs.probabilities[judged].max(axis=1)
    return likeliest, confidence


class Pictures:
    """Products as a report shows them: by the photo that was nearest to the query."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.skus = dict(Product.objects.filter(pk__in=answers.gallery.product_ids.tolist()).values_list("pk", "sku"))

    def best(self, row: int, scores: Floats, count: int) -> tuple[Answer, ...]:
        """The products with the highest `scores`, (P,), for the query of this row; none with a score of -inf."""
        columns = np.argsort(-scores, kind="stable")[:count]
        columns = columns[np.isfinite(scores[columns])]
        answers, products = self.answers, self.answers.gallery.product_ids[columns].tolist()
        photos = self._nearest_photos(row, products)
        return tuple(
            Answer(
                sku=self.skus.get(product, "?"),
                photo=photos[product],
                similarity=float(shown_similarity(answers.similarities[row, column])),
                wanted=bool(answers.queries.wanted[row, column]),
            )
            for column, product in zip(columns.tolist(), products, strict=True)
        )

    def _nearest_photos(self, row: int, products: list[int]) -> dict[int, int]:
        """By product, its photo nearest to the query."""
        gallery = self.answers.gallery
        shown = np.isin(gallery.products, products) & (gallery.photos != self.answers.queries.photos[row])
        rows = np.flatnonzero(shown)
        distances = np.linalg.norm(gallery.vectors[rows] - self.answers.vectors[row], axis=1)
        ranked = rows[np.argsort(distances, kind="stable")].tolist()
        first = grouping.first_of_each(ranked, gallery.products.__getitem__)
        return {int(gallery.products[place]): int(gallery.photos[place]) for place in first}
