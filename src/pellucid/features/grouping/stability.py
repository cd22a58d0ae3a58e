"""Whether groups are found again on other halves of the same cells, and how many groups that speaks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.features.grouping.agreement import mean_pairwise_rand, silhouette
from pellucid.features.grouping.directions import directions, fit_basis
from pellucid.features.grouping.kmeans import assign, draw, spherical_kmeans

#: Cells that the refits look at, half of them each.
CELLS = 3_000

#: To compare numbers of groups, fewer cells and restarts do: all numbers are measured alike.
_CELLS, _RESTARTS = 2_000, 3

#: One shuffle's stability differs from the next one's by 0.1 and more, so three are averaged.
_SHUFFLES, _SHUFFLED_REFITS = 3, 4

#: Numbers of groups that ``auto`` compares.
FEWEST, MOST = 2, 12

#: Scores that differ by less are a tie: another seed changes them as much.
TIE = 0.05


@dataclass(frozen=True)
class Choice:
    """How many groups, how stable they are, and how stable groups of the shuffled features would be."""

    clusters: int
    stability: float
    shuffled: float

    @property
    def score(self) -> float:
        """The stability above that of shuffled features, as a share of what those leave open.

        The bare difference would hold it against groups that are found every time that shuffled
        features are grouped well too; Lange et al. 2004 divide for the same reason.
        """
        return 1 - (1 - self.stability) / max(1 - self.shuffled, 1e-6)


def stability(x: Tensor, clusters: int, *, seed: int = 0) -> float | None:
    """The mean adjusted Rand index between ten refits, each on a seeded half of the rows x [m, d].

    Looks at no more than 3 000 rows; all of them are labelled by every refit. None where half of
    them are fewer than the groups. Neighbouring cells resemble each other, so this says how firm the
    groups are in these pictures, not whether other pictures would show them.
    """
    x = x[draw(len(x), CELLS, torch.Generator().manual_seed(seed))]
    return _refitted(x, clusters, seed=seed) if len(x) // 2 >= clusters else None


def _refitted(x: Tensor, clusters: int, *, refits: int = 10, restarts: int = 10, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    labels = []
    for i in range(refits):
        half = x[draw(len(x), len(x) // 2, generator)]
        fit = spherical_kmeans(half, clusters, restarts=restarts, seed=seed + i)
        labels.append(assign(x, fit.centroids)[0])
    return mean_pairwise_rand(torch.stack(labels), clusters)


def choose_clusters(cells: Tensor, *, seed: int = 0) -> Choice:
    """The number of groups from 2 to 12 whose stability exceeds most what shuffled features have.

    cells: [m, C], as the layer gives them. Shuffling each channel by itself keeps its values and
    takes away what they have in common; the components are found anew (of components that are
    already apart, the first alone would still tell two groups). The silhouette breaks ties.
    """
    generator = torch.Generator().manual_seed(seed)
    cells = cells[draw(len(cells), _CELLS, generator)]
    x = _directions(cells)
    nulls = [_directions(_shuffled(cells, generator)) for _ in range(_SHUFFLES)]
    tried = []
    for k in range(FEWEST, min(MOST, len(x) // 2) + 1):
        found = _refitted(x, k, restarts=_RESTARTS, seed=seed)
        chance = [_refitted(n, k, refits=_SHUFFLED_REFITS, restarts=_RESTARTS, seed=seed) for n in nulls]
        tried.append(Choice(k, found, sum(chance) / _SHUFFLES))
    if not tried:
        cure = "say how many regions with clusters="
        raise BadInput(f"{len(x)} cells are too few to choose the number of regions", cure=cure)
    best = max(c.score for c in tried)
    tied = [c for c in tried if c.score >= best - TIE]
    return tied[0] if len(tied) == 1 else max(tied, key=lambda c: _separation(x, c.clusters, seed))


def _directions(cells: Tensor) -> Tensor:
    return directions(fit_basis(cells).coordinates(cells))


def _shuffled(columns: Tensor, generator: torch.Generator) -> Tensor:
    """Each column in an order of its own."""
    order = torch.rand(columns.shape, generator=generator).argsort(0)
    return columns.gather(0, order)


def _separation(x: Tensor, clusters: int, seed: int) -> float:
    value = silhouette(x, spherical_kmeans(x, clusters, seed=seed).labels)
    return -1.0 if value is None else value
