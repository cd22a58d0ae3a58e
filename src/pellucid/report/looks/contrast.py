"""Codes that were learnt without labels: what a classifier makes of them, and how they lie; beside pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.layer_curves import BLUE, ORANGE, quiet
from pellucid.report.scores import CELLS, interval_words, metric_name, short
from pellucid.report.words import Sentence, quoted, whole

__all__ = ["CELLS"]  # told as scores are

TITLE = "What was learnt without labels"

COLUMNS = {
    "method": "By",
    "space": "On",
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "chance": "By chance",
    "items": "Items",
}

#: What is looked at, and what it is held against.
COLOURS = {"code": BLUE, "as it began": ORANGE, "pixels": "#64748b"}

#: Held items below which a person is warned.
_FEW = 100


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Accuracies to the left, where classes are known; to the right how far views and pictures lie apart."""
    bars = [row for row in view.table if row["part"] == "classes"]
    drawn = Picture(figsize=(12 if bars else 6.4, 4.6), layout="constrained")
    grid = drawn.add_gridspec(1, 2 if bars else 1, width_ratios=[1.25, 1] if bars else [1])
    if bars:
        _draw_bars(drawn.add_subplot(grid[0, 0]), view, bars)
    _draw_geometry(drawn.add_subplot(grid[0, -1]), view)
    return drawn


def _draw_bars(axes: Axes, view: View, rows: Sequence[Mapping[str, Any]]) -> None:
    """A group of bars a method, a bar a space, with its interval."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    spaces = list(dict.fromkeys(row["space"] for row in rows))
    places, labels = [], []
    for i, row in enumerate(rows):
        place = i + 0.8 * methods.index(row["method"])
        colour = COLOURS[row["space"]]
        axes.barh(place, row["value"], height=0.72, color=colour)
        axes.plot([row["value_low"], row["value_high"]], [place, place], color="#111827", linewidth=1.4)
        axes.text(row["value_high"] + 0.012, place, short(row["value"]), va="center", fontsize=9)
        places.append(place)
        labels.append(row["space"])
    axes.set_yticks(places, labels, fontsize=9)
    axes.set_ylim(max(places) + 1.0, -1.25)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for place, method in enumerate(methods):
        above = place * (len(spaces) + 0.8) - 0.64
        axes.text(0.002, above, method, fontsize=9.5, fontweight="bold", va="bottom", bbox=behind, zorder=4)
    chance = rows[0]["chance"]
    axes.axvline(chance, color="#111827", linewidth=1, linestyle=(0, (2, 2)), zorder=3)
    axes.text(chance + 0.008, max(places) + 0.95, "by chance", fontsize=8, color=GREY, va="bottom")
    axes.set_xlim(0, 1.1 if max(row["value_high"] for row in rows) > 0.9 else 1.0)
    axes.set_xticks(np.linspace(0, 1, 6))
    quiet(axes)
    column = printable(str(view.options["column"]), 30)
    title(axes, f"Accuracy on {whole(rows[0]['items'])} items that nothing was fitted to; classes: {column}")


def _draw_geometry(axes: Axes, view: View) -> None:
    """Alignment across, uniformity up: the left lower corner is what the loss asks for."""
    found = {(row["space"], row["metric"]): row for row in view.table if row["part"] == "geometry"}
    spaces = list(dict.fromkeys(space for space, _ in found))
    for space in spaces:
        x, y = found[space, "alignment"], found[space, "uniformity"]
        across = [[x["value"] - x["value_low"]], [x["value_high"] - x["value"]]]
        up = [[y["value"] - y["value_low"]], [y["value_high"] - y["value"]]]
        axes.errorbar(x["value"], y["value"], across, up, fmt="o", color=COLOURS[space], markersize=8, linewidth=1.6)
        axes.annotate(
            space, (x["value"], y["value"]), (9, 7), textcoords="offset points", fontsize=9, color=COLOURS[space]
        )
    values = np.array([[found[s, m]["value"] for m in ("alignment", "uniformity")] for s in spaces])
    axes.set_xlim(0, max(1.0, 1.35 * float(values[:, 0].max())))
    axes.set_ylim(min(-2.0, 1.2 * float(values[:, 1].min())), 0)
    axes.set_xlabel("alignment: how far two views of a picture are apart → farther", fontsize=8.5, color=GREY)
    axes.set_ylabel("uniformity: how alike two pictures are → more alike", fontsize=8.5, color=GREY)
    axes.text(0.02, 0.03, "asked for by the loss", transform=axes.transAxes, fontsize=8.5, color=GREY)
    axes.grid(color="#e5e7eb", linewidth=0.7)
    quiet(axes)
    title(axes, "Views together, pictures apart: left and low is both")


def mistakes_figure(view: View) -> Figure | None:
    """Nothing is decided, so nothing is mistaken."""
    return None


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """What the codes are good for, what they are better than, and what not to believe."""
    return [*_class_words(view), *_geometry_words(view), *_warnings(view)]


def _class_words(view: View) -> Iterator[Sentence]:
    rows = {(row["method"], row["space"]): row for row in view.table if row["part"] == "classes"}
    for method in dict.fromkeys(method for method, _ in rows):
        own = rows[method, "code"]
        text = f"{metric_name(method)} on the codes: accuracy {interval_words(own)}, {whole(own['items'])} items"
        others = [f"{space} {short(row['value'])}" for (m, space), row in rows.items() if m == method]
        text += f"; {', '.join(others[1:])}, by chance {short(own['chance'])}."
        yield Sentence("fact", text)
    for gap in view.options["differences"]:
        if gap["part"] == "classes" and not gap["by_low"] > 0:
            worse = gap["by_high"] < 0
            low, high = sorted(-gap[n] if worse else gap[n] for n in ("by_low", "by_high"))
            how = "are worse than" if worse else "are not shown to be better than"
            by = "by" if worse else "with a difference of"
            between = f"{by} {short(-gap['by'] if worse else gap['by'])} (95 % interval {short(low)} to {short(high)})"
            yield Sentence(
                "warning", f"{metric_name(gap['method'])}: the codes {how} {_whose(gap['over'])}, {between}."
            )


def _whose(space: str) -> str:
    return "the network as it began" if space == "as it began" else space


def _geometry_words(view: View) -> Iterator[Sentence]:
    rows = {(row["space"], row["metric"]): row for row in view.table if row["part"] == "geometry"}
    own = rows["code", "alignment"], rows["code", "uniformity"]
    text = f"Two views of a picture are {interval_words(own[0])} apart (squared, of 0 to 4; two directions by chance 2)"
    yield Sentence("fact", f"{text}; uniformity is {interval_words(own[1])}, where lower is more even.")


def _warnings(view: View) -> Iterator[Sentence]:
    options = view.options
    if options["column"] is None:
        text = "No column holds classes, so it is not known what the codes are good for: name one with --label."
        yield Sentence("fact", text)
    if not options["unseen"]:
        yield Sentence("warning", "These are pictures that it has learnt from: on new ones the codes may be worse.")
    if options["items"] < _FEW:
        yield Sentence("warning", f"{whole(options['items'])} items are few: see how wide the intervals are.")
    yield Sentence(
        "fact", f"The codes are what layer {quoted(options['layer'])} gives: {whole(options['units'])} numbers."
    )
