"""A space's answers to queries, made in memory: similarities to every product, and the categories a gate opens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from tqdm import tqdm

from evaluation.queries import Queries, Stock
from ml.arrays import Bools, Floats, Ints
from ml.classifier import Classifier
from ml.gate_policy import HARD, Policy
from ml.head_fitting import Origin, TooFewPhotos
from ml.retrieval import Gallery, Metric, similarities
from search import encoders, head_training
from search.models import Space
from search.store import vectors

READ = 500  # photos whose vectors are read at once: 4 MB at 2,048 dimensions
ENCODED = 64  # query photos held at once: 200 MB at 1,024 pixels


class IndexChanged(Exception):  # noqa: N818  it names the state of the index
    """Photos were removed from the space while it was read."""

    def __init__(self, space: Space) -> None:
        super().__init__(f"Photos left the index of {space} while it was read: run this again.")


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What a head says of queries that it was not trained on."""

    classes: Ints
    """(K,) category ids, ascending"""
    probabilities: Floats
    """(q, K); a row of nan where no head has judged"""
    policy: Policy
    unknown: Bools
    """(q,) whether the query is like nothing the shop sells"""

    @property
    def judged(self) -> Bools:
        return np.asarray(~np.isnan(self.probabilities).any(axis=1))


@dataclass(frozen=True, eq=False)
class Answers:
    """What a space answers to all of the queries."""

    queries: Queries
    vectors: Floats
    """(q, d)"""
    gallery: Gallery
    similarities: Floats
    """(q, P), -inf for a product that must not answer"""
    beliefs: Beliefs | None
    head_served: bool
    """Whether searches have a head. Without one they are open, and `beliefs` are what training would give."""

    @cached_property
    def categories(self) -> Ints:
        """(C,) ids, ascending"""
        return np.unique(self.gallery.categories)

    @cached_property
    def product_columns(self) -> Ints:
        """(P,) the column of each product's category."""
        return np.searchsorted(self.categories, self.gallery.product_categories)

    @cached_property
    def searched(self) -> dict[str, Bools]:
        """By gate: (q, C), the categories that it lets each query into.

        A query that no head has judged searches everywhere. Categories that no head has learned are always searched,
        as they are when served.
        """
        everywhere = np.ones((len(self.queries), len(self.categories)), bool)
        if self.beliefs is None:
            return {"hard": everywhere, "soft": everywhere, "open": everywhere}
        soft = self._let_in(self.beliefs, self.beliefs.policy)
        soft[self.beliefs.unknown] = True
        return {"hard": self._let_in(self.beliefs, HARD), "soft": soft, "open": everywhere}

    @cached_property
    def soft_similarities(self) -> Floats:
        """(q, P), -inf outside the categories that the soft gate opens."""
        return np.where(self.searched["soft"][:, self.product_columns], self.similarities, -np.inf)

    def _let_in(self, beliefs: Beliefs, policy: Policy) -> Bools:
        chosen = policy.searched(beliefs.probabilities[beliefs.judged])
        searched = np.ones((len(self.queries), len(self.categories)), bool)
        for column, category in enumerate(beliefs.classes.tolist()):
            searched[np.ix_(beliefs.judged, self.categories == category)] = chosen[:, [column]]
        return searched


def read_gallery(space: Space, stock: Stock) -> Gallery:
    """The stock's vectors as float32, in its order. Raises IndexChanged."""
    gallery = np.empty((len(stock.photos), space.dimensions), np.float32)
    places = {photo: row for row, photo in enumerate(stock.photos.tolist())}
    ids, read = list(places), 0
    with tqdm(total=len(ids), desc=f"{space}: reading", unit="photo", disable=None) as bar:
        for start in range(0, len(ids), READ):
            photos, stored = vectors.read(space, ids[start : start + READ])
            gallery[[places[photo] for photo in photos.tolist()]] = stored
            read += len(photos)
            bar.update(min(READ, len(ids) - start))
    if read < len(ids):
        raise IndexChanged(space)
    return Gallery(gallery, stock.photos, stock.products, stock.categories)


def answer(space: Space, stock: Stock, queries: Queries, seed: int) -> Answers:
    gallery = read_gallery(space, stock)
    vectors = _query_vectors(space, gallery, queries)
    scores = similarities(vectors, gallery, cast(Metric, space.metric), queries.photos)
    scores[queries.own[:, None] == gallery.product_ids] = -np.inf
    head = _served_head(space)
    if queries.from_catalogue:
        beliefs = _unseen_beliefs(space, gallery, queries, head, seed)
    else:
        beliefs = None if head is None else _served_beliefs(head, vectors)
    return Answers(queries, vectors, gallery, scores, beliefs, head is not None)


def _query_vectors(space: Space, gallery: Gallery, queries: Queries) -> Floats:
    """(q, d): stored vectors of catalogue photos; vectors of other photos are made now."""
    if queries.from_catalogue:
        return gallery.vectors[gallery_rows(gallery, queries)]
    encoder = encoders.encoder_for(space)
    batches = []
    with tqdm(total=len(queries), desc=f"{space}: encoding", unit="photo", disable=None) as bar:
        for start in range(0, len(queries), ENCODED):
            images = [queries.image(row, encoder.open) for row in range(start, min(start + ENCODED, len(queries)))]
            batches.append(encoder.encode(images))
            bar.update(len(images))
    return np.concatenate(batches)


def gallery_rows(gallery: Gallery, queries: Queries) -> Ints:
    """(q,) the gallery's row of each query photo."""
    places = {photo: row for row, photo in enumerate(gallery.photos.tolist())}
    return np.array([places[photo] for photo in queries.photos.tolist()])


def _served_head(space: Space) -> Classifier | None:
    newest = space.heads.newest()
    return None if newest is None else Classifier.from_bytes(bytes(newest.weights))


def _served_beliefs(head: Classifier, vectors: Floats) -> Beliefs:
    return Beliefs(np.array(head.classes), head.probabilities(vectors), head.policy, head.is_unknown(vectors))


def _unseen_beliefs(
    space: Space, gallery: Gallery, queries: Queries, head: Classifier | None, seed: int
) -> Beliefs | None:
    """Asks heads trained without the photo's product, on as many photos as the served head; None if these are too few.

    The gate's policy, and what is unknown, are the served head's.
    """
    asked = gallery_rows(gallery, queries)
    rows = _learned_rows(gallery, asked, seed)
    try:
        learned = head_training.lessons(space, gallery.among(rows), seed)
        held_out = learned.held_out(seed).among(learned.origins == Origin.CATALOGUE)
    except TooFewPhotos:
        return None
    probabilities = np.full((len(gallery.photos), len(held_out.classes)), np.nan)
    probabilities[rows[held_out.rows]] = held_out.probabilities
    nothing = np.zeros(len(asked), bool)
    return Beliefs(
        classes=np.array(held_out.classes),
        probabilities=probabilities[asked],
        policy=_translated(head.policy, head.classes, held_out.classes) if head else Policy(),
        unknown=head.is_unknown(gallery.vectors[asked], gallery.products[asked]) if head else nothing,
    )


def _learned_rows(gallery: Gallery, asked: Ints, seed: int) -> Ints:
    """Rows to train on. Each category has the photos that ask and, by chance, others up to what training takes."""
    random = np.random.default_rng(seed)
    asking = np.zeros(len(gallery.photos), bool)
    asking[asked] = True
    categories = np.unique(gallery.categories)
    most = min(head_training.PHOTOS_PER_CATEGORY, head_training.PHOTOS // len(categories))
    learned = []
    for category in categories:
        rows = random.permutation(np.flatnonzero(gallery.categories == category))
        rows = rows[np.argsort(~asking[rows], kind="stable")]
        learned.append(rows[: max(most, int(asking[rows].sum()))])
    return np.sort(np.concatenate(learned))


def _translated(policy: Policy, learned: Sequence[int], classes: Sequence[int]) -> Policy:
    """The policy, with its confusions in the columns of `classes`. Categories that are not among them are dropped."""
    column = {category: place for place, category in enumerate(classes)}
    named = {learned[one]: [learned[other] for other in others] for one, others in policy.confusions.items()}
    confusions = {
        column[one]: tuple(column[other] for other in others if other in column)
        for one, others in named.items()
        if one in column
    }
    return replace(policy, confusions=confusions)
