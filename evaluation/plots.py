"""The pictures of a scorecard: inline SVG in the page's own colours, so that they read in light and in dark."""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from evaluation.costs import Percentiles
from evaluation.measures import Bin, CategoryQuality, FirstMatches, GateQuality

# Drawings use these colours. _svg replaces them by the style sheet's own.
INK, MUTED, FIRST, SECOND, THIRD, HEAT = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
STYLES = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    THIRD: "var(--third)",
    HEAT: "var(--heat)",
}
RC: dict[Any, Any] = {
    "svg.fonttype": "none",  # text that the reader's browser sets, finds and reads aloud
    "svg.hashsalt": "lamplight",  # the same numbers give the same file
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}
WIDTH = 4.6  # inches, 331 points: about the width of a phone, so that 9 points are 9 points there
SHOWN_CATEGORIES, NUMBERED_CATEGORIES, SHOWN_HISTOGRAMS = 30, 12, 12


@mpl.rc_context(RC)
def recall_by_gate(gates: Mapping[str, GateQuality]) -> str:
    """Bars of recall@k, side by side for each gate."""
    figure, axes = _figure(2.7)
    width = 0.8 / len(gates)
    for place, ((name, gate), colour) in enumerate(zip(gates.items(), (THIRD, FIRST, SECOND), strict=True)):
        left = np.arange(len(gate.recall)) + (place - (len(gates) - 1) / 2) * width
        axes.bar(left, list(gate.recall.values()), 0.9 * width, color=colour, label=name)
        axes.set_xticks(range(len(gate.recall)), [f"first {k}" for k in gate.recall])
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of queries that find")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return _svg(figure, "Recall by gate")


@mpl.rc_context(RC)
def reliability(bins: Sequence[Bin]) -> str:
    """Accuracy over confidence; the larger the point, the more queries."""
    figure, axes = _figure(3.2)
    most = max(point.queries for point in bins)
    confidence, accuracy = [point.confidence for point in bins], [point.accuracy for point in bins]
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (3, 3)), linewidth=1)
    axes.plot(confidence, accuracy, color=FIRST, linewidth=1.5)
    axes.scatter(confidence, accuracy, [12 + 90 * point.queries / most for point in bins], color=FIRST)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")
    return _svg(figure, "Reliability of the likeliest category")


@mpl.rc_context(RC)
def confusion(quality: CategoryQuality) -> str:
    """Shares of each true category's queries (row) by likeliest category (column), for those with most queries."""
    counts = np.array(quality.confusion)
    shown = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:SHOWN_CATEGORIES])
    names = [quality.categories[place] for place in shown]
    totals = np.maximum(counts.sum(axis=1), 1)[shown]
    counts = counts[np.ix_(shown, shown)]
    figure, axes = _figure(min(6.5, 1.4 + 0.32 * len(names)))
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = counts[row, column] / totals[row]
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=HEAT, alpha=0.15 + 0.85 * share, linewidth=0))
        if len(names) <= NUMBERED_CATEGORIES:
            axes.text(column, row, str(counts[row, column]), ha="center", va="center")
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="likeliest", ylabel="true")
    small = 9 if len(names) <= NUMBERED_CATEGORIES else 6
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=small)
    axes.set_yticks(range(len(names)), names, fontsize=small)
    axes.tick_params(length=0)
    return _svg(figure, "Confusion matrix")


@mpl.rc_context(RC)
def similarity_histograms(matches: Sequence[FirstMatches], extent: tuple[float, float]) -> str:
    """Right and wrong first answers and the suggested threshold, for the categories with most answers."""
    ranked = sorted(matches, key=lambda match: -(match.right + match.wrong))[:SHOWN_HISTOGRAMS]
    shown = sorted(ranked, key=lambda match: match.category)
    rows = math.ceil(len(shown) / 2)
    figure = Figure(figsize=(WIDTH, 0.5 + 1.15 * rows), layout="constrained")
    edges = np.linspace(*extent, len(shown[0].right_histogram) + 1)
    grid = np.asarray(figure.subplots(rows, 2, sharex=True, squeeze=False)).ravel()
    for axes, match in zip(grid, shown, strict=False):
        axes.stairs(match.wrong_histogram, edges, fill=True, color=SECOND, alpha=0.55, label="wrong")
        axes.stairs(match.right_histogram, edges, fill=True, color=FIRST, alpha=0.75, label="right")
        if match.min_similarity is not None:
            axes.axvline(match.min_similarity, color=INK, linestyle=(0, (3, 2)), linewidth=1)
        axes.set_title(match.category, fontsize=9, loc="left", pad=2)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", left=False)
    for axes in grid[: len(shown)][-2:]:
        axes.tick_params(labelbottom=True)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    figure.legend(*grid[0].get_legend_handles_labels(), ncols=2, loc="outside upper center", reverse=True)
    return _svg(figure, "Similarity of the first answer")


@mpl.rc_context(RC)
def latency(stages: Mapping[str, Percentiles]) -> str:
    """Bars up to the median of each stage, a line up to the 95th percentile."""
    figure, axes = _figure(0.7 + 0.36 * len(stages))
    longest = max(stage.p95 for stage in stages.values()) or 1
    for row, stage in enumerate(stages.values()):
        axes.barh(row, stage.p50, 0.6, color=FIRST)
        axes.plot([stage.p50, stage.p95], [row, row], color=INK, linewidth=1)
        axes.text(stage.p95 + longest / 50, row, f"{stage.p50:.1f} / {stage.p95:.1f}", va="center")
    axes.set_yticks(range(len(stages)), list(stages))
    axes.set(xlim=(0, 1.35 * longest), xlabel="milliseconds: median (bar) / 95th percentile (line)")
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    return _svg(figure, "Latency by stage")


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Figure, label: str) -> str:
    """An <svg> that takes the width it is given. It shares no id with another drawing on the page."""
    out = io.StringIO()
    with warnings.catch_warnings():
        # The reader's browser has letters that matplotlib's font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    drawing = out.getvalue()[out.getvalue().index("<svg") :]
    for drawn, style in STYLES.items():
        drawing = drawing.replace(drawn, style)
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r' id="[a-z_]+_\d+"', "", drawing)
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawing, count=1)
    drawing = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawing, count=1)
    return drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
