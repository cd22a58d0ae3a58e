"""How good masks are: each region's Dice and IoU, which is taken for which, every picture's score, the worst ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.cases import short_name
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.layer_curves import BLUE, ORANGE, quiet
from pellucid.report.looks.evaluation import draw_confusion, left_words, score_words, seen_words
from pellucid.report.painted import cards_figure, painted
from pellucid.report.scores import CELLS, short
from pellucid.report.words import Sentence, percent, quoted, whole

__all__ = ["CELLS"]  # told as scores are

TITLE = "How good its masks are on pictures that it has not seen"

COLUMNS = {
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "baseline": "Average mask",
    "baseline_low": "95 % from",
    "baseline_high": "to",
    "items": "Pictures",
    "words": "What it is",
}

#: A region of which so much less of the rim is found than of its area has soft edges.
_SOFT_EDGE = 0.25


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """A row a region; which is taken for which; how the pictures' scores are spread."""
    count = len(view.options["regions"])
    confused = "confusion" in view.arrays
    side = min(8.0, max(4.2, 2.2 + 0.36 * (count + 1)))
    widths = [5.0, *([side] if confused else []), 3.8]
    height = max(3.8, side if confused else 0.0, 1.4 + 0.3 * count)
    drawn = Picture(figsize=(sum(widths) + 0.3, height), layout="constrained")
    grid = drawn.add_gridspec(1, len(widths), width_ratios=widths)
    _draw_regions(drawn.add_subplot(grid[0, 0]), view.options["classes"])
    if confused:
        axes = drawn.add_subplot(grid[0, 1])
        _draw_confusion(axes, view["confusion"], view.options["names"][""])
    _draw_pictures(drawn.add_subplot(grid[0, len(widths) - 1]), view)
    return drawn


def _draw_regions(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Dice and IoU of each region with their intervals."""
    for key, label, colour, shift in (("dice", "Dice", BLUE, -0.16), ("iou", "IoU", ORANGE, 0.16)):
        there = [i for i, row in enumerate(rows) if row[key] is not None and np.isfinite(row[key])]
        y, values = np.array(there) + shift, np.array([rows[i][key] for i in there])
        ends = np.array([[rows[i][f"{key}_low"], rows[i][f"{key}_high"]] for i in there]).reshape(-1, 2)
        axes.hlines(y, ends[:, 0], ends[:, 1], color=colour, linewidth=1.6, alpha=0.55)
        axes.plot(values, y, "o", color=colour, markersize=4.5, label=label)
    names = [f"{printable(row['class'], 22)}  ({whole(row['items'])})" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    quiet(axes)
    axes.tick_params(axis="y", length=0, colors="#222222")
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2, bbox_to_anchor=(-0.02, -0.06))
    title(axes, "Each region (pictures that show it):\nmean over pictures, 95 % interval")


def _draw_confusion(axes: Axes, table: np.ndarray, names: Sequence[str]) -> None:
    """Pixels as percent of the true region's."""
    shares = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    draw_confusion(axes, shares.round().astype(np.int64), names, "")
    title(axes, "Which region is taken for which:\npercent of the true region's pixels")


def _draw_pictures(axes: Axes, view: View) -> None:
    """How many pictures have which mean Dice."""
    means = means_of(view)
    bins = np.linspace(0, 1, 21)
    counts, *_ = axes.hist(means, bins=bins, color=BLUE, alpha=0.75, edgecolor="white", linewidth=0.8)
    axes.set_ylim(0, 1.25 * max(1.0, float(np.max(counts))))
    if len(means):
        axes.axvline(float(np.median(means)), color="#b45309", linewidth=1.3, linestyle=(0, (4, 2)))
        low = np.median(means) > 0.5
        place = (-4 if low else 4, -2)
        style = {"fontsize": 8.5, "color": "#b45309", "ha": "right" if low else "left", "va": "top"}
        where = {"xycoords": ("data", "axes fraction"), "xytext": place, "textcoords": "offset points"}
        axes.annotate(f"half are above\n{np.median(means):.2f}", (float(np.median(means)), 1.0), **where, **style)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Dice of a picture, the mean of its regions", fontsize=9, color=GREY)
    axes.set_ylabel("pictures", fontsize=9, color=GREY)
    axes.yaxis.get_major_locator().set_params(integer=True)
    quiet(axes)
    title(axes, "How the pictures' scores are spread")


def means_of(view: View) -> np.ndarray:
    """The mean Dice of each picture that says something."""
    there = view["defined"]
    counts = there.sum(1)
    return np.where(there, view["dice"], 0.0).sum(1)[counts > 0] / counts[counts > 0]


def mistakes_figure(view: View) -> Figure | None:
    """The worst pictures with truth and answer; None where there is none."""
    cases = view.options["cases"]
    if not cases or view.pictures is None:
        return None
    sides = []
    for i in range(len(cases)):
        known = view["known"][i].any(0)
        sides.append([painted(view.pictures[i], view[name][i], known) for name in ("truth", "said")])
    cards = [{"name": case["name"], "lines": _lines(case)} for case in cases]
    what = f"The {len(cases)} pictures of the lowest Dice, the worst first"
    return cards_figure(sides, cards, ("truth", "answer"), view.options["regions"], what)


def _lines(case: Mapping[str, Any]) -> list[str]:
    worst = ", ".join(f"{each['name']} {each['dice']:.2f}" for each in case["regions"][:4])
    return [f"Dice {case['dice']:.2f}: {worst}" if len(case["regions"]) > 1 else f"Dice {case['dice']:.2f}"]


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Whether this was learnt from, the score that counts, the worst region, what is confused, soft edges, the rule."""
    return [
        *seen_words(view),
        *score_words(view),
        *_region_words(view),
        *_confused_words(view),
        *_edge_words(view),
        *_rule_words(view),
        *left_words(view),
    ]


def _defined(view: View) -> list[Mapping[str, Any]]:
    return [row for row in view.options["classes"] if row["dice"] is not None and np.isfinite(row["dice"])]


def _region_words(view: View) -> Iterator[Sentence]:
    rows = sorted(_defined(view), key=lambda row: row["dice"])
    never = [row["class"] for row in view.options["classes"] if row["items"] == 0]
    if len(rows) > 1:
        low, high = rows[0], rows[-1]
        text = f"Found worst is {quoted(low['class'])} with a Dice of {short(low['dice'])} ({_of(low)})"
        yield Sentence("fact", f"{text}, best {quoted(high['class'])} with {short(high['dice'])} ({_of(high)}).")
    if never:
        text = f"No picture here shows {', '.join(map(quoted, never))}: what it scores there is not known."
        yield Sentence("fact", text)
    for row in rows:
        precision, recall = row["precision"], row["recall"]
        if precision is not None and recall is not None and abs(precision - recall) > 0.2:
            how = "too little of it" if recall < precision else "too much"
            text = f"Of {quoted(row['class'])} it claims {how}: {percent(precision)} of what it claims is right, and"
            yield Sentence("fact", f"{text} it finds {percent(recall)} of what is there.")


def _of(row: Mapping[str, Any]) -> str:
    return (
        f"in {whole(row['items'])} {'picture' if row['items'] == 1 else 'pictures'}, {row['share']:.1%} of the pixels"
    )


def _confused_words(view: View) -> Iterator[Sentence]:
    rows = [row for row in view.options["confused"] if row["share"] >= 0.05][:3]
    told = [f"{percent(row['share'])} of {quoted(row['truth'])} is taken for {quoted(row['decision'])}" for row in rows]
    if told:
        yield Sentence("fact", f"Most often {', '.join(told)}.")
    cases = view.options["cases"]
    if cases:
        text = f"The worst picture is {quoted(short_name(cases[0]['name']))} with a Dice of {short(cases[0]['dice'])}."
        yield Sentence("fact", text)


def _edge_words(view: View) -> Iterator[Sentence]:
    metrics = {row["metric"]: row["value"] for row in view.table}
    iou, rim = metrics.get("iou"), metrics.get("rim_iou")
    if iou is not None and rim is not None and np.isfinite([iou, rim]).all() and iou - rim > _SOFT_EDGE:
        text = f"Areas are found better than edges: the IoU is {short(iou)}, that of the regions' rims {short(rim)}."
        yield Sentence("fact", text)


def _rule_words(view: View) -> Iterator[Sentence]:
    size = " × ".join(map(str, view.options["size"]))
    skip = view.options["empty"] == "skip"
    rule = "says nothing and is left out" if skip else "counts as 1"
    text = (
        f"A picture that neither has a region nor is said to have it {rule}; one that is wrongly said to counts as 0."
    )
    yield Sentence("fact", f"{text} All is measured at the {size} pixels that the network sees.")
