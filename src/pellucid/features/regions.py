"""``pellucid.regions``: the parts that a layer tells apart, each in a colour that stays from layer to layer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.core.errors import BadInput, PellucidError
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs, as_batch
from pellucid.features.colours import PALETTE, by_size, matched
from pellucid.features.grouping import Grouping, Wanted, group
from pellucid.features.maps import FeatureMaps, draw_cells, not_spatial
from pellucid.features.table import views
from pellucid.models.network import Network
from pellucid.models.prepare import untouched


@views.register("regions", question="Which parts of my pictures does a layer tell apart?", source="arXiv:2011.02803")
def regions(
    network: Network,
    inputs: Inputs,
    layers: str | Sequence[str] | None = None,
    clusters: Wanted = 6,
    *,
    joint: bool = True,
    seed: int = 0,
) -> View:
    """Colour the parts of pictures that a layer's features tell apart (K-means of its cells' directions).

    inputs: as for ``explain``. layers: patterns, each may match several (default: one a resolution).
    clusters: how many regions, 2 to 12, or "auto": as many as are found again most reliably.
    joint: one set of regions for all pictures, so that a colour means the same in each; False groups
    each picture by itself.

    Gives labels/LAYER, uint8 [sample, height, width] at the size of what entered the network;
    cells/LAYER, the same at the layer's own grid; and a row of figures a layer (and a sample, where
    they are grouped apart): the silhouette (cosine), the stability (mean adjusted Rand index of
    refits on halves), both for raw colours of the same places too, and how far the regions agree with those.
    After arXiv:2011.02803 §3.2. Raises BadInput with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    _check_clusters(clusters)
    names = _spatial_layers(network, layers)
    given = as_batch(network.input, inputs, network.device, network.dtype)
    ready = network.prepared(keep=names)
    with untouched(ready.module):
        if joint:
            parts = [_look(ready, given.x, names, clusters, seed)]
        else:
            parts = [_look(ready, x[None], names, clusters, seed) for x in track(given.x, "regions of each")]
    arrays = {
        f"{kind}/{name}": np.concatenate([getattr(p, kind)[name] for p in parts])
        for name in names
        for kind in ("labels", "cells")
    }
    return View(
        kind="regions",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "height", "width")),
        table=_table(parts, given.names, joint),
        options={"layers": tuple(names), "clusters": clusters, "joint": joint},
        pictures=given.pictures,
        names=given.names,
        palette=PALETTE[: max(row["clusters"] for part in parts for row in part.rows)],
        seconds=time.perf_counter() - began,
        notes=_notes(parts, names, clusters, ready),
        provenance={**network.facts(), "seed": seed},
    )


# -- what was asked -------------------------------------------------------------------------------


def _check_clusters(clusters: Wanted) -> None:
    if clusters == "auto":
        return
    if isinstance(clusters, bool) or not isinstance(clusters, int) or not 2 <= clusters <= len(PALETTE):
        what = f"clusters is {clusters!r}"
        raise BadInput(what, cure=f"pass a whole number from 2 to {len(PALETTE)}, or 'auto'")


def _spatial_layers(network: Network, patterns: str | Sequence[str] | None) -> list[str]:
    """The layers that the patterns name, each once, in that order; all with a feature map."""
    if patterns is None:
        names = network.stages()
    else:
        each = [patterns] if isinstance(patterns, str) else patterns
        names = list(dict.fromkeys(name for pattern in each for name in network.layers(pattern)))
    if not names:
        cure = "name one with layers= (see pellucid layers)"
        raise BadInput("no layer gives a feature map [channel, height, width]", where=network.name, cure=cure)
    known = {layer.name: layer for layer in network.tree()}
    for name in names:
        # A single call of a module (``relu:2``) shows its shape only when it is taken.
        if name in known and known[name].resolution is None:
            raise not_spatial(name, known[name].shape).at(network.name)
    return names


# -- one set of regions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Looked:
    """labels, cells: by layer, uint8 [n, height, width] at the input's size and at the layer's own. rows: figures."""

    labels: dict[str, np.ndarray]
    cells: dict[str, np.ndarray]
    rows: list[dict[str, Any]]


def _look(network: Network, x: Tensor, layers: Sequence[str], clusters: Wanted, seed: int) -> _Looked:
    """Fit every layer on cells of all of ``x``, lay the groups onto all of it, and match the colours."""
    maps = FeatureMaps(network, x, layers)
    drawn = draw_cells(maps, seed=seed)
    groupings, rows = {}, []
    for name in track(layers, "regions"):
        try:
            fitted = group(drawn.pop(name), clusters, seed=seed)
        except PellucidError as error:
            raise error.at(name) from error
        groupings[name] = fitted.grouping
        rows.append({"layer": name, **fitted.figures})
    labels, cells = _paint(maps, groupings, x)
    _recolour(labels, cells, {n: len(g.centroids) for n, g in groupings.items()})
    return _Looked(labels, cells, rows)


def _paint(
    maps: FeatureMaps, groupings: dict[str, Grouping], x: Tensor
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each layer's labels at the input's size and at its own.

    The similarities are interpolated and then compared: labels or colours between two regions
    would be those of a third.
    """
    labels: dict[str, list[Tensor]] = {name: [] for name in groupings}
    cells: dict[str, list[Tensor]] = {name: [] for name in groupings}
    for _, taken in maps:
        for name, grouping in groupings.items():
            similarities = grouping.similarities(taken[name])
            cells[name].append(_nearest(similarities))
            for one in similarities.split(1):  # at the input's size they are large
                fine = interpolate(one, size=x.shape[-2:], mode="bilinear", align_corners=False)
                labels[name].append(_nearest(fine))
    joined = lambda parts: {n: torch.cat(p).numpy() for n, p in parts.items()}  # noqa: E731
    return joined(labels), joined(cells)


def _nearest(similarities: Tensor) -> Tensor:
    return similarities.max(1).indices.to(torch.uint8)


def _recolour(labels: dict[str, np.ndarray], cells: dict[str, np.ndarray], clusters: dict[str, int]) -> None:
    """Number the regions so that a colour stays on the same part of the pictures from layer to layer, in place.

    The first layer's largest region takes the first colour. The pictures' size is the common grid.
    """
    colours, before = max(clusters.values()), None
    for name in labels:
        order = by_size(labels[name], clusters[name])
        if before is not None:
            order = matched(before, order[labels[name]], (colours, clusters[name]))[order]
        labels[name], cells[name] = order[labels[name]], order[cells[name]]
        before = labels[name]


# -- what is told ---------------------------------------------------------------------------------


def _table(parts: list[_Looked], names: tuple[str, ...], joint: bool) -> tuple[dict[str, Any], ...]:
    if joint:
        return tuple(parts[0].rows)
    return tuple({"sample": name, **row} for name, part in zip(names, parts, strict=True) for row in part.rows)


def _notes(parts: list[_Looked], layers: list[str], clusters: Wanted, ready: Network) -> tuple[str, ...]:
    notes = ready.preparation.notes if ready.preparation else ()
    for row in (row for part in parts for row in part.rows):
        if clusters != "auto" and row["clusters"] < clusters:
            few = f"its features have no more than {row['clusters']} directions that differ"
            notes += (f"{row['layer']}: {row['clusters']} regions instead of {clusters}, for {few}",)
    if len(parts) > 1:
        notes += ("each picture was grouped by itself: the same colour in two pictures does not mean the same",)
    return tuple(dict.fromkeys(notes))
