"""The scorecard of one or several spaces: as a table for the terminal, as JSON, and as a page."""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from textwrap import fill
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from PIL import Image

from catalog.models import Category, Photo
from catalog.photos import open_stored
from catalog.storage import StoredPhotoError
from evaluation import plots
from evaluation.measures import CUTOFFS, needed
from evaluation.queries import BadQueries, Queries, Stock
from evaluation.score import Answer, Score, Settings
from ml.images import as_jpeg, open_photo
from search.lookup import DIGITS
from search.models import Space, Threshold

CATALOGUE = "catalogue"  # the source of queries that are the catalogue's own photos
THRESHOLD_HEADER = ("category", "right", "wrong", "min_similarity", "right kept", "wrong cut")
STAGES = ("encode", "gate", "search", "total")
WORDS = {"space", "category", "gate"}  # columns that are not numbers
WIDTH = 120  # columns of a terminal
THUMBNAIL = 128  # pixels, shown at half that size; about 3 KB each
DECODE = partial(open_photo, side=THUMBNAIL)


@dataclass(frozen=True)
class Table:
    """Cells as text, for the terminal and for the page."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_text(self) -> str:
        """Aligns words left and numbers right. Empty without rows."""
        if not self.rows:
            return ""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        padded = (
            "  ".join(
                cell.ljust(width) if name in WORDS else cell.rjust(width)
                for name, cell, width in zip(self.header, cells, widths, strict=True)
            )
            for cells in (self.header, *self.rows)
        )
        return "\n".join(line.rstrip() for line in padded)

    def marked(self) -> list[list[tuple[str, bool]]]:
        """The header and the rows: each cell, and whether it is a word."""
        words = [name in WORDS for name in self.header]
        return [list(zip(cells, words, strict=True)) for cells in (self.header, *self.rows)]


@dataclass(frozen=True)
class Asked:
    """What was asked, and which photos could answer. Both are the same for every space."""

    source: str
    """"catalogue", or the path of the labelled photos."""
    queries: int
    wanting: int
    """Queries that want a product. Recall and precision count these."""
    wanted_by: str
    photos: int
    """Catalogue photos that could answer."""
    products: int
    photos_indexed: int
    """Photos that all the spaces have. They are more than `photos` if those are a sample."""
    photos_unshared: int
    """Photos left out because not every space has them."""
    notes: tuple[str, ...]

    @classmethod
    def of(cls, queries: Queries, stock: Stock, source: str) -> "Asked":
        return cls(
            source=source,
            queries=len(queries),
            wanting=int(queries.wanting.sum()),
            wanted_by=queries.wanted_by,
            photos=len(stock.photos),
            products=len(stock.product_ids),
            photos_indexed=stock.indexed,
            photos_unshared=stock.unshared,
            notes=queries.notes,
        )

    def sentences(self) -> list[str]:
        """For people: what was asked, and what limits the numbers."""
        what = "products of the catalogue" if self.source == CATALOGUE else f"photos of {self.source}"
        said = [
            f"{self.queries} {what} ask, {self.wanting} of them for {self.wanted_by}; "
            f"{self.photos} photos of {self.products} products answer."
        ]
        if self.photos < self.photos_indexed:
            said.append(f"These are a sample: {self.photos_indexed} photos are indexed (--gallery N reads more).")
        if self.photos_unshared:
            said.append(f"{self.photos_unshared} photos that not every space has were left out.")
        return [*said, *self.notes]


@dataclass(frozen=True)
class Scorecard:
    """The scores of all spaces, and how they came about."""

    created_at: str
    """ISO 8601."""
    settings: Settings
    asked: Asked
    spaces: tuple[Score, ...]

    def as_json(self) -> str:
        """Every number, under the names of the dataclasses in score, measures and costs."""
        return json.dumps({"version": 1, **asdict(self)}, indent=2, ensure_ascii=False, allow_nan=False)

    def as_text(self) -> str:
        """At most WIDTH columns wide as long as names are short."""
        parts = [
            "\n".join(fill(sentence, WIDTH) for sentence in self.asked.sentences()),
            quality_table(self.spaces).as_text(),
            cost_table(self.spaces).as_text(),
            threshold_promise(self),
            threshold_table(self.spaces).as_text() if self.suggests else "",
            *(fill(f"{score.space}: {note}", WIDTH) for score in self.spaces for note in score.notes),
        ]
        return "\n\n".join(part for part in parts if part)

    @property
    def suggests(self) -> bool:
        """Whether a min_similarity is suggested for any category."""
        return any(match.min_similarity is not None for score in self.spaces for match in score.first_matches)

    def as_html(self, queries: Queries) -> str:
        """One file, without scripts and without requests to the network."""
        context = {
            "scorecard": self,
            "sentences": self.asked.sentences(),
            "promise": threshold_promise(self),
            "quality": quality_table(self.spaces),
            "cost": cost_table(self.spaces),
            "sections": [_section(score, queries) for score in self.spaces],
        }
        return render_to_string("evaluation/scorecard.html", context)


def quality_table(scores: Iterable[Score]) -> Table:
    """Three rows a space, one for each gate. Its first row alone has what is the same behind every gate."""
    header = ("space", "gate", *(f"R@{k}" for k in CUTOFFS), "mAP", "categories", "scanned", "top-1", "top-2", "ECE")
    rows = []
    for score in scores:
        quality = score.category
        judged = tuple(_share(getattr(quality, name, None)) for name in ("top1", "top2", "calibration_error"))
        for place, (gate, found) in enumerate(score.gates.items()):
            worth = (*(_share(found.recall.get(k)) for k in CUTOFFS), _share(found.mean_average_precision))
            cost = (f"{found.categories_searched:.2f}", f"{found.scanned:.1%}")
            first = place == 0
            rows.append((score.space if first else "", gate, *worth, *cost, *(judged if first else ("", "", ""))))
    return Table(header, tuple(rows))


def cost_table(scores: Iterable[Score]) -> Table:
    """What serving from each space costs, times as median/95th percentile."""
    header = ("space", "unknown", "ANN R@10", "vector B", "index B", *(f"{stage} ms" for stage in STAGES))
    rows = tuple(
        (
            score.space,
            "-" if score.unknown is None else str(score.unknown),
            f"{score.approximation.recall_at_10:.3f}" if score.approximation.indexed else "1 (exact)",
            f"{score.bytes_per_photo.vector:,.0f}",
            f"{score.bytes_per_photo.index:,.0f}",
            *(_milliseconds(score, stage) for stage in STAGES),
        )
        for score in scores
    )
    return Table(header, rows)


def threshold_table(scores: Iterable[Score]) -> Table:
    """A row for each category of a space that gave first answers."""
    tables = {score.space: _thresholds(score) for score in scores}
    rows = [
        (space if place == 0 else "", *row) for space, table in tables.items() for place, row in enumerate(table.rows)
    ]
    return Table(("space", *THRESHOLD_HEADER), tuple(rows))


def threshold_promise(scorecard: "Scorecard") -> str:
    """What the suggestions mean, and what they do not; or why there are none."""
    if not scorecard.suggests:
        least = needed(scorecard.settings.keep)
        return fill(
            f"No min_similarity is suggested: no category gave {least} right first answers. "
            "Ask with more photos (--queries), or accept a smaller --keep.",
            WIDTH,
        )
    share = f"{scorecard.settings.keep:.4%}".rstrip("0%").rstrip(".")
    said = f"First answers behind the soft gate, and the min_similarity that {share} % of the right ones will pass."
    if scorecard.asked.source != CATALOGUE:
        return said
    return f"{said}\nThese are catalogue photos. Customers' photos match less closely: apply what --queries measures."


def apply_thresholds(score: Score) -> list[str]:
    """Make the suggestions the space's defaults, and say what changed. Categories without a suggestion keep theirs."""
    space = Space.objects.get(name=score.space)
    categories = {category.slug: category for category in Category.objects.all()}
    former = dict(space.thresholds.values_list("category__slug", "min_similarity"))
    said = []
    for match in score.first_matches:
        if match.min_similarity is None or match.min_similarity == former.get(match.category):
            continue
        if match.category not in categories:  # It was renamed or deleted meanwhile.
            continue
        Threshold.objects.update_or_create(
            space=space, category=categories[match.category], defaults={"min_similarity": match.min_similarity}
        )
        before = former.get(match.category, 0.0)
        said.append(f"{space}, {match.category}: min_similarity {before:g} -> {match.min_similarity:g}")
    return said


def _thresholds(score: Score) -> Table:
    """The least similarities of one space, with the digits of its metric: those of L2 are small."""
    digits = DIGITS[Space.Metric(score.metric)]
    rows = (
        (
            match.category,
            str(match.right),
            str(match.wrong),
            f"needs {match.needed} right" if match.min_similarity is None else f"{match.min_similarity:.{digits}f}",
            _percent(match.right_kept),
            _percent(match.wrong_cut),
        )
        for match in score.first_matches
    )
    return Table(THRESHOLD_HEADER, tuple(rows))


def _section(score: Score, queries: Queries) -> dict[str, Any]:
    """A space's part of the page."""
    drawings = []
    if score.gates["soft"].recall:
        drawings.append(("Recall by gate", plots.recall_by_gate(score.gates)))
    if score.category:
        drawings += [
            ("Reliability of the likeliest category", plots.reliability(score.category.reliability)),
            (
                _first_of("Confusion matrix", plots.SHOWN_CATEGORIES, score.category.categories),
                plots.confusion(score.category),
            ),
        ]
    if score.latency_ms:
        drawings.append(("Latency by stage", plots.latency(score.latency_ms)))
    if score.first_matches:
        title = _first_of("Similarity of the first answer", plots.SHOWN_HISTOGRAMS, score.first_matches)
        drawings.append((title, plots.similarity_histograms(score.first_matches, score.similarity_range)))
    return {
        "score": score,
        "drawings": [(title, _trusted(drawing)) for title, drawing in drawings],
        "thresholds": _thresholds(score),
        "worst": [
            {
                "miss": miss,
                "asked": _thumbnail(partial(queries.image, miss.query, DECODE)),
                "wanted": _pictures(miss.wanted),
                "came": _pictures(miss.came),
            }
            for miss in score.worst
        ],
    }


def _first_of(title: str, most: int, categories: Sequence[object]) -> str:
    return title if len(categories) <= most else f"{title}, {most} of {len(categories)} categories"


def _trusted(drawing: str) -> SafeString:
    return mark_safe(drawing)  # matplotlib escapes the text in it


def _pictures(answers: Sequence[Answer]) -> list[tuple[Answer, str]]:
    return [(answer, _photo_thumbnail(answer.photo)) for answer in answers]


@lru_cache(maxsize=2000)  # compared spaces often fail on the same products
def _photo_thumbnail(photo: int) -> str:
    return _thumbnail(lambda: open_stored(Photo.objects.get(pk=photo), DECODE))


def _thumbnail(opened: Callable[[], Image.Image]) -> str:
    """A data URI; empty where the photo is gone."""
    try:
        image = opened()
    except (StoredPhotoError, BadQueries, Photo.DoesNotExist):
        return ""
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return f"data:image/jpeg;base64,{base64.b64encode(as_jpeg(image, quality=70)).decode()}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _milliseconds(score: Score, stage: str) -> str:
    times = score.latency_ms.get(stage)
    return "-" if times is None else f"{times.p50:.1f}/{times.p95:.1f}"
