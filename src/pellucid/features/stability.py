"""Whether groups are found again on other halves of the same cells, and how many groups that speaks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.features.agreement import mean_pairwise_rand, silhouette
from pellucid.features.directions import directions
from pellucid.features.kmeans import draw, lloyd, plus_plus, spherical_kmeans

#: Cells that the refits look at, half of them each.
CELLS = 2_000

REFITS, RESTARTS = 10, 3

#: Numbers of groups that ``auto`` compares.
FEWEST, MOST = 2, 12

#: Scores that differ by less are a tie: about the standard error of a mean over ten refits.
TIE = 0.01


@dataclass(frozen=True)
class Choice:
    """How many groups, how stable they are, and how stable groups of the shuffled features would be."""

    clusters: int
    stability: float
    shuffled: float


def stability(x: Tensor, clusters: int, *, seed: int = 0) -> float | None:
    """The mean adjusted Rand index between ten refits, each on a seeded half of the rows x [m, d].

    All rows are labelled by every refit. None where half of the rows are fewer than the groups.
    Neighbouring cells resemble each other, so this says how firm the groups are in these pictures,
    not whether other pictures would show them.
    """
    generator = torch.Generator().manual_seed(seed)
    x = x[draw(len(x), CELLS, generator)]
    if len(x) // 2 < clusters:
        return None
    counts = torch.zeros(REFITS, len(x))
    for row in counts:
        row[draw(len(x), len(x) // 2, generator)] = 1
    counts = counts.repeat_interleave(RESTARTS, 0)
    start = plus_plus(x, clusters, REFITS * RESTARTS, generator, counts)
    centroids, cosines = lloyd(x, start, counts=counts, tolerance=1e-5)
    best = cosines.view(REFITS, RESTARTS).argmax(1) + torch.arange(REFITS) * RESTARTS
    labels = (centroids[best] @ x.T).argmax(1)
    return mean_pairwise_rand(labels, clusters)


def choose_clusters(coordinates: Tensor, *, seed: int = 0) -> Choice:
    """The number of groups from 2 to 12 whose stability exceeds that of shuffled features most.

    coordinates: [m, d], before they are scaled to length 1. Shuffling each column apart keeps every
    component's values and takes away what they have in common. The silhouette breaks ties.
    """
    generator = torch.Generator().manual_seed(seed)
    coordinates = coordinates[draw(len(coordinates), CELLS, generator)]
    x, null = directions(coordinates), directions(_shuffled(coordinates, generator))
    tried = []
    for k in range(FEWEST, min(MOST, len(x) // 2) + 1):
        found, by_chance = stability(x, k, seed=seed), stability(null, k, seed=seed)
        if found is not None and by_chance is not None:
            tried.append(Choice(k, found, by_chance))
    if not tried:
        cure = "say how many regions with clusters="
        raise BadInput(f"{len(x)} cells are too few to choose the number of regions", cure=cure)
    best = max(c.stability - c.shuffled for c in tried)
    tied = [c for c in tried if c.stability - c.shuffled >= best - TIE]
    return tied[0] if len(tied) == 1 else max(tied, key=lambda c: _separation(x, c.clusters, seed))


def _shuffled(columns: Tensor, generator: torch.Generator) -> Tensor:
    """Each column in an order of its own."""
    order = torch.rand(columns.shape, generator=generator).argsort(0)
    return columns.gather(0, order)


def _separation(x: Tensor, clusters: int, seed: int) -> float:
    value = silhouette(x, spherical_kmeans(x, clusters, seed=seed).labels)
    return -1.0 if value is None else value
