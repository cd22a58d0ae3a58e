"""Scores over two numbers in ratios of two, of which the product is what was learnt from: a heat map and its words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.looks.comparison import spoken
from pellucid.report.words import Sentence, number, percent, whole


@dataclass(frozen=True)
class Words:
    """What both numbers are of. columns: of the view's table, the first, the second and their product. first, second:
    "objects", "pictures of each". halved: "half as many pictures each", what each of twice as many firsts then has.
    total: "pictures", what is as many along a diagonal.
    """

    columns: tuple[str, str, str]
    first: str
    second: str
    halved: str
    total: str


_FIRST, _SECOND = "#2c6ecb", "#e07b00"

#: Repeats and test pictures below which a person is warned.
_REPEATS, _ITEMS = 5, 50


# -- words ----------------------------------------------------------------------------------------


def headline(view: View, said: Words) -> str:
    """The answer in one line."""
    found = view.options["at_equal_total"]
    if not found["real"] and not _helps(view):
        return f"Neither more {said.first} nor more {said.second} help beyond chance here"
    if not found["real"]:
        return f"At the same number of {said.total}, more {said.first} and more {said.second} cannot be told apart"
    more = said.first if found["better_by"] > 0 else said.second
    return f"At the same number of {said.total}, more {more} are worth more"


def equal(view: View, said: Words) -> str:
    """Which is worth more at the same total."""
    found, metric = view.options["at_equal_total"], spoken(view.options["metric"])
    begin = f"At the same number of {said.total}, twice as many {said.first} with {said.halved} change {metric} by "
    better = found["better_by"] if view.options["higher"] else -found["better_by"]
    low, high = (found["low"], found["high"]) if view.options["higher"] else (-found["high"], -found["low"])
    ends = f"{_figure(low)} to {_figure(high)}"
    sure = "a real difference" if found["real"] else "which cannot be told apart from nothing"
    return f"{begin}{better:+.3f} ({ends}): {sure}, the mean over {found['pairs']} pairs of cells."


def _figure(value: float) -> str:
    return f"{value:+.3f}" if abs(value) < 10 else number(value)


def doubling(view: View, said: Words) -> str:
    """What doubling either takes off."""
    found = view.options["doubling"]
    error = "the error (1 − score)" if view.options["higher"] else spoken(view.options["metric"])
    told = [
        f"{what} take off {_share(found[axis]['value'])} of it ({_share(found[axis]['low'])} to "
        f"{_share(found[axis]['high'])})"
        for axis, what in zip(said.columns, (f"twice as many {n}" for n in (said.first, said.second)), strict=False)
    ]
    return f"Of {error}: {' and '.join(told)}, by a plane through its logarithm over those of both numbers."


def _helps(view: View) -> bool:
    """Whether twice as many of either take anything off the error, beyond chance."""
    return any(each["low"] > 0 for each in view.options["doubling"].values())


def _share(value: float) -> str:
    return percent(value) if value >= 0 else f"−{percent(-value)}"


def warnings(view: View) -> Iterator[Sentence]:
    """What makes the intervals wide, and where nothing was learnt that could be compared."""
    if not _helps(view):
        text = "Twice as many of either take nothing off the error beyond chance, so nothing is said of which is worth"
        yield Sentence("warning", f"{text} more: train longer (--epochs) or at another --lr, or pass more pictures.")
    if view.options["repeats"] < _REPEATS:
        yield Sentence("warning", f"Only {view.options['repeats']} repeats: intervals are wide. Take 5 or more.")
    if view.options["items"]["test"] < _ITEMS:
        text = f"Only {view.options['items']['test']} test pictures: small differences cannot be found on them."
        yield Sentence("warning", text)


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View, said: Words) -> Figure:
    """The scores over both numbers, equal totals along the diagonals; beside it what doubling either takes off."""
    drawn = Picture(figsize=(11, 4.8), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    drawn.suptitle(printable(headline(view, said), 120), fontsize=12.5, x=0.01, ha="left", parse_math=False)
    left, right = drawn.subplots(1, 2, width_ratios=[1.5, 1])
    _draw_map(left, view, said)
    _draw_doubling(right, view, said)
    return drawn


def _draw_map(axes: Axes, view: View, said: Words) -> None:
    first, second, total = said.columns
    scores = view["score"].mean(2)
    higher = view.options["higher"]
    shown = axes.imshow(scores, cmap="Blues" if higher else "Blues_r", origin="lower", aspect="auto")
    middle = (scores.min() + scores.max()) / 2
    rows = {(r[first], r[second]): r for r in view.table}
    for i, g in enumerate(view[first]):
        for j, k in enumerate(view[second]):
            row = rows[int(g), int(k)]
            dark = (scores[i, j] > middle) == higher
            text = f"{row['score']:.3f}\n{row['low']:.2f}–{row['high']:.2f}\n{whole(row[total])} {said.total}"
            axes.text(j, i, text, ha="center", va="center", fontsize=8.5, color="white" if dark else "#111827")
    axes.set_xticks(range(len(view[second])), [str(k) for k in view[second]])
    axes.set_yticks(range(len(view[first])), [whole(int(g)) for g in view[first]])
    axes.set_xlabel(said.second, fontsize=9.5, color=GREY)
    axes.set_ylabel(said.first, fontsize=9.5, color=GREY)
    axes.tick_params(labelsize=9, colors=GREY, length=0)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, colors=GREY, length=0)
    better = "more is better" if higher else "less is better"
    title(
        axes, f"{printable(spoken(view.options['metric']), 30)} ({better}); one step up and left: as many {said.total}"
    )


def _draw_doubling(axes: Axes, view: View, said: Words) -> None:
    found = view.options["doubling"]
    first, second, _ = said.columns
    shown = (
        (first, f"twice as many\n{said.first}", _FIRST),
        (second, f"twice as many\n{said.second}", _SECOND),
    )
    for y, (axis, _, colour) in enumerate(shown):
        each = {n: 100 * v for n, v in found[axis].items()}
        axes.barh(y, each["value"], height=0.5, color=colour, alpha=0.85)
        axes.plot([each["low"], each["high"]], [y, y], color="#111827", linewidth=1.6)
    axes.axvline(0, color="#9ca3af", linewidth=1)
    axes.set_yticks(range(2), [text for _, text, _ in shown], fontsize=9.5, color="#222222")
    axes.set_ylim(1.6, -0.6)
    axes.set_xlabel("% of the error taken off (line: 95 % interval)", fontsize=9.5, color=GREY)
    axes.tick_params(axis="x", labelsize=9, colors=GREY)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    title(axes, "What doubling is worth")
