"""One layer's cells in groups: fitted once, then laid onto any of its maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.features.agreement import adjusted_rand, contingency, silhouette
from pellucid.features.directions import Basis, directions, fit_basis, is_flat
from pellucid.features.kmeans import one_thread, spherical_kmeans
from pellucid.features.maps import Drawn, cells_of
from pellucid.features.stability import choose_clusters, stability

Wanted = int | Literal["auto"]


@dataclass(frozen=True)
class Grouping:
    """The directions that a layer's cells are told apart by: a basis and centroids [k, d]."""

    basis: Basis
    centroids: Tensor

    def similarities(self, maps: Tensor) -> Tensor:
        """The cosine of each place of maps [n, C, h, w] with each centroid: [n, k, h, w]."""
        n, _, h, w = maps.shape
        cosines = directions(self.basis.coordinates(cells_of(maps))) @ self.centroids.T
        return cosines.view(n, h, w, -1).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Fitted:
    """A grouping of cells, their labels [m], and its honest figures."""

    grouping: Grouping
    labels: Tensor
    figures: dict[str, Any]


@one_thread()
def group(drawn: Drawn, clusters: Wanted, *, seed: int) -> Fitted:
    """Group a layer's cells, and beside them the mean colours of the same places as the baseline to beat."""
    ours = group_cells(drawn.cells, clusters, seed=seed)
    k = len(ours.grouping.centroids) if clusters == "auto" else clusters
    # Without any colour there is nothing to compare with: the baseline's figures stay empty.
    raw = None if is_flat(drawn.colours) else group_cells(drawn.colours, k, seed=seed)
    figures = {
        "resolution": f"{drawn.grid[0]} × {drawn.grid[1]}",
        "channels": drawn.cells.shape[1],
        "cells": len(drawn.cells),
        **ours.figures,
        "rgb_silhouette": raw and raw.figures["silhouette"],
        "rgb_stability": raw and raw.figures["stability"],
        "agreement_rgb": raw and _rand(ours, raw),
    }
    return Fitted(ours.grouping, ours.labels, figures)


def group_cells(cells: Tensor, clusters: Wanted, *, seed: int) -> Fitted:
    """Centre cells [m, C], reduce them, scale them to length 1 and group them by cosine."""
    if clusters != "auto" and clusters > len(cells):
        cure = f"ask for at most {len(cells)}, choose a layer with a finer grid, or pass more pictures"
        raise BadInput(f"{clusters} regions of {len(cells)} cells", cure=cure)
    basis = fit_basis(cells)
    coordinates = basis.coordinates(cells)
    chosen = choose_clusters(cells, seed=seed) if clusters == "auto" else None
    k = chosen.clusters if chosen else int(clusters)
    x = directions(coordinates)
    found = spherical_kmeans(x, k, seed=seed)
    used = len(found.centroids)
    figures = {
        "clusters": used,
        "kept": len(basis.components),
        "explained": basis.explained,
        "silhouette": silhouette(x, found.labels),
        "stability": stability(x, used, seed=seed),
    }
    # How stable as many groups of features without any would be: what "auto" chose against.
    figures |= {"shuffled_stability": chosen.shuffled} if chosen else {}
    return Fitted(Grouping(basis, found.centroids), found.labels, figures)


def _rand(a: Fitted, b: Fitted) -> float:
    size = (len(a.grouping.centroids), len(b.grouping.centroids))
    return float(adjusted_rand(contingency(a.labels.numpy(), b.labels.numpy(), size)))
