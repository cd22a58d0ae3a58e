"""The learning curve with its band, and how many pictures a score takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from pellucid.core.types import View
from pellucid.report.figures import GREY, WARNING, Picture, printable
from pellucid.report.looks.comparison import spoken
from pellucid.report.words import Sentence, number, whole

TITLE = "How many pictures do I need?"

COLUMNS = {
    "pictures": "Training pictures",
    "score": "Score",
    "low": "from",
    "high": "to",
    "known": "Known",
    "gain": "Better than now by",
    "gain_low": "from",
    "gain_high": "to",
}

_CURVE, _MEASURED, _TARGET = "#2c6ecb", "#123c7a", "#c8324b"

#: Repeats and test pictures below which a person is warned.
_REPEATS, _ITEMS = 5, 50


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """What more pictures would bring, how many the target takes, and what cannot be said."""
    return [
        *_warnings(view),
        *_target_words(view),
        Sentence("fact", _measured(view)),
        *_more(view),
        *_law(view),
        Sentence("fact", _how(view)),
    ]


def headline(view: View) -> str:
    """The answer in one line."""
    options = view.options
    target, most = options["target"], _most(view)
    if target is not None:
        return f"{_capital(spoken(options['metric']))} {_figure(target['score'])}: {_needed(view)}"
    if not options["falls"]:
        return f"From {whole(_sizes(view)[0])} to {whole(most)} pictures the score does not rise beyond chance"
    if not options["follows"]:
        return "The points follow no power law, so nothing is said beyond them"
    now, twice = view.table[-3], view.table[-2]
    change = "add" if options["higher"] else "take off"
    return (
        f"{_capital(spoken(options['metric']))} is {_figure(now['score'])} with {whole(most)} pictures; twice as many "
        f"would {change} {_gain(twice)}"
    )


def _gain(row: Mapping[str, Any]) -> str:
    return f"{_figure(row['gain'])} ({_figure(row['gain_low'])} to {_figure(row['gain_high'])})"


def _capital(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]  # mAP stays mAP


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def _sizes(view: View) -> list[int]:
    return [row["pictures"] for row in view.table if row["known"] == "measured"]


def _most(view: View) -> int:
    return _sizes(view)[-1]


def _needed(view: View) -> str:
    """The number of pictures for the target, in a few words."""
    target, sizes = view.options["target"], _sizes(view)
    farthest = round(view.options["farthest"] * sizes[-1])
    if target["pictures"] is None:
        if target.get("reached"):
            return f"reached with the {whole(sizes[-1])} pictures that there are"
        if target["least"] >= farthest:
            return f"more than {whole(farthest)} pictures, and nothing is said beyond"
        return f"at least {whole(target['least'])} pictures; how many more is not said"
    if target["pictures"] < sizes[0]:
        return f"fewer than {whole(sizes[0])} pictures, the smallest number that was tried"
    ends = f"{whole(max(1, target['low']))} to " + (
        whole(target["high"]) if target["high"] is not None else f"more than {whole(farthest)}"
    )
    return f"about {whole(target['pictures'])} pictures ({ends})"


def _target_words(view: View) -> Iterator[Sentence]:
    options = view.options
    target = options["target"]
    if target is None:
        return
    text = f"For {spoken(options['metric'])} {_figure(target['score'])} it takes {_needed(view)}."
    if target.get("reached") and target["pictures"] is None:
        text = f"{_capital(spoken(options['metric']))} {_figure(target['score'])} is {_needed(view)}."
    yield Sentence("fact", text)
    if target["pictures"] is None and options["falls"] and options["follows"]:
        text = (
            f"By the curve that is beyond {number(options['farthest'])} times as many pictures as there are. So far "
            "out it depends on where the curve levels off, which these sizes do not show: collect more, and ask again."
        )
        yield Sentence("warning", text)


def _measured(view: View) -> str:
    rows = [row for row in view.table if row["known"] == "measured"]
    first, last, options = rows[0], rows[-1], view.options
    return (
        f"{_capital(spoken(options['metric']))}, {options['words']}, goes from {_figure(first['score'])} "
        f"({_figure(first['low'])} to {_figure(first['high'])}) with {whole(first['pictures'])} pictures to "
        f"{_figure(last['score'])} ({_figure(last['low'])} to {_figure(last['high'])}) with {whole(last['pictures'])}."
    )


def _more(view: View) -> Iterator[Sentence]:
    predicted = [row for row in view.table if row["known"] != "measured"]
    if predicted:
        told = "; ".join(
            f"{whole(r['pictures'])} pictures {_figure(r['score'])} ({_figure(r['low'])} to {_figure(r['high'])}), "
            f"better than now by {_gain(r)}"
            for r in predicted
        )
        yield Sentence("fact", f"By the curve, more of the same kind would give: {told}. Beyond that nothing is said.")


def _law(view: View) -> Iterator[Sentence]:
    options = view.options
    if not (options["falls"] and options["follows"]):
        return
    a, b, c = (options["law"][name] for name in "abc")
    error = "1 − score" if options["higher"] else "score"
    yield Sentence(
        "fact",
        f"The curve is {error} = a·n^−b + c with a = {_ends(a)}, b = {_ends(b)}, c = {_ends(c)}: a, b and c are "
        "known far worse than the curve itself, and c, where it levels off, is no promise.",
    )


def _ends(told: dict[str, float]) -> str:
    return f"{number(round(told['value'], 4))} ({number(round(told['low'], 4))} to {number(round(told['high'], 4))})"


def _how(view: View) -> str:
    options = view.options
    units = "whole groups, " if options["grouped"] else ""
    budget = (
        "Every size is trained for the same number of steps"
        if options["budget"] == "steps"
        else "Every size is gone through the same number of times"
    )
    return (
        f"Each size was learnt {options['repeats']} times, from other random parts of the "
        f"{whole(options['items']['train'])} training pictures ({units}each label with its share, each part within "
        f"the next larger one), and judged on the same {whole(options['items']['test'])} test pictures. {budget}; the "
        f"{whole(options['items'].get('val', 0))} validation pictures come on top. Intervals (95 %) hold what other "
        "test pictures and other parts would have given; the curve is fitted anew to each draw."
    )


def _warnings(view: View) -> Iterator[Sentence]:
    options = view.options
    if not options["falls"]:
        yield Sentence(
            "warning",
            "The score does not rise beyond chance over these sizes, so nothing can be said of "
            "more pictures: look at the labels, the model, and the scatter of the points first.",
        )
    elif not options["follows"]:
        yield Sentence(
            "warning",
            "The points lie further off a power law than chance would have it, so nothing is said beyond them. Does "
            "the smallest size train at all? Try larger sizes, or more epochs.",
        )
    if options["repeats"] < _REPEATS:
        yield Sentence("warning", f"Only {options['repeats']} repeats: the band is wide. Take 5 or more.")
    if options["items"]["test"] < _ITEMS:
        yield Sentence("warning", f"Only {options['items']['test']} test pictures: the band is wide for that alone.")


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Every training as a dot, the means with intervals, the curve with its band, dashed where nothing was measured."""
    drawn = Picture(figsize=(9.5, 5.4), layout="constrained")
    drawn.suptitle(printable(headline(view), 120), fontsize=12.5, x=0.01, ha="left", parse_math=False)
    axes = drawn.subplots()
    believed = view.options["falls"] and view.options["follows"]
    if believed:
        _draw_curve(axes, view)
    _draw_points(axes, view)
    _draw_target(axes, view)
    _dress(axes, view, believed=believed)
    return drawn


def _draw_curve(axes: Axes, view: View) -> None:
    n, most = view["curve/pictures"], _most(view)
    known, beyond = n <= most * 1.0001, n >= most * 0.97
    axes.fill_between(n, view["curve/low"], view["curve/high"], color=_CURVE, alpha=0.13, linewidth=0)
    axes.plot(n[known], view["curve/score"][known], color=_CURVE, linewidth=2, label="curve with 95 % band")
    axes.plot(
        n[beyond],
        view["curve/score"][beyond],
        color=_CURVE,
        linewidth=2,
        linestyle=(0, (4, 2.5)),
        label="beyond what was measured",
    )
    axes.axvspan(most, n[-1], color="#f3f4f6", zorder=0, linewidth=0)
    axes.axvline(most, color="#c7ccd4", linewidth=1, zorder=1)


def _draw_points(axes: Axes, view: View) -> None:
    sizes, scores = view["pictures"], view["score"]
    axes.plot(
        np.repeat(sizes, scores.shape[1]), scores.ravel(), "o", color="#9ca3af", markersize=3.5, label="each training"
    )
    rows = [row for row in view.table if row["known"] == "measured"]
    x = [row["pictures"] for row in rows]
    axes.vlines(x, [r["low"] for r in rows], [r["high"] for r in rows], color=_MEASURED, linewidth=1.6, zorder=3)
    axes.plot(
        x, [r["score"] for r in rows], "o", color=_MEASURED, markersize=6.5, zorder=4, label="mean, 95 % interval"
    )


def _draw_target(axes: Axes, view: View) -> None:
    target = view.options["target"]
    if target is None:
        return
    axes.axhline(target["score"], color=_TARGET, linewidth=1.1, linestyle=":", zorder=2, label="target")
    if target["pictures"] is None or target["pictures"] < _sizes(view)[0]:
        return
    high = target["high"] if target["high"] is not None else view["curve/pictures"][-1]
    axes.plot(
        [max(target["low"], view["pictures"][0]), high], [target["score"]] * 2, color=_TARGET, linewidth=3, zorder=5
    )
    axes.plot(target["pictures"], target["score"], "D", color=_TARGET, markersize=7, zorder=6)


def _dress(axes: Axes, view: View, *, believed: bool) -> None:
    options, sizes = view.options, _sizes(view)
    axes.set_xscale("log")
    ticks = [float(s) for s in sizes]
    if believed:
        ticks += [2.0 * sizes[-1], options["farthest"] * sizes[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: whole(round(v))))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)
    better = "more is better" if options["higher"] else "less is better"
    axes.set_xlabel("training pictures (each step as many times more)", fontsize=9.5, color=GREY)
    axes.set_ylabel(f"{printable(spoken(options['metric']), 40)} on test pictures ({better})", fontsize=9.5, color=GREY)
    axes.tick_params(labelsize=9, colors=GREY)
    axes.grid(color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9, frameon=False, loc="lower right" if options["higher"] else "upper right")
    if not believed:
        why = "does not rise beyond chance" if not options["falls"] else "follows no power law"
        axes.text(
            0.01,
            0.02,
            f"No curve: the score {why}.",
            transform=axes.transAxes,
            fontsize=9.5,
            color=WARNING,
            va="bottom",
        )
