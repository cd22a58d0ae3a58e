"""Regions through the layers: pictures × layers, one colour a region."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, number, quoted


def figure(view: View, samples: Sequence[int] | None = None) -> Figure:
    """Rows are samples, columns are layers; one colour is one region, the same from layer to layer.

    samples: which rows to draw; all if not given.
    """
    layers = layers_of(view)
    rows = range(len(view[f"labels/{layers[0]}"])) if samples is None else samples
    seen = view.pictures is not None
    columns = len(layers) + seen
    height, width = view[f"labels/{layers[0]}"].shape[1:]
    aspect = float(np.clip(height / width, 0.2, 3))
    drawn = Picture(figsize=(2.3 * columns, 2.3 * aspect * len(rows) + 0.5), layout="compressed")
    grid = drawn.subplots(len(rows), columns, squeeze=False)
    for row, i in zip(grid, rows, strict=True):
        if seen:
            row[0].imshow(np.asarray(view.pictures)[i])
        for axes, layer in zip(row[seen:], layers, strict=True):
            axes.imshow(region_colours(view, layer, i), interpolation="nearest")
        for axes in row:
            bare(axes)
        name = view.names[i] if i < len(view.names) else ""
        row[0].set_ylabel(printable(name, 28), fontsize=9, color=GREY, parse_math=False)
    for axes, text in zip(grid[0], [*(["picture"] if seen else []), *layers], strict=True):
        title(axes, "\n".join(textwrap.wrap(printable(text, 60), 24)))
    return drawn


def layers_of(view: View) -> list[str]:
    """The layers whose regions a view holds, in its order."""
    layers = [name.removeprefix("labels/") for name in view.arrays if name.startswith("labels/")]
    if not layers or view.palette is None:
        raise BadInput("holds no labels with a palette, so no regions can be drawn", where=f"view {view.kind!r}")
    return layers


def region_colours(view: View, layer: str, i: int) -> np.ndarray:
    """Sample ``i``'s regions at a layer in the palette's colours: uint8 [height, width, 3]."""
    return np.asarray(view.palette)[view[f"labels/{layer}"][i]]


TITLE = "Regions through the layers"

COLUMNS = {
    "layer": "Layer",
    "sample": "Picture",
    "resolution": "Grid",
    "clusters": "Regions",
    "silhouette": "Silhouette",
    "rgb_silhouette": "of raw colours",
    "stability": "Stability",
    "rgb_stability": "of raw colours",
    "agreement_rgb": "Same as raw colours",
}


def words(view: View) -> list[Sentence]:
    """What the layers found beyond colour."""
    rows = [row for row in view.table if row.get("agreement_rgb") is not None]
    if not rows:
        return [Sentence("fact", "The pictures have no colours to compare with.")]
    own = min(rows, key=lambda row: row["agreement_rgb"])
    return [
        Sentence(
            "fact",
            f"The regions that differ most from those of the raw colours are at {quoted(own['layer'])}: an agreement "
            f"of {number(own['agreement_rgb'])}, where 1 is the same regions and 0 is chance.",
        )
    ]
