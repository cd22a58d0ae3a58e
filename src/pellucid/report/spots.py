"""Landmarks drawn onto pictures: a ring where one is, a cross where one was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pellucid.report.colours import muted
from pellucid.report.painted import colour_of
from pellucid.report.pictures import enlarged, fitted

#: The least and most pixels of a drawn side; the radius of a ring, half of a cross, the width of lines.
_LEAST, _MOST = 360, 440
_RING, _CROSS, _LINE = 11, 6, 3


def spotted(
    picture: np.ndarray, true: Sequence[Sequence[float]] = (), found: Sequence[Sequence[float]] = ()
) -> np.ndarray:
    """The landmarks on a picture whose own colours are muted: uint8 [height, width, 3], enlarged where it is small.

    picture: uint8 [h, w, 3]. true, found: for each the number of its type, x and y in pixels of the picture, whose left
    upper corner is 0, 0 (what follows in a row is not looked at).
    """
    before = picture.shape[1]
    drawn = Image.fromarray(np.ascontiguousarray(enlarged(muted(fitted(picture, _MOST), 0.25), _LEAST)))
    scale, pen = drawn.width / before, ImageDraw.Draw(drawn)
    for colour, wider in ((None, 2), ("own", 0)):  # a dark rim first, so that it is seen on any ground
        for kind, x, y in (row[:3] for row in true):
            ink = (20, 20, 20) if colour is None else colour_of(int(kind))
            pen.ellipse(_box(x * scale, y * scale, _RING + wider / 2), outline=ink, width=_LINE + wider - 1)
        for kind, x, y in (row[:3] for row in found):
            ink = (20, 20, 20) if colour is None else (255, 255, 255) if len(true) else colour_of(int(kind))
            left, top, right, bottom = _box(x * scale, y * scale, _CROSS + wider / 2)
            pen.line((left, top, right, bottom), fill=ink, width=_LINE + wider)
            pen.line((left, bottom, right, top), fill=ink, width=_LINE + wider)
    return np.asarray(drawn)


def _box(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - 0.5 - radius, y - 0.5 - radius, x - 0.5 + radius, y - 0.5 + radius
