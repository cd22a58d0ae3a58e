"""One layer's cells in groups: fitted once, for one or several numbers of groups, then laid onto any of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.features.grouping.agreement import adjusted_rand, contingency, silhouette
from pellucid.features.grouping.directions import Basis, directions, fit_basis, is_flat
from pellucid.features.grouping.kmeans import one_thread, spherical_kmeans
from pellucid.features.grouping.maps import Drawn, cells_of
from pellucid.features.grouping.stability import choose_clusters, stability

Wanted = int | Literal["auto"]


@dataclass(frozen=True)
class Space:
    """Cells as directions x [m, d] on the basis that they span."""

    basis: Basis
    x: Tensor

    @classmethod
    def of(cls, cells: Tensor) -> Space:
        """Centre cells [m, C], reduce them and scale them to length 1."""
        basis = fit_basis(cells)
        return cls(basis, directions(basis.coordinates(cells)))


@dataclass(frozen=True)
class Fitted:
    """Groups of cells: centroids [k, d] on a basis, the labels [m] of the cells, and the honest figures."""

    centroids: Tensor
    labels: Tensor
    figures: dict[str, Any]


@dataclass(frozen=True)
class Groupings:
    """The groups of a layer's cells by their wanted number, and beside them those of the places' raw colours.

    raw: None where the places have no colours to tell apart.
    """

    basis: Basis
    groups: Mapping[Wanted, Tensor]
    raw_basis: Basis | None
    raw: Mapping[Wanted, Tensor]
    figures: Mapping[Wanted, dict[str, Any]]
    grid: tuple[int, int]

    def similarities(self, maps: Tensor) -> dict[Wanted, Tensor]:
        """The cosine of each place of maps [n, C, h, w] with each centroid, [n, k, h, w], by the number wanted."""
        return _similarities(self.basis, self.groups, maps)

    def raw_similarities(self, colours: Tensor) -> dict[Wanted, Tensor]:
        """The same of the places' mean colours with the centroids of colours; nothing without any."""
        return {} if self.raw_basis is None else _similarities(self.raw_basis, self.raw, colours)


def _similarities(basis: Basis, groups: Mapping[Wanted, Tensor], maps: Tensor) -> dict[Wanted, Tensor]:
    n, _, h, w = maps.shape
    x = directions(basis.coordinates(cells_of(maps)))
    return {k: (x @ c.T).view(n, h, w, -1).permute(0, 3, 1, 2) for k, c in groups.items()}


@one_thread()
def group(drawn: Drawn, wanted: Sequence[Wanted], *, seed: int) -> Groupings:
    """Group a layer's cells, and beside them the mean colours of the same places as the baseline to beat.

    wanted: numbers of groups, or "auto"; the first must be possible, of the others those are left out that are not.
    """
    wanted = [wanted[0], *(k for k in wanted[1:] if k != wanted[0] and (k == "auto" or k <= len(drawn.cells)))]
    space = Space.of(drawn.cells)
    # Without any colour there is nothing to compare with: the baseline's figures stay empty.
    colours = None if is_flat(drawn.colours) else Space.of(drawn.colours)
    groups, raw, figures = {}, {}, {}
    for k in wanted:
        ours, theirs = _beside(drawn.cells, space, colours, k, seed)
        groups[k] = ours.centroids
        if theirs is not None:
            raw[k] = theirs.centroids
        figures[k] = _figures(drawn, ours, theirs)
    return Groupings(space.basis, groups, colours and colours.basis, raw, figures, drawn.grid)


def group_cells(cells: Tensor, clusters: Wanted, *, seed: int) -> Fitted:
    """Centre cells [m, C], reduce them, scale them to length 1 and group them by cosine."""
    return _grouped(cells, Space.of(cells), clusters, seed)


def _beside(
    cells: Tensor, space: Space, colours: Space | None, clusters: Wanted, seed: int
) -> tuple[Fitted, Fitted | None]:
    """The groups of cells, and as many of colours."""
    ours = _grouped(cells, space, clusters, seed)
    k = len(ours.centroids) if clusters == "auto" else clusters
    return ours, None if colours is None else _fitted(colours, k, seed)


def _grouped(cells: Tensor, space: Space, clusters: Wanted, seed: int) -> Fitted:
    if clusters == "auto":
        chosen = choose_clusters(cells, seed=seed)
        found = _fitted(space, chosen.clusters, seed)
        # How stable as many groups of features without any would be: what "auto" chose against.
        found.figures["shuffled_stability"] = chosen.shuffled
        return found
    if clusters > len(cells):
        cure = f"ask for at most {len(cells)}, choose a layer with a finer grid, or pass more pictures"
        raise BadInput(f"{clusters} regions of {len(cells)} cells", cure=cure)
    return _fitted(space, clusters, seed)


def _fitted(space: Space, clusters: int, seed: int) -> Fitted:
    found = spherical_kmeans(space.x, clusters, seed=seed)
    used = len(found.centroids)
    figures = {
        "clusters": used,
        "kept": len(space.basis.components),
        "explained": space.basis.explained,
        "silhouette": silhouette(space.x, found.labels),
        "stability": stability(space.x, used, seed=seed),
    }
    return Fitted(found.centroids, found.labels, figures)


def _figures(drawn: Drawn, ours: Fitted, raw: Fitted | None) -> dict[str, Any]:
    return {
        "resolution": f"{drawn.grid[0]} × {drawn.grid[1]}",
        "channels": drawn.cells.shape[1],
        "cells": len(drawn.cells),
        **ours.figures,
        "rgb_silhouette": raw and raw.figures["silhouette"],
        "rgb_stability": raw and raw.figures["stability"],
        "agreement_rgb": raw and _rand(ours, raw),
    }


def _rand(a: Fitted, b: Fitted) -> float:
    size = (len(a.centroids), len(b.centroids))
    return float(adjusted_rand(contingency(a.labels.numpy(), b.labels.numpy(), size)))
