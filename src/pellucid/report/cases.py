"""A contact sheet of single items: what each is, what was said of it, and how probable that was."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pellucid.report.paper import Paper, wide, wrapped

#: The resolution for which a thumbnail of 144 pixels is shown at its size.
DPI = 110

_CARD, _PICTURE, _GAP, _MARGIN = 1.62, 1.31, 0.24, 0.3  # inches
_MOST_COLUMNS, _ROW = 6, 0.17
#: Numbers of a row that are written down.
_NUMBERS = 8

_SMALL, _NAME, _TITLE = 7.5, 8.5, 13.0  # points

_INK, _SOFT = "#1d1f23", "#5b606b"
#: What a bar is of: what is true (and said), what was said though it is wrong, anything else.
TRUE, WRONG, OTHER = "#2563eb", "#d97706", "#c4c8cf"


def cases_figure(pictures: np.ndarray, cases: Sequence[Mapping[str, Any]], headline: str) -> Figure:
    """The cards in rows.

    pictures: uint8 [n, side, side, 3]. cases: for each its name, decision, truth (where that is known) and bars: name,
    p, decided, true; of a table's row also numbers, each with its name, which stand in the picture's place.
    """
    columns = max(1, min(_MOST_COLUMNS, math.ceil(math.sqrt(1.6 * len(cases)))))
    inner = max(3, columns) * (_CARD + _GAP) - _GAP
    paper = Paper()
    y = paper.write(_MARGIN, _MARGIN, wrapped(headline, inner, _TITLE), _TITLE, _INK) + 0.06
    y = _legend(paper, y, cases) + 0.16
    for start in range(0, len(cases), columns):
        row = range(start, min(start + columns, len(cases)))
        ends = [_card(paper, _MARGIN + (i - start) * (_CARD + _GAP), y, pictures[i], cases[i]) for i in row]
        y = max(ends) + _GAP
    return paper.figure(inner + 2 * _MARGIN, y + _MARGIN - _GAP, DPI)


def _legend(paper: Paper, y: float, cases: Sequence[Mapping[str, Any]]) -> float:
    if not any(case["bars"] for case in cases):
        return y
    judged = any("truth" in case for case in cases)
    x = _MARGIN
    told = {"the truth": TRUE, "said, and wrong": WRONG, "other": OTHER} if judged else {"said": TRUE, "other": OTHER}
    for text, colour in told.items():
        paper.lay(_colour(colour), x, y + 0.02, 0.13, 0.1)
        paper.write(x + 0.18, y, [text], _SMALL, _SOFT)
        x += 0.36 + wide(text, _SMALL)
    return y + 0.16


def _card(paper: Paper, x: float, y: float, picture: np.ndarray, case: Mapping[str, Any]) -> float:
    """Picture (or the numbers of a table's row), name, truth and decision, bars; where it ends."""
    if case.get("numbers"):
        y = _numbers(paper, x, y, case["numbers"])
    else:
        paper.lay(picture, x, y, _PICTURE, _PICTURE)
        y += _PICTURE + 0.05
    y = paper.write(x, y, _one_line(short_name(case["name"]), _CARD, _SMALL), _SMALL, _SOFT)
    if "truth" in case:
        y = paper.write(x, y, wrapped(f"is {case['truth']}", _CARD, _NAME)[:3], _NAME, _INK)
        y = paper.write(x, y, wrapped(f"said {case['decision']}", _CARD, _NAME)[:3], _NAME, "#b45309")
    else:
        y = paper.write(x, y, wrapped(case["decision"], _CARD, _NAME)[:3], _NAME, _INK)
    for bar in case["bars"]:
        y = _bar(paper, x, y + 0.03, bar, judged="truth" in case)
    return y


def _numbers(paper: Paper, x: float, y: float, numbers: Sequence[Sequence[Any]]) -> float:
    """The first numbers of a row, each with its name."""
    for name, value in numbers[:_NUMBERS]:
        said = f"{value:.4g}"
        paper.write(x, y, _one_line(str(name), _CARD - wide(said, _SMALL) - 0.1, _SMALL), _SMALL, _SOFT)
        y = paper.write(x + _CARD - wide(said, _SMALL), y, [said], _SMALL, _INK)
    if len(numbers) > _NUMBERS:
        y = paper.write(x, y, [f"and {len(numbers) - _NUMBERS} more"], _SMALL, _SOFT)
    paper.rule(x, y + 0.04, _CARD, "#e5e7eb")
    return y + 0.09


def _bar(paper: Paper, x: float, y: float, bar: Mapping[str, Any], *, judged: bool) -> float:
    """``name ▬▬▬▬ 0.83``."""
    right = bar["true"] if judged else bar["decided"]
    colour = TRUE if right else WRONG if bar["decided"] else OTHER
    width, begin = 0.62, 0.62
    paper.write(x, y, _one_line(bar["name"], begin - 0.04, _SMALL), _SMALL, _INK if right or bar["decided"] else _SOFT)
    paper.lay(_colour("#eef0f3"), x + begin, y + 0.015, width, 0.1)
    if bar["p"] > 0:
        paper.lay(_colour(colour), x + begin, y + 0.015, width * min(1.0, bar["p"]), 0.1)
    paper.write(x + begin + width + 0.05, y, [_probability(bar["p"])], _SMALL, _SOFT)
    return y + _ROW - 0.03


def _probability(p: float) -> str:
    """Two digits, and never a false 0 or 1."""
    return "<0.01" if 0 < p < 0.01 else ">0.99" if 0.99 < p < 1 else f"{p:.2f}"


def _one_line(text: str, width: float, points: float) -> list[str]:
    """The first line that fits, its end marked where more follows."""
    lines = wrapped(text, width, points)
    if len(lines) <= 1:
        return lines or [""]
    cut = lines[0]
    while cut and wide(f"{cut}…", points) > width:
        cut = cut[:-1]
    return [f"{cut}…"]


def short_name(name: str) -> str:
    """The last two parts of a path: ``8/0129.png``."""
    parts = PurePath(name).parts
    return "/".join(parts[-2:]) if len(parts) > 1 else name


def _colour(hexadecimal: str) -> np.ndarray:
    """One pixel of a colour."""
    return np.array([[[int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8)
