"""Is the heatmap true? Every method by every score, beside what knows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pellucid.core.types import View
from pellucid.report import leaderboard
from pellucid.report.figures import GREY, Picture, heat_over, printable
from pellucid.report.leaderboard import GROUPS, STANDINGS, Column, Line, columns, lines
from pellucid.report.words import Sentence

TITLE = "Is the heatmap true?"

COLUMNS = {
    "method": "Method",
    "score": "Score",
    "value": "Mean",
    "low": "95 % from",
    "high": "to",
    "count": "Pictures",
    "rank": "Place",
    "of": "of",
    "vs_random": "Beside a random map",
    "verdict": "Verdict",
}

#: The colours of standings, dark enough a text can be read on them; what is unknown has none.
COLOURS = {
    "first": "#9cc3f0",
    "better": "#dbe9f9",
    "random": "#f1f0ed",
    "worse": "#f6c79b",
    "passes": "#dbe9f9",
    "unclear": "#f1f0ed",
    "fails": "#f6c79b",
    "plain": "#ffffff",
}

#: The line around a cell without a colour.
_EDGE = "#d5d7dc"

#: Inches: the width of names and of a score, the height of a method and of the headings.
_NAME, _WIDE, _TALL, _HEAD = 2.6, 1.12, 0.46, 1.35

#: Inches to the right of the last column: its group's name may be longer than one column is wide.
_MARGIN = 0.3


def words(view: View) -> list[Sentence]:
    """What may be concluded, warnings first."""
    return [Sentence(s["level"], s["text"]) for s in view.options["words"]]


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """A row a method, the best mean place first; a column a score; the colour says how it stands."""
    shown, found = columns(view), lines(view)
    wide = _NAME + _WIDE * len(shown) + _MARGIN
    below, rows = _HEAD + len(found) * _TALL, _legend_rows(found, wide)
    tall = below + 0.24 + 0.26 * len(rows)
    drawn = Picture(figsize=(wide, tall))
    axes = drawn.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, wide), ylim=(tall, 0))
    axes.set_axis_off()
    _headings(axes, shown)
    for i, line in enumerate(found):
        _row(axes, line, _HEAD + i * _TALL)
    _legend(axes, rows, below + 0.26)
    return drawn


def _headings(axes: Axes, shown: list[Column]) -> None:
    for group in dict.fromkeys(c.group for c in shown):
        own = [i for i, c in enumerate(shown) if c.group == group]
        left, right = _NAME + own[0] * _WIDE, _NAME + (own[-1] + 1) * _WIDE
        axes.plot([left + 0.04, right - 0.04], [0.38, 0.38], color="#b8bcc4", linewidth=1)
        axes.text(left + 0.04, 0.24, GROUPS[group], fontsize=10, weight="bold", color="#222222", va="center")
    for i, column in enumerate(shown):
        middle = _NAME + (i + 0.5) * _WIDE
        name = column.name.replace(" ", "\n", 1)
        axes.text(middle, 0.68, name, fontsize=9, ha="center", va="center", color="#222222", linespacing=1.05)
        arrow = "↑ is better" if column.better == "higher" else "↓ is better"
        below = f"{column.detail}\n{arrow}" if column.detail else arrow
        axes.text(middle, 1.08, below, fontsize=7.5, ha="center", va="center", color=GREY, linespacing=1.15)


def _row(axes: Axes, line: Line, top: float) -> None:
    style = "italic" if line.baseline else "normal"
    colour = GREY if line.baseline else "#111111"
    axes.text(0.12, top + 0.16, printable(line.name, 30), fontsize=10, style=style, color=colour, va="center")
    told = "knows no network" if line.baseline else line.group
    axes.text(0.12, top + 0.34, told, fontsize=7.5, color=GREY, va="center")
    for i, cell in enumerate(line.cells):
        left = _NAME + i * _WIDE
        if cell.standing == "none":
            axes.text(left + _WIDE / 2, top + _TALL / 2, "–", fontsize=9, color="#9a9a9a", ha="center", va="center")
            continue
        _box(axes, cell.standing, left + 0.02, top + 0.02, _WIDE - 0.04, _TALL - 0.04)
        axes.text(left + _WIDE / 2, top + 0.16, cell.value, fontsize=10, ha="center", va="center", color="#111111")
        axes.text(left + _WIDE / 2, top + 0.335, cell.interval, fontsize=7, ha="center", va="center", color="#444444")


def _legend_rows(found: list[Line], wide: float) -> list[list[tuple[leaderboard.Standing, str, float]]]:
    """Standings with their words and places from the left, in as many rows as the width asks for."""
    rows: list[list[tuple[leaderboard.Standing, str, float]]] = [[]]
    left = 0.12
    for standing, text in _present(found):
        long = 0.27 + 0.068 * len(text) + 0.22
        if rows[-1] and left + long > wide:
            rows, left = [*rows, []], 0.12
        rows[-1].append((standing, text, left))
        left += long
    return rows


def _legend(axes: Axes, rows: list[list[tuple[leaderboard.Standing, str, float]]], top: float) -> None:
    for number, row in enumerate(rows):
        y = top + 0.26 * number
        for standing, text, left in row:
            _box(axes, standing, left, y - 0.09, 0.2, 0.18)
            axes.text(left + 0.27, y, text, fontsize=8, color="#333333", va="center")


def _box(axes: Axes, standing: leaderboard.Standing, left: float, top: float, wide: float, tall: float) -> None:
    line = 0.8 if standing == "plain" else 0.0
    axes.add_patch(Rectangle((left, top), wide, tall, facecolor=COLOURS[standing], edgecolor=_EDGE, linewidth=line))


def _present(found: list[Line]) -> Iterator[tuple[leaderboard.Standing, str]]:
    there = {c.standing for line in found for c in line.cells}
    told = {COLOURS[s]: [] for s in STANDINGS}
    for standing, text in STANDINGS.items():
        if standing in there:
            told[COLOURS[standing]].append((standing, text))
    for own in told.values():
        if own:
            yield own[0][0], " / ".join(text for _, text in own)


# -- best and worst -------------------------------------------------------------------------------


def case_overlays(view: View, number: int) -> list[tuple[int, object]]:
    """The best and the worst picture of a method: its number and uint8 [h, w, 3], the map over it."""
    from pellucid.report.colours import scale_of

    found = []
    for case, values in zip(view["cases"][number], view["case_maps"][number], strict=True):
        seen = None if view.pictures is None else view.pictures[int(case)]
        found.append((int(case), heat_over(values, scale_of(values), seen)))
    return found
