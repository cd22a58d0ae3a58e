"""Masks over greys: outlines that hide nothing, each region in a colour of its own, and its name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from scipy.ndimage import binary_erosion

from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.pictures import enlarged

#: Bright on black and on grey, told apart by the usual kinds of colour blindness too (Okabe & Ito 2008).
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 200, 140), (240, 228, 66), (0, 120, 210), (235, 100, 20), (230, 130, 180))

_MOST_SLICES = 24


def outlined(picture: np.ndarray, masks: Sequence[np.ndarray], spacing: tuple[float, float] = (1, 1)) -> np.ndarray:
    """The outlines of masks [row, column] on a grey picture, uint8 [height, width, 3], in the picture's proportions.

    spacing: of rows and of columns. An outline lies inside its region.
    """
    times = max(1, 448 // max(picture.shape))
    drawn = enlarged(np.repeat(picture[..., None], 3, axis=2), 448)
    for i, mask in enumerate(masks):
        large = mask.repeat(times, 0).repeat(times, 1) if times > 1 else mask
        large = np.asarray(Image.fromarray(large).resize(drawn.shape[1::-1], Image.Resampling.NEAREST))
        edge = large & ~binary_erosion(large, iterations=3)
        drawn[edge] = COLOURS[i % len(COLOURS)]
    height = max(1, round(drawn.shape[0] * spacing[0] / spacing[1]))
    return np.asarray(Image.fromarray(drawn).resize((drawn.shape[1], height), Image.Resampling.BICUBIC))


def sheet(slices: Mapping[str, np.ndarray], names: Sequence[str], headline: str) -> Figure:
    """Slices with their outlines, evenly chosen where there are many, and the names of the colours.

    slices: by their heading, as ``outlined`` makes them. names: of the regions, in the order of the masks.
    """
    every = -(-len(slices) // _MOST_SLICES) if slices else 1
    shown = list(slices.items())[::every]
    columns = min(6, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    aspect = np.mean([p.shape[0] / p.shape[1] for _, p in shown]) if shown else 1.0
    drawn = Picture(figsize=(max(5.0, 2.3 * columns), 2.3 * aspect * rows + 1.1), layout="constrained")
    drawn.suptitle(printable(headline, 110), x=0.01, ha="left", fontsize=11, color="#222222")
    grid = drawn.subplots(rows, columns, squeeze=False).ravel()
    for axes, (heading, picture) in zip(grid, shown, strict=False):
        axes.imshow(picture)
        title(axes, printable(heading, 30))
    for axes in grid:
        bare(axes)
    lines = [Line2D([], [], color=np.array(COLOURS[i % len(COLOURS)]) / 255, linewidth=3) for i in range(len(names))]
    if lines:
        words = [printable(n, 24) for n in names]
        drawn.legend(lines, words, loc="outside lower left", ncols=min(6, len(words)), fontsize=9, labelcolor=GREY)
    return drawn
