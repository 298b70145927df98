"""What a photo found, ranked by a description in words as well."""

from dataclasses import replace

from search.lookup import Hit, Matches
from search.meaning import Meaning
from search.store import text_vectors

# So many of the products nearest to the photo are ranked anew. Those beyond do not look like it any more.
AMONG = 100
# What the similarity of texts counts beside that of the photos, which is a share of the best match's. With this weight
# both differ about as much among the matches, and more finds little more (python -m benchmarks.photo_words).
WEIGHT = 2.0


def ranked(matches: Matches, meaning: Meaning, limit: int) -> Matches:
    """The `limit` best matches by photo and meaning together. The similarities they show stay those of the photos."""
    if meaning.vector is None or not matches.hits:
        return replace(matches, hits=matches.hits[:limit])
    products = [hit.product.pk for hit in matches.hits]
    near = text_vectors.similarities(meaning.encoder.model, meaning.vector, products)
    best = max(hit.similarity for hit in matches.hits) or 1.0

    def score(hit: Hit) -> float:
        return hit.similarity / best + WEIGHT * near.get(hit.product.pk, 0.0)

    left_out = matches.left_out if len(matches.hits) <= limit else None  # What is left out is worse than no hit.
    return Matches(sorted(matches.hits, key=score, reverse=True)[:limit], left_out)
