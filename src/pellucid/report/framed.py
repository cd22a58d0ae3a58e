"""Boxes drawn onto pictures: a solid frame where one was found, a dashed white one where there is one.

What is not asked for is hatched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pellucid.report.colours import muted
from pellucid.report.painted import colour_of
from pellucid.report.pictures import enlarged, fitted

#: The least and most pixels of a drawn side; the width of lines; the length of a dash.
_LEAST, _MOST = 360, 440
_LINE, _DASH = 3, 9

_DARK, _GREY, _WHITE = (20, 20, 20), (110, 110, 110), (255, 255, 255)

#: Pixels between slanting lines.
_HATCH = 14


def framed(
    picture: np.ndarray,
    true: Sequence[Sequence[float]] = (),
    found: Sequence[Sequence[float]] = (),
    unasked: Sequence[Sequence[float]] = (),
) -> np.ndarray:
    """The boxes on a picture whose own colours are muted: uint8 [height, width, 3], enlarged where it is small.

    picture: uint8 [h, w, 3]. true, found: for each the number of its kind, then x0, y0, x1, y1 in pixels of the
    picture (what follows in a row is not looked at). Both are in the colour of their kind; true ones are dashed.
    unasked: x0, y0, x1, y1 of each place that nobody asks for, which is hatched in grey.
    """
    before = picture.shape[1]
    drawn = Image.fromarray(np.ascontiguousarray(enlarged(muted(fitted(picture, _MOST), 0.25), _LEAST)))
    scale, pen = drawn.width / before, ImageDraw.Draw(drawn)
    for box in unasked:
        _hatched(pen, _edges(box, scale, drawn.size))
    for kind, *box in (row[:5] for row in found):
        edges = _edges(box, scale, drawn.size)
        pen.rectangle(edges, outline=_DARK, width=_LINE + 2)
        pen.rectangle(_inset(edges, 1), outline=colour_of(int(kind)), width=_LINE)
    for kind, *box in (row[:5] for row in true):
        _dashed(pen, _edges(box, scale, drawn.size), colour_of(int(kind)))
    return np.asarray(drawn)


def _edges(box: Sequence[float], scale: float, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """On the drawing; never of no size, and never outside."""
    left, top, right, bottom = (v * scale for v in box)
    left, top = (min(max(0.0, v), most - 4.0) for v, most in zip((left, top), size, strict=True))
    return left, top, max(left + 3, min(right, size[0]) - 1), max(top + 3, min(bottom, size[1]) - 1)


def _inset(edges: tuple[float, float, float, float], by: int) -> tuple[float, float, float, float]:
    left, top, right, bottom = edges
    return left + by, top + by, max(left + by, right - by), max(top + by, bottom - by)


def _hatched(pen: ImageDraw.ImageDraw, edges: tuple[float, float, float, float]) -> None:
    """A thin grey frame with slanting lines in it."""
    left, top, right, bottom = edges
    width, height = right - left, bottom - top
    for start in np.arange(_HATCH, width + height, _HATCH):
        a = (left + min(start, width), top + max(0.0, start - width))
        b = (left + max(0.0, start - height), top + min(start, height))
        pen.line((*a, *b), fill=_GREY, width=1)
    pen.rectangle(edges, outline=_GREY, width=2)


def _dashed(pen: ImageDraw.ImageDraw, edges: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
    """A white frame with dashes of a colour, so that it is seen on any ground and beside a solid one."""
    left, top, right, bottom = edges
    pen.rectangle(edges, outline=_WHITE, width=_LINE)
    for (x0, y0), (x1, y1) in (
        ((left, top), (right, top)),
        ((left, bottom - _LINE + 1), (right, bottom - _LINE + 1)),
        ((left, top), (left, bottom)),
        ((right - _LINE + 1, top), (right - _LINE + 1, bottom)),
    ):
        length = max(x1 - x0, y1 - y0)
        for start in np.arange(0, length, 2 * _DASH):
            end = min(start + _DASH, length)
            across = x1 > x0
            a = (x0 + start, y0) if across else (x0, y0 + start)
            b = (x0 + end, y0 + _LINE - 1) if across else (x0 + _LINE - 1, y0 + end)
            pen.rectangle((*a, *b), fill=colour)
