"""Regions painted onto pictures: a colour each, outlined, so that truth and answer lie side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import generate_binary_structure, iterate_structure, maximum_filter, minimum_filter

from pellucid.report.cases import short_name
from pellucid.report.colours import muted
from pellucid.report.overlays import COLOURS
from pellucid.report.paper import Paper, wide, wrapped
from pellucid.report.pictures import enlarged, fitted

#: Further colours, where there are more regions; after these they begin again.
_MORE = ((170, 110, 255), (150, 75, 0), (255, 150, 150), (120, 220, 220), (160, 160, 160), (255, 255, 255))
PALETTE = (*COLOURS, *_MORE)

#: How much of a region's colour lies over the picture, and the least and most pixels of a painted side.
_FILL, _LEAST, _MOST = 0.42, 220, 440

#: An outline is two pixels wide, counted in steps up, down and aside.
_NEAR = iterate_structure(generate_binary_structure(2, 1), 2)

_PICTURE, _GAP, _MARGIN, _BETWEEN = 1.75, 0.3, 0.3, 0.06  # inches
_SMALL, _NAME, _TITLE = 7.5, 8.5, 13.0  # points
_INK, _SOFT, _DPI = "#1d1f23", "#5b606b", 110


def colour_of(region: int) -> tuple[int, int, int]:
    """The colour of a region by its place."""
    return PALETTE[region % len(PALETTE)]


def painted(picture: np.ndarray, masks: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The regions over a picture whose own colours are muted: uint8 [height, width, 3], enlarged where it is small.

    picture: uint8 [h, w, 3]. masks: bool [regions, h, w], later ones above, or the numbers of objects within them (0:
    none), each of which is outlined. known: bool [h, w]; the rest is darkened.
    """
    picture = fitted(picture, _MOST)
    times = max(1, -(-_LEAST // max(picture.shape[:2])))
    drawn = enlarged(muted(picture, 0.25), _LEAST).astype(np.float32)
    for region, mask in enumerate(masks):
        numbers = _as_large(mask, picture.shape[:2], times).astype(np.int32)
        there = numbers > 0
        drawn[there] = (1 - _FILL) * drawn[there] + _FILL * np.array(colour_of(region))
        drawn[there & _at_an_end(numbers)] = colour_of(region)
    if known is not None and not known.all():
        drawn[~_as_large(known, picture.shape[:2], times)] *= 0.35
    return drawn.round().astype(np.uint8)


def _at_an_end(numbers: np.ndarray) -> np.ndarray:
    """Where within two pixels another number, or the picture's edge, is."""
    near = {"footprint": _NEAR, "mode": "constant", "cval": 0}
    return minimum_filter(numbers, **near) != maximum_filter(numbers, **near)


def _as_large(mask: np.ndarray, size: tuple[int, int], times: int) -> np.ndarray:
    """A mask at the size of the drawing, by the nearest pixel."""
    rows, columns = (np.arange(n) * have // n for n, have in zip(size, mask.shape, strict=True))
    return mask[rows][:, columns].repeat(times, 0).repeat(times, 1)


def cards_figure(
    pictures: Sequence[Sequence[np.ndarray]],
    cards: Sequence[Mapping[str, Any]],
    headings: Sequence[str],
    names: Sequence[str],
    headline: str,
) -> Figure:
    """Cards in rows, several painted pictures on each.

    pictures: for each card its pictures, in the order of ``headings``. cards: name and lines of text. names: of the
    regions, by their colours.
    """
    across = len(headings)
    wide_card = across * _PICTURE + (across - 1) * _BETWEEN
    columns = max(1, min(max(1, 6 // across), math.ceil(math.sqrt(1.4 * len(cards) / across))))
    inner = max(6.0, columns * (wide_card + _GAP) - _GAP)
    paper = Paper()
    y = paper.write(_MARGIN, _MARGIN, wrapped(headline, inner, _TITLE), _TITLE, _INK) + 0.08
    y = _legend(paper, y, names, inner) + 0.14
    for start in range(0, len(cards), columns):
        ends = []
        for place, i in enumerate(range(start, min(start + columns, len(cards)))):
            x = _MARGIN + place * (wide_card + _GAP)
            ends.append(_card(paper, x, y, pictures[i], cards[i], headings, wide_card))
        y = max(ends) + 0.2
    return paper.figure(inner + 2 * _MARGIN, y + _MARGIN - 0.2, _DPI)


def _legend(paper: Paper, y: float, names: Sequence[str], inner: float) -> float:
    x = _MARGIN
    for region, name in enumerate(names):
        step = 0.36 + wide(name, _SMALL)
        if x + step > _MARGIN + inner and x > _MARGIN:
            x, y = _MARGIN, y + 0.17
        paper.lay(np.array([[colour_of(region)]], np.uint8), x, y + 0.01, 0.13, 0.09)
        paper.write(x + 0.18, y, [name], _SMALL, _SOFT)
        x += step
    return y + 0.16


def _card(
    paper: Paper,
    x: float,
    y: float,
    pictures: Sequence[np.ndarray],
    card: Mapping[str, Any],
    headings: Sequence[str],
    width: float,
) -> float:
    """Headings, pictures, name and lines; where it ends."""
    if any(headings):
        for place, heading in enumerate(headings):
            paper.write(x + place * (_PICTURE + _BETWEEN), y, [heading], _SMALL, _SOFT)
        y += 0.15
    tall = 0.0
    for place, picture in enumerate(pictures):
        height, across = picture.shape[:2]
        scale = _PICTURE / max(height, across)
        paper.lay(picture, x + place * (_PICTURE + _BETWEEN), y, across * scale, height * scale)
        tall = max(tall, height * scale)
    y += tall + 0.05
    y = paper.write(x, y, wrapped(short_name(card["name"]), width, _SMALL)[:1], _SMALL, _SOFT)
    for line in card["lines"]:
        y = paper.write(x, y, wrapped(line, width, _NAME)[:2], _NAME, _INK)
    return y
