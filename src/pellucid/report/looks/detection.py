"""How well things are found: average precision of each class, what each level is for, the worst pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.cases import short_name
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.framed import framed
from pellucid.report.layer_curves import BLUE, ORANGE, quiet
from pellucid.report.looks.evaluation import left_words, score_words, seen_words
from pellucid.report.painted import cards_figure
from pellucid.report.scores import CELLS, short
from pellucid.report.words import Sentence, quoted, whole

__all__ = ["CELLS"]  # told as scores are

TITLE = "How well it finds things in pictures that it has not seen"

COLUMNS = {
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "baseline": "Constant boxes",
    "baseline_low": "95 % from",
    "baseline_high": "to",
    "items": "Pictures",
    "words": "What it is",
}


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """A row a class; beside it what each level finds alone, and what goes without it."""
    count = max(3, len(view.options["kinds"]))
    drawn = Picture(figsize=(12.6, max(3.9, 1.6 + 0.34 * count)), layout="constrained")
    grid = drawn.add_gridspec(1, 3, width_ratios=[4.6, 3.9, 3.9])
    _draw_classes(drawn.add_subplot(grid[0, 0]), view.options["classes"])
    _draw_levels(drawn.add_subplot(grid[0, 1]), view)
    _draw_lost(drawn.add_subplot(grid[0, 2]), view.options["levels"])
    return drawn


def _draw_classes(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Average precision with its interval; precision and recall beside it."""
    y = np.arange(len(rows))
    axes.hlines(y, *_ends(rows, "ap50"), color=BLUE, linewidth=1.8, alpha=0.55)
    for key, label, mark, colour in (
        ("ap50", "AP, overlap 0.5", "o", BLUE),
        ("ap", "AP, 0.5 to 0.95", "D", BLUE),
        ("precision", "precision", "|", ORANGE),
        ("recall", "recall", "x", ORANGE),
    ):
        style = {"markerfacecolor": "none"} if key == "ap" else {}
        axes.plot([_number(r[key]) for r in rows], y, mark, color=colour, markersize=6, label=label, ls="", **style)
    names = [f"{printable(row['class'], 22)}  ({whole(row['items'])})" for row in rows]
    axes.set_yticks(y, names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    _plain(axes)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2, bbox_to_anchor=(-0.02, -0.06))
    title(axes, "Each class (how many there are):\naverage precision with its 95 % interval")


def _draw_levels(axes: Axes, view: View) -> None:
    """What each level finds alone, beside all."""
    rows = view.options["levels"]
    whole_row = next(r for r in view.table if r["metric"] == "map50")
    y = np.arange(len(rows))
    axes.axvline(whole_row["value"], color="#94a3b8", linewidth=1.2)
    axes.annotate(
        "all levels ",
        (whole_row["value"], 0),
        xycoords=("data", "axes fraction"),
        xytext=(-2, 4),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
        ha="right",
    )
    axes.hlines(y, *_ends(rows, "alone"), color=BLUE, linewidth=1.8, alpha=0.55)
    axes.plot([_number(r["alone"]) for r in rows], y, "o", color=BLUE, markersize=6)
    names = [f"{r['level']}\n{r['right']} found" + _side(r) for r in rows]
    axes.set_yticks(y, names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    _plain(axes)
    title(axes, "Each level alone: mAP at overlap 0.5\n(true boxes it found, their median side)")


def _side(row: Mapping[str, Any]) -> str:
    return "" if row["side"] is None else f", {row['side']:.0f} px"


def _draw_lost(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """By how much mAP falls without each level."""
    y = np.arange(len(rows))
    axes.axvline(0, color="#94a3b8", linewidth=1)
    axes.hlines(y, *_ends(rows, "lost"), color=ORANGE, linewidth=1.8, alpha=0.6)
    axes.plot([_number(r["lost"]) for r in rows], y, "o", color=ORANGE, markersize=6)
    axes.set_yticks(y, [f"without {r['level']}" for r in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _plain(axes)
    axes.set_xlabel("mAP lost", fontsize=9, color=GREY)
    title(axes, "What is lost without a level,\non the same pictures")


def _ends(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.array([_number(r[f"{key}_{end}"]) for r in rows]) for end in ("low", "high"))
    return low, high


def _plain(axes: Axes) -> None:
    quiet(axes)
    axes.tick_params(axis="y", length=0, colors="#222222")
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def mistakes_figure(view: View) -> Figure | None:
    """The worst pictures with true and found boxes; None where there is none."""
    cases = view.options["cases"]
    if not cases or view.pictures is None:
        return None
    sides = [
        [framed(view.pictures[i], case["true"], case["found"], case.get("unasked", ()))] for i, case in enumerate(cases)
    ]
    cards = [{"name": case["name"], "lines": [case["said"]]} for case in cases]
    told = f"The worst {len(cases)} pictures. Dashed is where something is, solid where it was found"
    told += "; hatched is not asked for" if any(case.get("unasked") for case in cases) else ""
    return cards_figure(sides, cards, ("",), view.options["kinds"], told)


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Whether this was learnt from, the score that counts, classes, which level can go."""
    return [
        *seen_words(view),
        *score_words(view),
        *_class_words(view),
        *_level_words(view),
        *_case_words(view),
        *left_words(view),
    ]


def _class_words(view: View) -> Iterator[Sentence]:
    rows = [r for r in view.options["classes"] if r["ap50"] is not None and np.isfinite(r["ap50"])]
    if len(rows) > 1:
        worst, best = min(rows, key=lambda r: r["ap50"]), max(rows, key=lambda r: r["ap50"])
        text = f"Found worst is {quoted(worst['class'])} with an average precision of {short(worst['ap50'])}"
        yield Sentence("fact", f"{text}, best {quoted(best['class'])} with {short(best['ap50'])}.")
    for row in view.options["classes"]:
        if not row["items"]:
            yield Sentence("fact", f"No picture here shows {quoted(row['class'])}: how it is found is not known.")


def _level_words(view: View) -> Iterator[Sentence]:
    if not _number(next(r for r in view.table if r["metric"] == "map50")["value_low"]) > 0:
        return  # who finds nothing loses nothing
    for row in view.options["levels"]:
        lost, low, high = (_number(row[f"lost{end}"]) for end in ("", "_low", "_high"))
        if not np.isfinite(lost):
            continue
        between = f"(95 % interval {short(low)} to {short(high)})"
        if low > 0:
            text = f"Without {row['level']} mAP50 falls by {short(lost)} {between}: it is needed"
        elif high < 0:
            between = f"(95 % interval {short(-high)} to {short(-low)})"
            text = f"Without {row['level']} mAP50 rises by {short(-lost)} {between}: it can go"
        else:
            moved = f"falls by {short(lost)}" if lost >= 0 else f"rises by {short(-lost)}"
            between = f"(95 % interval of the fall {short(low)} to {short(high)})"
            text = f"Without {row['level']} alone mAP50 {moved}, no more than chance {between}: as far as"
            text += " these pictures tell it can go, as long as the others stay"
        yield Sentence("fact", f"{text}.")


def _case_words(view: View) -> Iterator[Sentence]:
    cases = view.options["cases"]
    if cases and view.options["wrong"]:
        yield Sentence("fact", f"The worst picture is {quoted(short_name(cases[0]['name']))}: {cases[0]['said']}.")
