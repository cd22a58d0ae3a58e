"""What a trained network scores on labelled items, which classes it takes for each other, and its worst mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.cases import cases_figure, short_name
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.layer_curves import BLUE, ORANGE, OWN, quiet
from pellucid.report.scores import CELLS, beats, interval_words, metric_name, perfect_words, short
from pellucid.report.words import Sentence, percent, quoted, whole

__all__ = ["CELLS"]  # told as scores are

TITLE = "How good it is on items that it has not seen"

COLUMNS = {
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "baseline": "Constant answer",
    "items": "Items",
}

#: Classes whose names and counts are written into a table of confusion; of more only some names are.
_WRITTEN = 26
#: Rows of a figure of labels.
_LABELS = 40

_BLUES = LinearSegmentedColormap.from_list("counts", ["#f8fafc", "#bfdbfe", "#60a5fa", "#2563eb", "#1e3a8a"])


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Confusion (or labels, or truth against answer), and whether probabilities can be believed."""
    panels = _panels(view)
    sides = [_side(view, kind, name) for kind, name in panels]
    drawn = Picture(figsize=(min(22.0, sum(w for w, _ in sides) + 0.3), max(h for _, h in sides)), layout="constrained")
    grid = drawn.add_gridspec(1, len(panels), width_ratios=[w for w, _ in sides])
    for place, (kind, name) in enumerate(panels):
        axes = drawn.add_subplot(grid[0, place])
        if kind == "confusion":
            key = f"confusion/{name}" if name else "confusion"
            draw_confusion(axes, view[key], view.options["names"][name], name)
        elif kind == "labels":
            _draw_labels(axes, view.options["classes"])
        elif kind == "numbers":
            _draw_numbers(axes, view[f"truth/{name}"], view[f"answer/{name}"], name)
        else:
            _draw_calibration(axes, view)
    return drawn


def _panels(view: View) -> list[tuple[str, str]]:
    form = view.options["form"]
    if form == "numbers":
        return [("numbers", name.partition("/")[2]) for name in view.arrays if name.startswith("truth/")]
    found = [("labels", "")] if form == "labels" else [("confusion", name) for name in view.options["names"]]
    return [*found, *([("calibration", "")] if "calibration/p" in view.arrays else [])]


def _side(view: View, kind: str, name: str) -> tuple[float, float]:
    """Inches: width, height."""
    if kind == "confusion":
        count = len(view.options["names"][name])
        side = min(9.0, max(4.2, 2.2 + 0.34 * min(count, _WRITTEN)))
        return side, side
    if kind == "labels":
        return 6.0, min(11.0, max(4.2, 1.4 + 0.26 * min(_LABELS, len(view.options["classes"]))))
    return 4.4, 4.2


def draw_confusion(axes: Axes, table: np.ndarray, names: Sequence[str], group: str) -> None:
    """Shares of each row; counts written in where they are readable."""
    rows = table.sum(1, keepdims=True)
    shares = table / np.maximum(rows, 1)
    axes.imshow(shares, cmap=_BLUES, vmin=0, vmax=1, interpolation="nearest")
    count = len(names)
    if count <= _WRITTEN:
        size = 9 if count <= 12 else 7
        for i, j in zip(*np.nonzero(table), strict=True):
            colour = "white" if shares[i, j] > 0.45 else "#1d1f23"
            axes.text(j, i, f"{table[i, j]}", ha="center", va="center", fontsize=size, color=colour)
    shown = np.arange(count) if count <= _WRITTEN else np.unique(np.linspace(0, count - 1, 20).round().astype(int))
    labels = [printable(names[i], 18) for i in shown]
    fits = max(map(len, labels)) * len(labels) <= (48 if count <= 6 else 30)
    turned = {} if fits else {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(shown, labels, fontsize=8, parse_math=False, **turned)
    axes.set_yticks(shown, labels, fontsize=8, parse_math=False)
    axes.set_xlabel("said", fontsize=9, color=GREY)
    axes.set_ylabel("is", fontsize=9, color=GREY)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    if count <= _WRITTEN:
        axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    title(axes, f"{printable(group, 40)}: what is taken for what" if group else "What is taken for what")


def _draw_labels(axes: Axes, classes: Sequence[Mapping[str, Any]]) -> None:
    """F1 and average precision a label, with their intervals."""
    rows = sorted(classes, key=lambda row: -(row["average_precision"] or 0.0))
    rows = rows if len(rows) <= _LABELS else [*rows[: _LABELS // 2], *rows[-_LABELS // 2 :]]
    marks = (("average_precision", "average precision", BLUE, -0.16), ("f1", "F1", ORANGE, 0.16))
    for key, label, colour, shift in marks:
        there = [i for i, row in enumerate(rows) if row[key] is not None and np.isfinite(row[key])]
        y = np.array(there) + shift
        values = np.array([rows[i][key] for i in there])
        ends = np.array([[rows[i][f"{key}_low"], rows[i][f"{key}_high"]] for i in there]).reshape(-1, 2)
        axes.hlines(y, ends[:, 0], ends[:, 1], color=colour, linewidth=1.6, alpha=0.55)
        axes.plot(values, y, "o", color=colour, markersize=4.5, label=label)
    names = [f"{printable(row['class'], 24)}  ({row['items']})" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    quiet(axes)
    axes.tick_params(axis="y", length=0, colors="#222222")
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2, bbox_to_anchor=(0, 0), borderaxespad=2.2)
    title(axes, "Each label, with how many items have it: value and 95 % interval")


def _draw_numbers(axes: Axes, truth: np.ndarray, answer: np.ndarray, name: str) -> None:
    low, high = float(min(truth.min(), answer.min())), float(max(truth.max(), answer.max()))
    pad = 0.04 * (high - low or 1.0)
    axes.plot([low - pad, high + pad], [low - pad, high + pad], color="#94a3b8", linewidth=1, zorder=1)
    axes.scatter(truth, answer, s=14, color=BLUE, alpha=0.45, linewidth=0)
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(low - pad, high + pad)
    axes.set_aspect("equal")
    axes.set_xlabel("is", fontsize=9, color=GREY)
    axes.set_ylabel("said", fontsize=9, color=GREY)
    quiet(axes)
    title(axes, f"{printable(name, 40)}: on the line it is right")


def _draw_calibration(axes: Axes, view: View) -> None:
    """The share that came true over what was said, each bin with its 95 % interval."""
    p, share = view["calibration/p"], view["calibration/share"]
    low, high, count = (view[f"calibration/{name}"] for name in ("low", "high", "count"))
    axes.plot([0, 1], [0, 1], color="#94a3b8", linewidth=1, zorder=1)
    axes.vlines(p, low, high, color=OWN, linewidth=1.4, alpha=0.55)
    axes.plot(p, share, color=OWN, linewidth=1.2, marker="o", markersize=4.5)
    axes.bar(p, 0.14 * count / count.max(), width=0.05, color="#cbd5e1", zorder=0)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel(_said_what(view), fontsize=9, color=GREY)
    axes.set_ylabel("share that came true", fontsize=9, color=GREY)
    quiet(axes)
    title(axes, "Can its probabilities be believed? Grey: counts\nAbove the line too modest, below too sure")


def _said_what(view: View) -> str:
    names = view.options["names"].get("", [])
    if view.options["form"] == "labels":
        return "probability that was given to a label"
    if len(names) == 2:
        return f"probability that was given to {printable(names[1], 30)}"
    return "probability of the likeliest class"


def mistakes_figure(view: View) -> Figure | None:
    """The worst mistakes as pictures; None where there is none."""
    cases = view.options["cases"]
    if not cases or view.pictures is None:
        return None
    form, primary = view.options["form"], view.options["task"]
    what = "The largest errors" if form == "numbers" or primary == "ordinal" else "The mistakes that it was surest of"
    return cases_figure(view.pictures, cases, what)


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Whether this was learnt from, the score that counts, what is confused, whether probabilities can be believed."""
    return [
        *seen_words(view),
        *score_words(view),
        *_confused_words(view),
        *_calibration_words(view),
        *left_words(view),
    ]


def seen_words(view: View) -> Iterator[Sentence]:
    """Whether the items were learnt from, or thresholds tuned on them."""
    learnt, tuned, items = (view.options[key] for key in ("learnt", "tuned", "items"))
    if learnt:
        text = (
            f"{whole(learnt)} of these {whole(items)} items are those it was trained on: these figures say how much it"
        )
        yield Sentence("warning", f"{text} learnt by heart, and nothing of new pictures. Leave split= (--split) away.")
    elif tuned:
        text = f"{whole(tuned)} of these {whole(items)} items chose the best epoch and the thresholds"
        yield Sentence("warning", f"{text}: the figures flatter. Evaluate items that nothing was chosen by.")


def score_words(view: View) -> Iterator[Sentence]:
    """The first metric with its interval, beside a constant answer."""
    row = next(r for r in view.table if r["metric"] == view.options["primary"])
    base = row["baseline"]
    text = f"{metric_name(row['metric'])} on {whole(row['items'])} items: {interval_words(row)}"
    text += f"; a constant answer gets {short(base)}" if base is not None else ""
    wrong = view.options["wrong"]
    if wrong is not None:
        text += f". {whole(wrong)} items are decided wrong" if wrong != 1 else ". 1 item is decided wrong"
    yield Sentence("fact", f"{text}.{perfect_words(row)}")
    if base is not None and not beats(row):
        yield Sentence("warning", "That is not shown to be better than an answer that does not look at the picture.")


def _confused_words(view: View) -> Iterator[Sentence]:
    confused = [row for row in view.options["confused"] if row["items"] > 1][:3]
    if confused:
        told = [
            f"{quoted(row['truth'])} is taken for {quoted(row['decision'])} {row['items']} times of {row['of']}"
            for row in confused
        ]
        yield Sentence("fact", f"Most often {', '.join(told)}.")
    cases = view.options["cases"]
    sure = [c for c in cases if c["bars"] and view.options["task"] != "ordinal"][:1]
    for case in sure:
        bar = max((b for b in case["bars"] if b["decided"] and not b["true"]), key=lambda b: b["p"], default=None)
        if bar is not None:
            text = f"Its surest mistake is {quoted(short_name(case['name']))}: {quoted(case['decision'])} with "
            yield Sentence("fact", f"{text}{percent(bar['p'])}, and it is {quoted(case['truth'])}.")


def _calibration_words(view: View) -> Iterator[Sentence]:
    error = view.options["calibration_error"]
    if error is None:
        return
    p, share, count = view["calibration/p"], view["calibration/share"], view["calibration/count"]
    lean = float((count * (share - p)).sum() / count.sum())
    how = f"it is too {'modest' if lean > 0 else 'sure'} by {short(abs(lean))} on average"
    span = interval_words(error)
    end = how if abs(lean) > 0.02 else "on average it is neither too sure nor too modest"
    yield Sentence("fact", f"Its probabilities miss what comes true by {span}: {end}.")


def left_words(view: View) -> Iterator[Sentence]:
    """What was left out, and why."""
    skipped = view.options["skipped"]
    if skipped:
        yield Sentence("fact", f"{whole(skipped)} {'item' if skipped == 1 else 'items'} without a label were left out.")
