"""Regions through the layers: pictures × layers, one colour a region."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, quoted

#: Pictures that a figure shows by itself, spread evenly over those that are painted, so that it stays readable.
ROWS = 8

#: Below this the regions come out otherwise when the grouping is repeated on other cells of the same pictures.
FIRM = 0.6

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
    "mean_iou": "IoU with masks",
    "rgb_mean_iou": "of raw colours",
    "purity": "Purity",
    "rgb_purity": "of raw colours",
}


def figure(view: View, samples: Sequence[int] | None = None) -> Figure:
    """Rows are samples, columns are layers; one colour is one region, the same from layer to layer.

    samples: which of the painted pictures to draw; at most eight of them if not given.
    """
    layers = layers_of(view)
    count = len(view[f"labels/{layers[0]}"])
    rows = np.linspace(0, count - 1, min(count, ROWS)).round().astype(int) if samples is None else samples
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
        row[0].set_ylabel(printable(name_of(view, i), 28), fontsize=9, color=GREY, parse_math=False)
    for axes, text in zip(grid[0], [*(["picture"] if seen else []), *layers], strict=True):
        title(axes, "\n".join(textwrap.wrap(printable(text, 60), 24)))
    return drawn


def layers_of(view: View) -> list[str]:
    """The layers whose regions a view holds, in its order."""
    layers = [name.removeprefix("labels/") for name in view.arrays if name.startswith("labels/")]
    if not layers or view.palette is None:
        raise BadInput("holds no labels with a palette, so no regions can be drawn", where=f"view {view.kind!r}")
    return layers


def name_of(view: View, i: int) -> str:
    """What the picture is called whose labels are the ``i``-th: where there are many, not all are painted."""
    row = view.options["painted"][i] if "painted" in view.options else i
    return view.names[row] if row < len(view.names) else f"photo {row + 1}"


def region_colours(view: View, layer: str, i: int) -> np.ndarray:
    """The ``i``-th painted picture's regions at a layer in the palette's colours: uint8 [height, width, 3]."""
    return np.asarray(view.palette)[view[f"labels/{layer}"][i]]


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """What the layers tell apart, whether that is more than colour, and what not to believe."""
    layers = list(dict.fromkeys(row["layer"] for row in view.table))
    told = [Sentence("fact", _what(view, layers))]
    told += [Sentence("fact", text) for text in (_beyond_colour(view), _masks(view)) if text]
    loose = [name for name in layers if _mean(view, name, "stability", 1.0) < FIRM]
    if loose:
        which = " and ".join(map(quoted, loose))
        text = f"The regions at {which} come out otherwise on other cells of the same pictures (stability below {FIRM})"
        told.append(Sentence("warning", f"{text}: read nothing into where exactly they end."))
    return told


def _what(view: View, layers: Sequence[str]) -> str:
    count = len(view.names) or len(view[f"labels/{layers_of(view)[0]}"])
    pictures = "the picture" if count == 1 else f"{count} pictures"
    together = (
        ""
        if count == 1
        else " jointly, so a colour means the same in all of them"
        if view.options.get("joint", True)
        else ""
    )
    together = ", each by itself" if count > 1 and not view.options.get("joint", True) else together
    regions = sorted({row["clusters"] for row in view.table})
    many = f"{regions[0]}" if len(regions) == 1 else f"{regions[0]} to {regions[-1]}"
    where = f"{len(layers)} layers" if len(layers) > 1 else f"layer {quoted(layers[0])}"
    return f"At {where}, {pictures} fall{'s' * (count == 1)} into {many} regions of like features{together}."


def _beyond_colour(view: View) -> str:
    """Which layer found most that is not in the colours."""
    shares = {name: _mean(view, name, "agreement_rgb", None) for name in dict.fromkeys(r["layer"] for r in view.table)}
    known = {name: share for name, share in shares.items() if share is not None}
    if not known:
        return "The pictures have no colours to compare with."
    own = min(known, key=known.__getitem__)
    scale = f"an agreement of {known[own]:.2f}, where 1 is the same regions and 0 is chance"
    if len(known) == 1:
        return f"How far the regions at {quoted(own)} are those of the raw colours: {scale}."
    return (
        f"The regions that are least those of the raw colours are at {quoted(own)}: {scale}{_ties(view, own, known)}."
    )


def _ties(view: View, best: str, figures: dict[str, float]) -> str:
    """Which layers' figures differ from the best one's by less than the grouping does when it is repeated.

    A stability s is the agreement of regions with themselves, repeated: what two layers differ by has to be more than
    the mean of their 1 − s.
    """
    unsure = {name: 1 - _mean(view, name, "stability", 1.0) for name in figures}
    apart = {name: abs(figure - figures[best]) for name, figure in figures.items() if name != best}
    ties = [name for name, gap in apart.items() if gap == 0 or gap < (unsure[name] + unsure[best]) / 2]
    if not ties:
        return ""
    more = f" and {len(ties) - 3} more" if len(ties) > 3 else ""
    named = ", ".join(f"{quoted(name)} ({figures[name]:.2f})" for name in ties[:3])
    return f"; not told apart from it, as stable as the regions are: {named}{more}"


def _masks(view: View) -> str:
    """Which layer's regions are most like the true ones."""
    scored = [row for row in view.table if row.get("mean_iou") is not None]
    if not scored:
        return ""
    found = {name: _mean(view, name, "mean_iou", 0.0) for name in dict.fromkeys(row["layer"] for row in scored)}
    raws = {name: _mean(view, name, "rgb_mean_iou", None) for name in found}
    best = max(found, key=found.__getitem__)
    masks = view.options.get("masks", 0)
    held = f"Held against {masks} mask{'s' * (masks != 1)}, "
    reached = f"an intersection over union of {found[best]:.2f}"
    ties = _ties(view, best, found)
    if all(raw is not None and found[name] <= raw for name, raw in raws.items()):
        nearest = f"the nearest to the truth is {quoted(best)} with {reached}" if len(found) > 1 else f"it is {reached}"
        subject = "no layer beats" if len(found) > 1 else f"the regions at {quoted(best)} do not beat"
        return f"{held}{subject} plain colours: {nearest}, where the raw colours reach {raws[best]:.2f}{ties}."
    beside = "" if raws[best] is None else f", where the raw colours reach {raws[best]:.2f}"
    if len(found) == 1:
        return f"{held}the regions at {quoted(best)} have {reached}{beside}."
    return f"{held}the regions at {quoted(best)} are the nearest to the truth: {reached}{beside}{ties}."


def _mean(view: View, layer: str, key: str, otherwise: Any) -> Any:
    """The mean of a figure over the rows of a layer that have it."""
    values = [row[key] for row in view.table if row["layer"] == layer and row.get(key) is not None]
    return float(np.mean(values)) if values else otherwise
