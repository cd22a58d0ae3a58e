"""Alternatives beside each other: every metric with its interval, and which differences are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from pellucid.core.listed import listed
from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.words import Sentence, duration, number, whole

TITLE = "Which alternative is really better?"

COLUMNS = {
    "metric": "Metric",
    "alternative": "Alternative",
    "value": "Mean over seeds",
    "low": "from",
    "high": "to",
    "standing": "Standing",
    "difference": "Difference",
    "difference_low": "from",
    "difference_high": "to",
    "chance": "p (Holm)",
}

#: Metrics that the figure shows, and cells of it in a row; seeds and test items below which a person is warned.
_PANELS, _ACROSS, _SEEDS, _ITEMS = 7, 4, 5, 50

#: So many metrics besides the first are told one by one.
_FEW = 3

#: In a sentence; where there are more alternatives, the last ones are counted.
_NAMED = 6

#: Trainings whose times differ by less than this factor take as long as each other.
_FASTER = 1.3

#: Below it a difference is real.
LEVEL = 0.05

_BEST, _OPEN, _WORSE, _BETTER = "#2c6ecb", "#2c6ecb", "#9ca3af", "#e07b00"
_ROW_BETTER, _ROW_WORSE = "#f5b97a", "#dfe3e8"

#: Differences asked about at once from which on small ones drown among them; seeds that are enough for those.
_MANY, _ENOUGH = 20, 10

_SHORT = {
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
    "qwk": "QWK",
    "rps": "RPS",
    "map": "mAP",
    "map50": "mAP50",
    "f1": "F1",
    "auroc": "AUROC",
    "r2": "R²",
    "spearman": "Spearman",
    "kendall": "Kendall",
}

_STANDINGS = {
    "best": "best",
    "compared with": "what all are compared with",
    "better": "really better",
    "not told apart": "cannot be told apart from it",
    "worse": "really worse",
}


def spoken(metric: str) -> str:
    """A metric's name as one says it."""
    return " ".join(_SHORT.get(word, word) for word in metric.split("_"))


#: How a column's cells are told in tables.
CELLS: dict[str, Callable[[Any], str]] = {"metric": spoken}


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Who is best by each metric, what cannot be told apart, what it costs, and how that was found."""
    metrics = list(view.options["metrics"])
    return [
        *_warnings(view),
        Sentence("fact", _verdict(view, metrics[0])),
        *_others(view, metrics[1:]),
        *_costs(view),
        Sentence("fact", _how(view)),
    ]


def headline(view: View) -> str:
    """The answer in one line."""
    primary = view.options["primary"]
    rows = _rows(view, primary)
    if view.options["against"] is not None:
        return f"By {spoken(primary)} {_beside(rows)} than {view.options['against']}"
    rivals = _named(rows, "not told apart")
    if len(rivals) == len(rows) - 1:
        return f"By {spoken(primary)} none of the {len(rows)} alternatives is really worse than the best"
    tied = f", not told apart from {listed(rivals, _NAMED)}" if rivals else ", really better than all others"
    return f"By {spoken(primary)} {rows[0]['alternative']} is best{tied}"


def _beside(rows: Sequence[Mapping[str, Any]]) -> str:
    """Who is really better, and who really worse, than the one that all were compared with."""
    told = []
    for standing in ("better", "worse"):
        own = _named(rows, standing)
        if own:
            told.append(f"{listed(own, _NAMED)} {'are' if len(own) > 1 else 'is'} really {standing}")
    return " and ".join(told) or "none is really better or worse"


def _rows(view: View, metric: str) -> list[Mapping[str, Any]]:
    return [row for row in view.table if row["metric"] == metric]


def _named(rows: Sequence[Mapping[str, Any]], standing: str) -> list[str]:
    return [row["alternative"] for row in rows if row["standing"] == standing]


def _verdict(view: View, metric: str, *, short: bool = False) -> str:
    rows, told = _rows(view, metric), view.options["metrics"][metric]
    meaning = "" if short else f", {told['words']} ({'more' if told['higher'] else 'less'} is better)"
    first = next((r for r in rows if r["standing"] in ("best", "compared with")), rows[0])
    value = f"{_figure(first['value'])} ({_figure(first['low'])} to {_figure(first['high'])})"
    if first["standing"] == "compared with":
        begin = f"By {spoken(metric)}{meaning}, {first['alternative']} has {value}."
    else:
        begin = f"By {spoken(metric)}{meaning}, {first['alternative']} is best: {value}."
    return " ".join([begin, *_standings(rows, first["alternative"])])


def _others(view: View, metrics: Sequence[str]) -> Iterator[Sentence]:
    """The same by the other metrics; of many only who is best, and who is never really worse."""
    if len(metrics) <= _FEW or view.options["against"] is not None:
        yield from (Sentence("fact", _verdict(view, name, short=True)) for name in metrics)
        return
    best = [(spoken(name), _rows(view, name)) for name in metrics]
    told = "; ".join(f"{name} {rows[0]['alternative']} ({_figure(rows[0]['value'])})" for name, rows in best)
    yield Sentence("fact", f"Best by the other metrics: {told}.")
    worse = {row["alternative"] for row in view.table if row["standing"] == "worse"}
    never = [row["alternative"] for row in _rows(view, view.options["primary"]) if row["alternative"] not in worse]
    if never and worse:
        verb = "is" if len(never) == 1 else "are"
        yield Sentence("fact", f"By none of the metrics really worse than the best {verb} {listed(never, _NAMED)}.")


def _standings(rows: Sequence[Mapping[str, Any]], first: str) -> Iterator[str]:
    """Who is really better or worse than the first, and who cannot be told apart from it."""
    for standing, verb in (("better", "better"), ("worse", "worse")):
        own = [r for r in rows if r["standing"] == standing]
        if own:
            far = listed([f"{r['alternative']} (by {_figure(abs(r['difference']))})" for r in own], _NAMED)
            yield f"Really {verb} {'are' if len(own) > 1 else 'is'} {far}."
    tied = _named(rows, "not told apart")
    if tied and len(tied) == len(rows) - 1:
        yield f"No other can be told apart from {first}: what they differ by, other seeds and other pictures also make."
    elif tied:
        yield f"{listed(tied, _NAMED)} cannot be told apart from {first}."


def _figure(value: float) -> str:
    """Three digits behind the point for shares, else four in all."""
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def _costs(view: View) -> Iterator[Sentence]:
    """What each takes, and the cheapest of those that cannot be told apart."""
    told = {a["name"]: a for a in view.options["alternatives"]}
    timed = [a for a in told.values() if a["seconds"] > 0]
    if not timed:
        return
    slow, fast = max(timed, key=lambda a: a["seconds"]), min(timed, key=lambda a: a["seconds"])
    ends = f"{duration(fast['seconds'])} ({fast['name']}) to {duration(slow['seconds'])} ({slow['name']})"
    alike = slow["seconds"] < _FASTER * fast["seconds"]
    text = f"A training takes {ends}"
    if alike:
        text = f"A training takes about {duration(slow['seconds'])}, whichever it is"
    large, small = max(timed, key=lambda a: a["parameters"]), min(timed, key=lambda a: a["parameters"])
    if large["parameters"] != small["parameters"]:
        text += f"; {whole(small['parameters'])} ({small['name']}) to {whole(large['parameters'])} parameters"
        text += f" ({large['name']})"
    rows = _rows(view, view.options["primary"])
    able = [r["alternative"] for r in rows if r["standing"] in ("best", "not told apart")]
    if view.options["against"] is None and len(able) > 1:
        cheap = min(able, key=lambda name: told[name]["seconds"])
        if _FASTER * told[cheap]["seconds"] < told[rows[0]["alternative"]]["seconds"]:
            text += f". Of those that may be the best, {cheap} learns fastest"
    yield Sentence("fact", f"{text}.")


def _how(view: View) -> str:
    options = view.options
    seeds, items, count = len(options["seeds"]), options["items"], len(view.names)
    if options["same_test"]:
        drawn = f"The {whole(items['test'])} test pictures are the same for all; a seed draws order and initial weights"
        shared = ""
    else:
        drawn = f"A seed draws the split ({whole(items['test'])} test pictures), the order and the initial weights"
        shared = ", enlarged because the seeds share training pictures (Nadeau & Bengio 2003)"
    units = "whole groups" if options["grouped"] else "pictures"
    asked = f"{count - 1} differences" if options["against"] else f"{count * (count - 1) // 2} differences"
    return (
        f"Each alternative was trained with the same {seeds} seeds. {drawn}; it is the same for every alternative. "
        f"Intervals (95 %) hold what other pictures would have given (a bootstrap over {units}, the same draw for all) "
        f"and what other seeds would have (their spread beyond that{shared}), by Student’s t. Differences are paired "
        f"by seed and picture; real means p < {LEVEL} after Holm’s correction for the {asked} asked about by a metric."
    )


def _warnings(view: View) -> Iterator[Sentence]:
    options = view.options
    if len(options["seeds"]) < _SEEDS:
        text = f"Only {len(options['seeds'])} seeds: intervals are wide. Take 5 or more."
        yield Sentence("warning", text)
    if options["items"]["test"] < _ITEMS:
        text = f"Only {options['items']['test']} test pictures: small differences cannot be found on them."
        yield Sentence("warning", text)
    asked = len(view.names) * (len(view.names) - 1) // 2
    if options["against"] is None and asked > _MANY and len(options["seeds"]) < _ENOUGH:
        text = (
            f"{asked} differences are asked about at once by {len(options['seeds'])} seeds, so only large ones can be "
            f"found: take {_ENOUGH} seeds, or compare all with one alone (against)."
        )
        yield Sentence("warning", text)
    each = {(a["epochs"], a["steps"]) for a in options["alternatives"] if a["steps"]}
    if len(each) > 1:
        told = "; ".join(f"{a['name']} {a['epochs']} epochs, {a['steps']} steps" for a in options["alternatives"])
        yield Sentence("warning", f"The budgets differ, so more than the alternatives is compared: {told}.")


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """A panel a metric, an alternative a line of it; and where all pairs were asked about, who is really better than
    whom by the first metric.
    """
    metrics = list(view.options["metrics"])[:_PANELS]
    order = [row["alternative"] for row in _rows(view, metrics[0])]
    every = view.options["against"] is None  # else most pairs were not asked about
    cells = len(metrics) + every
    across = min(_ACROSS, cells) if cells != 5 else 3
    down = -(-cells // across)
    longest = max(len(name) for name in order)
    width = 3.1 * across + 0.075 * min(longest, 34)
    drawn = Picture(figsize=(max(9.5, width), down * (0.34 * len(order) + 1.25) + 1.0), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    drawn.suptitle(printable(headline(view), 150), fontsize=12.5, x=0.01, ha="left", parse_math=False)
    grid = drawn.subplots(down, across, squeeze=False)
    for place, metric in enumerate(metrics):
        axes = grid.flat[place]
        _draw_metric(axes, view, metric, order)
        _name_lines(axes, order, written=place % across == 0, numbered=every)
    if every:
        _draw_matrix(grid.flat[len(metrics)], view, metrics[0], order, written=len(metrics) % across == 0)
    for axes in grid.flat[cells:]:
        axes.set_axis_off()
    drawn.legend(
        handles=_legend(view, metrics), loc="outside lower center", ncols=6, fontsize=9, frameon=False, handlelength=1.4
    )
    return drawn


def _draw_metric(axes: Axes, view: View, metric: str, order: Sequence[str]) -> None:
    told = view.options["metrics"][metric]
    values = view[f"values/{metric}"]
    for row in _rows(view, metric):
        y = order.index(row["alternative"])
        colour, filled = _look_of(row["standing"])
        seeds = values[view.names.index(row["alternative"])]
        axes.plot(seeds, np.full(len(seeds), y + 0.24), "|", color="#b6bcc6", markersize=5, zorder=1)
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.8, zorder=2, solid_capstyle="butt")
        face = colour if filled else "white"
        axes.plot(row["value"], y, "o", color=colour, markerfacecolor=face, markersize=6.5, zorder=3)
    title(axes, f"{printable(spoken(metric), 30)}\n{'more' if told['higher'] else 'less'} is better")
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=8.5, colors=GREY, length=0)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _look_of(standing: str) -> tuple[str, bool]:
    """Colour, and whether the dot is filled."""
    known = {"best": (_BEST, True), "compared with": ("#222222", True), "not told apart": (_OPEN, False)}
    return known.get(standing, (_BETTER, True) if standing == "better" else (_WORSE, True))


def _name_lines(axes: Axes, order: Sequence[str], *, written: bool, numbered: bool) -> None:
    """Names at the left of a row of panels, with the numbers that they have in the matrix."""
    names = [_numbered(name, i) if numbered else printable(name, 34) for i, name in enumerate(order)]
    names = names if written else [""] * len(order)
    axes.set_yticks(range(len(order)), names, fontsize=9, color="#222222", parse_math=False)


def _numbered(name: str, i: int) -> str:
    return f"{printable(name, 30)}  {i + 1}"


def _draw_matrix(axes: Axes, view: View, metric: str, order: Sequence[str], *, written: bool) -> None:
    """Row against column: orange where the row is really better, grey where it is really worse."""
    places = [view.names.index(name) for name in order]
    difference = view[f"difference/{metric}"][np.ix_(places, places)]
    chance = view[f"chance/{metric}"][np.ix_(places, places)]
    sign = 1 if view.options["metrics"][metric]["higher"] else -1
    count = len(order)
    for i in range(count):
        for j in range(count):
            better = difference[i, j] * sign > 0
            real = chance[i, j] < LEVEL
            face = "#f3f4f6" if i == j else "white" if not real else _ROW_BETTER if better else _ROW_WORSE
            axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
            if i != j:
                mark = "=" if not real else "+" if better else "−"
                axes.text(j, i, mark, ha="center", va="center", fontsize=9, color="#374151" if real else "#9ca3af")
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xticks(range(count), [str(j + 1) for j in range(count)], fontsize=8.5, color=GREY)
    names = [_numbered(name, i) if written else str(i + 1) for i, name in enumerate(order)]
    axes.set_yticks(range(count), names, fontsize=9 if written else 8.5, color="#222222", parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    title(axes, f"{printable(spoken(metric), 30)}\nrow really + better, − worse, = neither")


def _legend(view: View, metrics: Sequence[str]) -> list[Line2D]:
    there = {row["standing"] for row in view.table if row["metric"] in metrics}
    found = []
    for standing, text in _STANDINGS.items():
        if standing in there:
            colour, filled = _look_of(standing)
            face = colour if filled else "white"
            found.append(Line2D([], [], color=colour, marker="o", markerfacecolor=face, linewidth=1.8, label=text))
    seeds = Line2D([], [], color="#b6bcc6", marker="|", linestyle="none", markersize=7, label="each seed")
    return [*found, seeds]
