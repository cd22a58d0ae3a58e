"""Codes of pictures: which ones lie close together, on the two directions in which they differ most."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.words import Sentence, percent, quoted

#: Of more pictures no names are written beside their points.
_NAMED = 20

#: The room that a name takes, as shares of the plot's extent: to the right and up.
_TEXT = np.array([0.5, 0.06])

TITLE = "Codes"

COLUMNS = {
    "layer": "Layer",
    "resolution": "Grid",
    "channels": "Channels",
    "zeros": "Zeros",
    "constant": "Channels that never change",
}


def figure(view: View) -> Figure:
    """A panel a layer: each picture's code (its mean over the places) on the first two principal components."""
    layers = list(view.arrays)
    drawn = Picture(figsize=(4.2 * len(layers), 4.2), layout="constrained")
    for axes, layer in zip(drawn.subplots(1, len(layers), squeeze=False)[0], layers, strict=True):
        places, shares = plane_of(view[layer])
        axes.scatter(*places.T, s=18, color="#2b5fb3", alpha=0.8, linewidth=0)
        if len(places) <= _NAMED:
            _write_names(axes, places, view.names)
        title(axes, f"{printable(layer, 40)}\nof what differs the axes show {percent(float(shares.sum()))}")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(x=0.3, y=0.1)
        axes.spines[:].set_color("#d1d5db")
    return drawn


def plane_of(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes [sample, channel] or [sample, height, width, channel] on two axes, [sample, 2], and the shares of those."""
    flat = codes.mean((1, 2)) if codes.ndim == 4 else codes
    flat = flat.astype(np.float64) - flat.mean(0)
    left, values, _ = np.linalg.svd(flat, full_matrices=False)
    places = np.pad(left * values, ((0, 0), (0, 2)))[:, :2]
    return places, np.pad(values**2, (0, 2))[:2] / max(float((values**2).sum()), 1e-300)


def _write_names(axes: Axes, places: np.ndarray, names: tuple[str, ...]) -> None:
    """Names beside their points, left out where they would lie over one that is written."""
    extent = np.maximum(np.ptp(places, axis=0), 1e-12)
    written: list[np.ndarray] = []
    for place, name in zip(places / extent, names, strict=True):
        if any((np.abs(place - other) < _TEXT).all() for other in written):
            continue
        written.append(place)
        text = printable(name, 18)
        style = {"fontsize": 8, "color": GREY, "parse_math": False}
        axes.annotate(text, tuple(place * extent), (4, 4), textcoords="offset points", **style)


def words(view: View) -> list[Sentence]:
    """What there is, and which channels say nothing."""
    count, told = len(view.names), []
    for row in view.table:
        told.append(
            Sentence("fact", f"{quoted(row['layer'])}: {row['channels']} numbers for each of {count} pictures.")
        )
        if count > 1 and row["constant"] == row["channels"]:
            told.append(Sentence("warning", f"{quoted(row['layer'])} gives the same numbers for every picture."))
    return told
