"""How well landmarks are found: the F1 of each type, how many were counted, how far off they lie, the worst."""

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
from pellucid.report.looks.evaluation import left_words, score_words, seen_words
from pellucid.report.painted import cards_figure
from pellucid.report.scores import CELLS, short
from pellucid.report.spots import spotted
from pellucid.report.words import Sentence, quoted, whole

__all__ = ["CELLS"]  # told as scores are

TITLE = "How well it finds landmarks in pictures that it has not seen"

COLUMNS = {
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "baseline": "Constant heatmap",
    "baseline_low": "95 % from",
    "baseline_high": "to",
    "items": "Pictures",
    "words": "What it is",
}


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """A row a type; how many were found against how many there are; how far off they lie."""
    count = len(view.options["types"])
    drawn = Picture(figsize=(12.6, max(3.9, 1.6 + 0.34 * count)), layout="constrained")
    grid = drawn.add_gridspec(1, 3, width_ratios=[4.6, 3.9, 3.9])
    _draw_types(drawn.add_subplot(grid[0, 0]), view.options["classes"])
    _draw_counts(drawn.add_subplot(grid[0, 1]), view)
    _draw_distances(drawn.add_subplot(grid[0, 2]), view)
    return drawn


def _draw_types(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """F1 with its interval, and precision and recall beside it."""
    y = np.arange(len(rows))
    low, high = (np.array([_number(r[key]) for r in rows]) for key in ("f1_low", "f1_high"))
    axes.hlines(y, low, high, color=BLUE, linewidth=1.8, alpha=0.55)
    for key, label, mark, colour in (
        ("f1", "F1", "o", BLUE),
        ("precision", "precision", "|", ORANGE),
        ("recall", "recall", "x", ORANGE),
    ):
        axes.plot([_number(r[key]) for r in rows], y, mark, color=colour, markersize=6, label=label, linestyle="")
    names = [f"{printable(row['class'], 22)}  ({whole(row['items'])})" for row in rows]
    axes.set_yticks(y, names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    quiet(axes)
    axes.tick_params(axis="y", length=0, colors="#222222")
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=3, bbox_to_anchor=(-0.02, -0.06))
    title(axes, "Each type (how many there are):\nF1 with its 95 % interval")


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _draw_counts(axes: Axes, view: View) -> None:
    """How many there are in a picture, how many peaks (their number as the size), what the integral says."""
    true, peaks, density = (view[name].ravel() for name in ("true", "peaks", "density"))
    most = max(1.0, float(np.max([true.max(), peaks.max(), density.max()]))) + 0.6
    axes.plot([-0.5, most], [-0.5, most], color="#94a3b8", linewidth=1, zorder=1)
    axes.scatter(true, density, s=10, color=ORANGE, alpha=0.5, linewidth=0, label="integral of the heatmap")
    places, times = np.unique(np.stack([true, peaks], 1), axis=0, return_counts=True)
    sizes = 16 + 90 * times / times.max()
    axes.scatter(*places.T, s=sizes, facecolor="none", edgecolor=BLUE, linewidth=1.4, label="peaks (by how often)")
    axes.set_xlim(-0.6, most)
    axes.set_ylim(min(-0.6, float(density.min()) - 0.2), most)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("there are", fontsize=9, color=GREY)
    axes.set_ylabel("counted", fontsize=9, color=GREY)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    quiet(axes)
    title(axes, "How many of a type a picture shows,\nand how many were counted")


def _draw_distances(axes: Axes, view: View) -> None:
    """How far matched ones lie from the truth."""
    own = np.array([d for each in view.options["distances"] for d in each])
    radius = view.options["radius"]
    bins = np.linspace(0, radius, 25)
    counts, *_ = axes.hist(own, bins=bins, color=BLUE, alpha=0.75, edgecolor="white", linewidth=0.8)
    axes.set_ylim(0, 1.25 * max(1.0, float(np.max(counts))))
    if len(own):
        axes.axvline(float(np.median(own)), color="#b45309", linewidth=1.3, linestyle=(0, (4, 2)))
        style = {"fontsize": 8.5, "color": "#b45309", "ha": "left", "va": "top"}
        where = {"xycoords": ("data", "axes fraction"), "xytext": (5, -2), "textcoords": "offset points"}
        axes.annotate(f"half are nearer\nthan {np.median(own):.2f} px", (float(np.median(own)), 1.0), **where, **style)
    axes.set_xlim(0, radius)
    axes.set_xlabel("distance in pixels of what enters the network", fontsize=9, color=GREY)
    axes.set_ylabel("landmarks", fontsize=9, color=GREY)
    axes.yaxis.get_major_locator().set_params(integer=True)
    quiet(axes)
    title(axes, "How far the found ones lie from the true:\nup to the radius within which they count")


def mistakes_figure(view: View) -> Figure | None:
    """The worst pictures with true and found landmarks; None where there is none."""
    cases = view.options["cases"]
    if not cases or view.pictures is None:
        return None
    sides = [[spotted(view.pictures[i], case["true"], case["found"])] for i, case in enumerate(cases)]
    cards = [{"name": case["name"], "lines": _lines(case)} for case in cases]
    told = f"The worst {len(cases)} pictures. A ring is where a landmark is, a white cross where one was found"
    return cards_figure(sides, cards, ("",), view.options["types"], told)


def _lines(case: Mapping[str, Any]) -> list[str]:
    far = "" if case["distance"] is None else f"; {case['distance']:.2f} px off on average"
    return [f"{case['said']}{far}"]


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Whether this was learnt from, the score that counts, distances, types, which way to count is better."""
    return [
        *seen_words(view),
        *score_words(view),
        *_distance_words(view),
        *_type_words(view),
        *_count_words(view),
        *_case_words(view),
        *left_words(view),
    ]


def _distance_words(view: View) -> Iterator[Sentence]:
    row = next(r for r in view.table if r["metric"] == "distance")
    if row["value"] is None or not np.isfinite(row["value"]):
        return
    size, radius = " × ".join(map(str, view.options["size"])), short(view.options["radius"])
    text = f"What it finds lies {short(row['value'])} pixels from the truth on average"
    text += (
        f" (95 % interval {short(row['value_low'])} to {short(row['value_high'])}), of {size} that enter the network"
    )
    yield Sentence("fact", f"{text}; within {radius} pixels it counts as found.")


def _type_words(view: View) -> Iterator[Sentence]:
    rows = [r for r in view.options["classes"] if r["f1"] is not None and np.isfinite(r["f1"])]
    if len(rows) > 1:
        worst, best = min(rows, key=lambda r: r["f1"]), max(rows, key=lambda r: r["f1"])
        text = f"Found worst is {quoted(worst['class'])} with an F1 of {short(worst['f1'])}"
        yield Sentence("fact", f"{text}, best {quoted(best['class'])} with {short(best['f1'])}.")
    for row in view.options["classes"]:
        if not row["items"]:
            yield Sentence("fact", f"No picture here shows {quoted(row['class'])}: how it is found is not known.")


def _count_words(view: View) -> Iterator[Sentence]:
    found = {row["metric"]: row for row in view.table}
    peaks, density = found["count_mae"], found["density_mae"]
    text = f"Counted by peaks a picture is wrong by {short(peaks['value'])} landmarks of a type on average"
    yield Sentence("fact", f"{text}, by the integral of the heatmap by {short(density['value'])}.")


def _case_words(view: View) -> Iterator[Sentence]:
    cases = view.options["cases"]
    if cases and view.options["wrong"]:
        yield Sentence("fact", f"The worst picture is {quoted(short_name(cases[0]['name']))}: {cases[0]['said']}.")
