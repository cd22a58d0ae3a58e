"""The contact sheet: photos × methods in one picture, under every panel what its method promised and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.types import Explanation
from pellucid.report import colours, pictures
from pellucid.report.figures import heat_over
from pellucid.report.paper import Paper, packed, wrapped
from pellucid.report.planes import sheet_of
from pellucid.report.words import percent, readable, short_words

#: What each group of methods asks, in the order of the columns.
QUESTIONS = {
    "function": "what would a small change of this pixel do?",
    "signal": "what in the picture drove the neurons?",
    "attribution": "how much of the score came from here?",
    "localisation": "roughly where is the evidence?",
}

#: How to read a panel and its words.
LEGEND = (
    f"Red speaks for what is explained, blue against it. Full colour is the {colours.PERCENTILE}th percentile of "
    "|value| of each map: compare where the colours lie, not how strong they are. Gap: how far a map’s sum lies from "
    "what its method promises. Error: the relative standard error of a map that is drawn at random."
)

#: The resolution at which a panel shows an input of 224 pixels as it is.
DPI = 140

_PANEL = 1.6  # the width of a panel, inches
_GAP = 0.18  # between panels
_MARGIN = 0.3
_MEASURE = 11.0  # a longer line of small text is hard to follow
_MOST_PIXELS = 448  # of a panel, so that a sheet of large inputs fits into memory
_MOST_COLUMNS = 12
_SHAPE = 1.6  # width over height that a sheet comes near to

_INK, _SOFT, _RULE, _WARNING = "#1d1f23", "#5b606b", "#b9b5ac", "#9a3412"
_SMALL, _NAME, _GROUP, _TITLE = 8.0, 9.0, 11.0, 15.0  # points

Row = Sequence[Explanation]
Answers = Sequence[tuple[int, str, float]]


def sheet_figure(
    rows: Sequence[Row],
    predictions: Sequence[Answers] = (),
    left_out: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """The sheet as a figure of the size that it needs, for which ``DPI`` is the natural resolution.

    rows: a photo each; explanations of one sample by the same methods in the same order, groups together.
    predictions: for each photo the most probable classes as (index, name, probability). left_out: methods that
    are not on the sheet, and why. notes: what to know before believing any of it.
    """
    groups = [group_of(e) for e in rows[0]]
    panel = _PANEL * _aspect(rows[0][0])
    bands = _best_bands(groups, len(rows) * (panel + 0.6))
    inner = _across(1 + max(map(len, bands)))
    measure = min(inner, _MEASURE)
    paper = Paper()
    y = paper.write(_MARGIN, _MARGIN, wrapped(_headline(rows), inner, _TITLE), _TITLE, _INK) + 0.08
    y = _legend(paper, y, measure)
    for note in notes:
        y = paper.write(_MARGIN, y + 0.08, wrapped(f"⚠ {note}", measure, _NAME), _NAME, _WARNING)
    for band in bands:
        y = _headings(paper, y + 0.3, band, groups)
        for i, row in enumerate(rows):
            y = _draw_row(paper, y + 0.13, panel, row, predictions[i] if predictions else (), band)
    y += 0.2 if left_out else 0.0
    for name, why in (left_out or {}).items():
        y = paper.write(_MARGIN, y, wrapped(f"{name} is left out: {why}", measure, _SMALL), _SMALL, _SOFT)
    return paper.figure(inner + 2 * _MARGIN, y + _MARGIN, DPI)


def group_of(explanation: Explanation) -> str:
    """The group of the method that made it; empty if nobody said."""
    return str(explanation.receipt.provenance.get("group") or "")


# ── bands ─────────────────────────────────────────────────────────────────────────────────────────


def bands_of(groups: Sequence[str], most: int) -> list[list[int]]:
    """Columns in bands of at most ``most``: neighbouring groups share one, a group too long for one is split evenly."""
    bands: list[list[int]] = []
    for _, run in groupby(range(len(groups)), key=lambda i: groups[i]):
        columns = list(run)
        for piece in np.array_split(columns, -(-len(columns) // most)):
            if bands and len(bands[-1]) + len(piece) <= most:
                bands[-1] += piece.tolist()
            else:
                bands.append(piece.tolist())
    return bands


def _best_bands(groups: Sequence[str], height: float) -> list[list[int]]:
    """The bands that make a sheet of good shape with little left empty. height: of a band's rows, inches."""
    tried = [bands_of(groups, most) for most in range(min(3, len(groups)), min(_MOST_COLUMNS, len(groups)) + 1)]
    return min(tried, key=lambda bands: _badness(bands, height))


def _badness(bands: Sequence[Sequence[int]], height: float) -> float:
    """How far the shape is from a good one and how much is empty, as logarithms of ratios."""
    most = max(map(len, bands))
    shape = _across(1 + most) / (len(bands) * (height + 0.6))
    full = sum(map(len, bands)) / (most * len(bands))
    return abs(math.log(shape / _SHAPE)) - 2 * math.log(full)


# ── words ─────────────────────────────────────────────────────────────────────────────────────────


def _headline(rows: Sequence[Row]) -> str:
    counted = [f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in ((len(rows[0]), "method"), (len(rows), "photo"))]
    model = rows[0][0].receipt.provenance.get("model")
    return f"{readable(model, most=60)}: {' on '.join(counted)}" if model else " on ".join(counted)


def answer_words(explanation: Explanation, answers: Answers) -> list[str]:
    """What the network sees in the photo and, where it is another class, what is explained."""
    best = answers[0] if answers else None
    said = [] if best is None else [f"{best[1]} {percent(best[2])}"]
    same = best is not None and best[1] == explanation.target[0]
    return said if same else [*said, f"explained: {explanation.target[0]}"]


# ── drawing ───────────────────────────────────────────────────────────────────────────────────────


def _legend(paper: Paper, y: float, width: float) -> float:
    """The colour bar between its two words, and below it how to read the sheet."""
    paper.write(_MARGIN, y, ["against"], _SMALL, _SOFT)
    paper.lay(colours.opaque_table()[None], _MARGIN + 0.5, y + 0.015, 2.0, 0.13)
    paper.write(_MARGIN + 2.58, y, ["for"], _SMALL, _SOFT)
    return paper.write(_MARGIN, y + 0.21, wrapped(LEGEND, width, _SMALL), _SMALL, _SOFT)


def _headings(paper: Paper, y: float, band: Sequence[int], groups: Sequence[str]) -> float:
    """The groups over their columns, and over the photos what they are; where all of them end."""
    spans = [("photo", "as the network saw it", 1)]
    for group, run in groupby(band, key=lambda c: groups[c]):
        columns = list(run)
        again = columns[0] > 0 and groups[columns[0] - 1] == group
        spans.append((f"{group}, continued" if again else group, QUESTIONS.get(group, ""), len(columns)))
    ends, x = [], _MARGIN
    for title, question, count in spans:
        paper.rule(x, y, _across(count), _RULE)
        end = paper.write(x, y + 0.05, wrapped(title, _across(count), _GROUP)[:1], _GROUP, _INK)
        ends.append(paper.write(x, end, wrapped(question, _across(count), _SMALL), _SMALL, _SOFT))
        x += _across(count) + _GAP
    return max(ends)


def _draw_row(paper: Paper, y: float, panel: float, row: Row, answers: Answers, band: Sequence[int]) -> float:
    """A photo, the panels of a band beside it, and the words below; where the longest of them ends."""
    below = y + panel + 0.05
    ends = [_photo(paper, y, panel, row[0], answers)]
    for place, column in enumerate(band, start=1):
        x = _MARGIN + place * (_PANEL + _GAP)
        paper.lay(_heat(row[column]), x, y, _PANEL, panel)
        ends.append(_panel_words(paper, x, below, row[column]))
    return max(ends)


def _photo(paper: Paper, y: float, panel: float, explanation: Explanation, answers: Answers) -> float:
    if explanation.pictures is not None:
        paper.lay(pictures.fitted(explanation.pictures[0], _MOST_PIXELS), _MARGIN, y, _PANEL, panel)
        y += panel + 0.05
    name = explanation.names[0] if explanation.names else ""
    y = paper.write(_MARGIN, y, wrapped(name, _PANEL, _NAME)[:2], _NAME, _INK)
    for text in answer_words(explanation, answers):
        y = paper.write(_MARGIN, y, wrapped(text, _PANEL, _SMALL)[:3], _SMALL, _SOFT)
    return y


def _panel_words(paper: Paper, x: float, y: float, explanation: Explanation) -> float:
    """The method, its facts as many a line as fit, each warning on its own."""
    told = short_words(explanation)
    y = paper.write(x, y, wrapped(explanation.method, _PANEL, _NAME), _NAME, _INK)
    facts = [s.text for s in told if s.level == "fact"]
    y = paper.write(x, y, packed(facts, " · ", _PANEL, _SMALL), _SMALL, _SOFT)
    for sentence in told:
        if sentence.level == "warning":
            y = paper.write(x, y, wrapped(f"⚠ {sentence.text}", _PANEL, _SMALL), _SMALL, _WARNING)
    return y


def _heat(explanation: Explanation) -> np.ndarray:
    values = pictures.fitted(sheet_of(explanation), _MOST_PIXELS)
    seen = None if explanation.pictures is None else pictures.fitted(explanation.pictures[0], _MOST_PIXELS)
    return heat_over(values, colours.scale_of(values), seen)


def _aspect(explanation: Explanation) -> float:
    """Height over width of a panel, within what a sheet can bear."""
    height, width = sheet_of(explanation).shape
    return float(np.clip(height / width, 0.25, 2.5))


def _across(columns: int) -> float:
    """How wide so many panels are with what lies between them, in inches."""
    return columns * (_PANEL + _GAP) - _GAP
