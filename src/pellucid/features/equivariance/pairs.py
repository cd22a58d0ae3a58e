"""What is kept of a layer's maps of pictures and of the same pictures transformed, batch by batch.

The maps themselves are not: of every picture only the distances, the pooled vectors and some cells, of all together
the sum of maps. So memory grows with pictures × channels, and not with the layer's places.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from pellucid.core.errors import BadInput
from pellucid.features.equivariance.transforms import Size, Transform

#: Cells that are kept of a layer at most, and bytes that they may take.
MOST_CELLS, MOST_BYTES = 20_000, 128 << 20

#: A layer whose variance is a smaller share of its squares is the same for every picture, up to rounding.
_STILL = 1e-10


@dataclass(frozen=True)
class Distances:
    """Squared distances on some of a layer's places, summed over them and the channels, float64 [n] each.

    apart: of φ(x) from its transformed partner. around: of φ(x) from the mean of all pictures, up to sampling.
    spread: E‖φ(x) − φ(x')‖² of two different pictures, from all places.
    """

    apart: Tensor
    around: Tensor
    spread: float


class Pairs:
    """One layer's φ(x) and φ(Tx) for n pictures, in their order.

    pooled, pooled_after: [n, C], averages over all places. parts, parts_after: [n, C·parts], averages over halves or
    quarters, of the pictures that are ``probed`` (bool [n]) alone.
    before, undone: the cells [n, m, C] of φ(x) and of T⁻¹φ(Tx) at ``places`` [n, m], drawn for each picture apart.
    """

    def __init__(self, transform: Transform, probed: Tensor, size: Size, *, bytes_free: float, seed: int) -> None:
        self.transform, self.probed, self.count, self.size = transform, probed, len(probed), size
        self._room = min(MOST_BYTES, bytes_free)
        self._generator = torch.Generator().manual_seed(seed)
        self._filled = 0

    def add(self, before: Tensor, after: Tensor) -> None:
        """The next pictures' maps φ(x) and φ(Tx), float32 [b, C, h, w]."""
        if not self._filled:
            self._begin(before, after)
        rows = slice(self._filled, self._filled + len(before))
        self._filled = rows.stop
        self.pooled[rows], self.pooled_after[rows] = before.mean((2, 3)), after.mean((2, 3))
        mine = self.probed[rows]
        for kept, maps in ((self._parts, before), (self._parts_after, after)):
            kept.append(adaptive_avg_pool2d(maps[mine], self.transform.parts).flatten(1))
        self._sum += before.sum(0, dtype=torch.float64)
        self._squares += before.double().square().sum((0, 1))
        if self.comparable:
            self._moved[rows] = _squared(after - before, self.after)
        undone = self.transform.undone(after, self.size)
        if self.movable:
            self._kept[rows] = _squared(undone - before, self.seen)
        for i, row in enumerate(range(rows.start, rows.stop)):
            places = self._draw()
            self.places[row] = places
            self.before[row], self.undone[row] = (m[i].flatten(1)[:, places].T for m in (before, undone))

    def _begin(self, before: Tensor, after: Tensor) -> None:
        channels, grid = before.shape[1], (before.shape[2], before.shape[3])
        self.grid, self.channels = grid, channels
        self.is_exact = self.transform.is_exact(grid, self.size)
        self.seen, self.after = self.transform.seen_before(grid, self.size), self.transform.seen_after(grid, self.size)
        #: Whether φ(x) and φ(Tx) have the same places; whether there are places that T⁻¹ can move at all.
        self.comparable = before.shape == after.shape and bool(self.after.any())
        self.movable = grid[0] * grid[1] > 1 and bool(self.seen.any())
        self._choices = self.seen.flatten().nonzero().squeeze(1) if self.movable else torch.arange(grid[0] * grid[1])
        n, each = self.count, int(min(MOST_CELLS, self._room / (8 * channels)) / self.count)
        each = max(1, min(each, len(self._choices)))
        self.pooled, self.pooled_after = torch.empty(n, channels), torch.empty(n, channels)
        self._parts: list[Tensor] = []
        self._parts_after: list[Tensor] = []
        self.before, self.undone = torch.empty(n, each, channels), torch.empty(n, each, channels)
        self.places = torch.empty(n, each, dtype=torch.int64)
        self._moved, self._kept = torch.empty(n, dtype=torch.float64), torch.empty(n, dtype=torch.float64)
        self._sum = torch.zeros(before.shape[1:], dtype=torch.float64)
        self._squares = torch.zeros(grid, dtype=torch.float64)

    def _draw(self) -> Tensor:
        """Places of one picture, in order; all of them where there is room."""
        order = torch.randperm(len(self._choices), generator=self._generator)
        return self._choices[order[: self.places.shape[1]].sort().values]

    @property
    def parts(self) -> Tensor:
        """Of the pictures that are probed."""
        return torch.cat(self._parts)

    @property
    def parts_after(self) -> Tensor:
        """Of the same pictures, transformed."""
        return torch.cat(self._parts_after)

    # -- distances --------------------------------------------------------------------------------

    @property
    def moved(self) -> Distances | None:
        """φ(Tx) − φ(x) at the same places; None where the transform gives another number of places."""
        return Distances(self._moved, self._around, self._spread(self.after)) if self.comparable else None

    @property
    def kept(self) -> Distances | None:
        """T⁻¹φ(Tx) − φ(x); None for a layer without places."""
        return Distances(self._kept, self._around, self._spread(self.seen)) if self.movable else None

    @property
    def averaged(self) -> Distances:
        """φ(Tx) − φ(x) after averaging over all places."""
        before, after = self.pooled.double(), self.pooled_after.double()
        around = (before - before.mean(0)).square().sum(1)
        spread = 2 * float(around.sum()) / (self.count - 1)
        return Distances((after - before).square().sum(1), around, spread)

    @property
    def _around(self) -> Tensor:
        """How far each picture's cells lie from the mean map at their places: what the interval needs to know."""
        mean = (self._sum / self.count).flatten(1).T.float()
        return torch.stack(
            [
                (cells - mean[places]).double().square().sum()
                for cells, places in zip(self.before, self.places, strict=True)
            ]
        )

    def _spread(self, where: Tensor) -> float:
        """E‖φ(x) − φ(x')‖² is twice the total variance, which sums alone give."""
        mean = self._sum / self.count
        total = float((self._squares - self.count * mean.square().sum(0)).clamp_min(0)[where].sum())
        return 2 * total / (self.count - 1) if total > _STILL * float(self._squares[where].sum()) else 0.0


def _squared(gap: Tensor, where: Tensor) -> Tensor:
    """‖gap‖² of each picture on the places ``where``: float64 [b]."""
    squares = gap.square().sum(1)
    return (squares if bool(where.all()) else squares * where).sum((1, 2), dtype=torch.float64)


def refuse_nothing_in_common(pairs: Pairs, layer: str) -> None:
    """Raise where no place of the layer's map shows the same part of both pictures."""
    if pairs.grid[0] * pairs.grid[1] > 1 and not pairs.movable:
        what = f"no place of its {pairs.grid[0]} × {pairs.grid[1]} map is left in common"
        raise BadInput(what, where=layer, cure=f"take a smaller step than {pairs.transform.text}")
