"""The outline of one object as it was annotated: polygons, or COCO's run lengths. Becomes a mask when it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput


@dataclass(frozen=True, eq=False)
class Polygons:
    """What is inside any of the polygons, each float32 [k, 2] as x, y in pixels, (0, 0) the picture's corner."""

    lines: tuple[np.ndarray, ...]

    def mask(self, height: int, width: int) -> np.ndarray:
        """The pixels whose centres are inside: bool [height, width]."""
        from pellucid.data.dicom.raster import fill  # with its neighbours, which load scipy's morphology

        filled = [fill(np.asarray(line, np.float64) - 0.5, (height, width)) for line in self.lines]
        return np.logical_or.reduce(filled) if filled else np.zeros((height, width), bool)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """The box around all: x0, y0, x1, y1."""
        every = np.concatenate(self.lines)
        (x0, y0), (x1, y1) = every.min(0).tolist(), every.max(0).tolist()
        return x0, y0, x1, y1


@dataclass(frozen=True)
class RunLengths:
    """How many pixels are off, on, off, …, column by column: numbers, or the text into which pycocotools packs them."""

    counts: Sequence[int] | str
    height: int
    width: int

    def mask(self, height: int, width: int) -> np.ndarray:
        """The pixels that are on: bool [height, width]. Raises BadInput where they are of another picture."""
        counts = unpacked(self.counts) if isinstance(self.counts, str) else list(self.counts)
        size = f"{self.width} × {self.height}"
        if (self.height, self.width) != (height, width):
            raise BadInput(f"the run lengths are of a picture of {size}, and this one is {width} × {height}")
        if sum(counts) != height * width or min(counts, default=0) < 0:
            raise BadInput(f"the run lengths do not fill a picture of {size}", cure="write them again")
        on = np.arange(len(counts)) % 2 == 1
        return np.repeat(on, counts).reshape(width, height).T


Outline = Polygons | RunLengths


def unpacked(text: str) -> list[int]:
    """The numbers in pycocotools' text: five bits a character from the lowest, from the third on as differences to the
    last but one (rleFrString in its maskApi.c).
    """
    counts: list[int] = []
    value = shift = 0
    for character in text.encode("ascii", "replace"):
        bits = character - 48
        if not 0 <= bits < 64:
            raise BadInput(f"run lengths cannot hold {chr(character)!r}", cure="write them again")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:  # more of this number follows
            continue
        if bits & 16:  # it is below 0
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise BadInput("the run lengths break off", cure="write them again")
    return counts
