"""Spherical k-means: group directions by cosine.

Dhillon & Modha 2001, algorithm 1, seeded as Arthur & Vassilvitskii 2007 do. All restarts go through
one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

#: Cells that a fit looks at. More move the centroids by less than one restart differs from the next.
MOST = 50_000

#: Cells on which the restarts compete, and how many of them go on with all cells, to the end.
RACE, FINAL = 5_000, 3

#: Rows at a time: their similarities to sixty centroids stay in the processor's cache.
_CHUNK = 8192

#: Up to so many times as many rows as are wanted, all are shuffled.
_FEW = 100

#: Cosine distance that counts as none (float32 rounding gives about 1e-7).
_SAME = 1e-6


@dataclass(frozen=True)
class Clusters:
    """centroids: [k, d], of length 1. labels: [m], int64. cosine: mean similarity of the rows to their centroid.

    Where the rows have fewer distinct directions than was asked for, k is their number.
    """

    centroids: Tensor
    labels: Tensor
    cosine: float


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread within the block, so that sums are added in one order on every machine.

    It is also faster: the products are small, and threads that wait for each other after each of
    them cost more than they save (three to twenty times as much where the cores are busy).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def spherical_kmeans(
    x: Tensor, clusters: int, *, restarts: int = 10, seed: int = 0, most: int = MOST, race: int = RACE
) -> Clusters:
    """The best of seeded restarts; rows x [m, d] are of length 1 (or zero, which belongs nowhere).

    Fitted on at most ``most`` rows, drawn with the seed; the restarts compete on ``race`` of them,
    and the best three go on with all. Every row is assigned. The same seed gives the same bytes.
    """
    generator = torch.Generator().manual_seed(seed)
    fitted = x[draw(len(x), most, generator)]
    track = fitted[draw(len(fitted), max(race, clusters), generator)]
    raced, cosines = lloyd(track, plus_plus(track, clusters, restarts, generator), tolerance=1e-4)
    ended, cosines = lloyd(fitted, raced[cosines.topk(min(FINAL, restarts)).indices])
    centroids = ended[cosines.argmax()]
    labels, cosine = assign(x, centroids)
    used, labels = labels.unique(return_inverse=True)
    return Clusters(centroids[used], labels, cosine)


def draw(total: int, most: int, generator: torch.Generator) -> Tensor:
    """At most ``most`` of ``total`` row numbers, ascending, each at most once."""
    if total <= most:
        return torch.arange(total)
    if total <= _FEW * most:
        return torch.randperm(total, generator=generator)[:most].sort().values
    # Of very many, shuffling all would take more memory than everything else: draw, and draw again what came twice.
    found = torch.randint(total, (most,), generator=generator).unique()
    while len(found) < most:
        found = torch.cat([found, torch.randint(total, (most,), generator=generator)]).unique()
    return found[torch.randperm(len(found), generator=generator)[:most]].sort().values


def plus_plus(x: Tensor, clusters: int, runs: int, generator: torch.Generator) -> Tensor:
    """Greedy k-means++ for several runs at once: centroids [runs, k, d].

    A few rows are drawn in proportion to their distance from the centroids so far, and the one
    that brings all rows closest is taken. Where no distinct direction is left, a centroid is zero,
    which attracts nothing.
    """
    lengths = x.square().sum(1)
    far = lengths.repeat(runs, 1)  # before the first draw every row is as far as any other
    tries, every, chosen = 2 + int(math.log(clusters)), torch.arange(runs), []
    for _ in range(clusters):
        reach = far.double().cumsum(1)
        aims = torch.rand(runs, tries, generator=generator, dtype=torch.float64) * reach[:, -1:]
        drawn = x[torch.searchsorted(reach, aims, right=True).clamp_max_(len(x) - 1)]
        drawn = normalize(drawn * (reach[:, -1:, None] > 0), dim=2)
        distances = lengths - drawn @ x.T
        left = torch.minimum(far[:, None], torch.where(distances > _SAME, distances, 0))
        best = left.sum(2).argmin(1)
        chosen.append(drawn[every, best])
        far = left[every, best]
    return torch.stack(chosen, 1)


def lloyd(x: Tensor, start: Tensor, *, steps: int = 100, tolerance: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Assign and average in turn, for all runs together, until a step gains no more than ``tolerance``.

    start: [runs, k, d]. Gives the centroids and, for them, the mean cosine [runs], which no step makes
    smaller. A cluster that lost all rows begins anew at the row that lies farthest from its centroid.
    """
    centroids, cosines = start.clone(), torch.full((len(start),), -torch.inf, dtype=torch.float64)
    runs, moved = torch.arange(len(start)), start  # the runs that still move, and where they are
    for _ in range(steps):
        found = _assigned(x, moved)
        gained = found.cosine > cosines[runs] + tolerance
        runs, found, moved = runs[gained], found.of(gained), moved[gained]
        centroids[runs], cosines[runs] = moved, found.cosine
        if not len(runs):
            break
        moved = _averaged(moved, found, x)
    return centroids, cosines


def assign(x: Tensor, centroids: Tensor) -> tuple[Tensor, float]:
    """Each row's nearest centroid (int64 [m]; the first where several are as near), and the mean cosine to it."""
    near = [(rows @ centroids.T).max(1) for rows in x.split(_CHUNK)]
    total = sum(float(n.values.sum(dtype=torch.float64)) for n in near)
    return torch.cat([n.indices for n in near]), total / len(x)


@dataclass(frozen=True)
class _Assigned:
    """One assignment of all rows in every run.

    sums: [runs, k, d] of the rows in each cluster. sizes: [runs, k]. cosine: [runs], the mean.
    stray: [runs], the row that lies farthest from its centroid; astray: [runs], how far.
    """

    sums: Tensor
    sizes: Tensor
    cosine: Tensor
    stray: Tensor
    astray: Tensor

    def of(self, runs: Tensor) -> _Assigned:
        return _Assigned(self.sums[runs], self.sizes[runs], self.cosine[runs], self.stray[runs], self.astray[runs])


def _assigned(x: Tensor, centroids: Tensor) -> _Assigned:
    """Chunk by chunk: similarities, nearest centroid, and the sums over each cluster, collected in float64."""
    (runs, k, d), numbers = centroids.shape, torch.arange(centroids.shape[1])[:, None]
    sums, sizes = torch.zeros(runs * k, d, dtype=torch.float64), torch.zeros(runs * k, dtype=torch.float64)
    cosine, astray = torch.zeros(runs, dtype=torch.float64), torch.full((runs,), -torch.inf)
    stray = torch.zeros(runs, dtype=torch.int64)
    flat = centroids.reshape(runs * k, d)
    for first in range(0, len(x), _CHUNK):
        rows = x[first : first + _CHUNK]
        near = (flat @ rows.T).view(runs, k, -1).max(1)
        member = (near.indices[:, None] == numbers).to(x.dtype).view(runs * k, -1)
        sums += member @ rows
        sizes += member.sum(1)
        cosine += near.values.sum(1, dtype=torch.float64)
        worst = (rows.square().sum(1) - near.values).max(1)
        farther = worst.values > astray
        stray, astray = torch.where(farther, worst.indices + first, stray), torch.maximum(worst.values, astray)
    sizes = sizes.view(runs, k)
    return _Assigned(sums.view(runs, k, d), sizes, cosine / len(x), stray, astray)


def _averaged(centroids: Tensor, found: _Assigned, x: Tensor) -> Tensor:
    """The direction of each cluster's sum; an empty cluster of each run goes to the run's stray row."""
    lengths = found.sums.norm(dim=2, keepdim=True)
    # Rows that cancel out have no direction: their centroid stays where it is.
    means = torch.where(lengths > _SAME, (found.sums / lengths.clamp_min(_SAME)).to(x.dtype), centroids)
    empty = found.sizes == 0
    lost = empty.any(1) & (found.astray > _SAME)
    means[lost, empty[lost].to(torch.int64).argmax(1)] = normalize(x[found.stray[lost]], dim=1)
    return means
