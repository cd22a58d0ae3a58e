"""Sensitivity-n: whether what a map says of n cells together is what their removal does."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.cells import cells_of, sums
from pellucid.evaluation.curves import Blank, blank
from pellucid.evaluation.table import Work, scores

#: The shares of the cells that are taken together.
SHARES = (0.05, 0.15, 0.35, 0.65)


@scores.register(
    "sensitivity_n",
    group="faithfulness",
    source="arXiv:1711.06104",
    better="higher",
    work=lambda n, *, draws, **_: Work(shared=n * draws * len(SHARES)),
    unit="correlation between what the map says of cells and what taking them does",
)
def sensitivity_n(bench: Bench, maps: Tensor, *, cells: int = 14, draws: int = 25, baseline: Blank = "zero") -> Tensor:
    """The correlation between the map's sum over randomly drawn cells and the answer's fall without them.

    Averaged over draws of 5, 15, 35 and 65 % of cells × cells squares of the picture (§3.3, of squares in place of
    pixels). draws: of each. baseline: what is in their place. A map that says the same of every draw scores 0.
    """
    if draws < 2:
        raise BadInput(f"{draws} draws have no correlation", cure="pass at least 2")
    where = cells_of(bench.x.shape[-2:], cells)
    key = ("sensitivity_n", cells, draws, baseline)
    taken, falls = bench.once(key, lambda: _taken(bench, where, draws, baseline))
    said = torch.einsum("nsdc,nc->nsd", taken.double(), sums(maps, where))
    found = _correlation(said, falls)
    return found.nanmean(1)


def _taken(bench: Bench, where: Tensor, draws: int, baseline: Blank) -> tuple[Tensor, Tensor]:
    """Which cells are taken, bool [n, shares, draws, cells], and how far the answer falls, [n, shares, draws]."""
    n, count, empty = len(bench), int(where.max()) + 1, blank(bench, baseline)
    drawn = [torch.rand(len(SHARES), draws, count, generator=bench.generator("cells", i)) for i in range(n)]
    order = torch.stack(drawn).argsort(-1).argsort(-1)
    sizes = torch.tensor([min(count - 1, max(1, round(s * count))) for s in SHARES])
    taken = order < sizes[:, None, None]
    flat, rows = taken.view(-1, count), torch.arange(n).repeat_interleave(len(SHARES) * draws)

    def changed(places: Tensor, which: Tensor) -> Tensor:
        gone = flat[places][:, where].to(bench.x.device)
        return torch.where(gone[:, None], empty[which], bench.x[which])

    falls = bench.clean[rows] - bench.asked(rows, changed)
    return taken, falls.view(n, len(SHARES), draws)


def _correlation(said: Tensor, falls: Tensor) -> Tensor:
    """Pearson's, over the last axis; 0 where nothing is said, NaN where nothing falls."""
    a, b = (each - each.mean(-1, keepdim=True) for each in (said, falls))
    size = a.norm(dim=-1) * b.norm(dim=-1)
    found = torch.where(_flat(said, a), 0.0, (a * b).sum(-1) / size.clamp(min=1e-300))
    return torch.where(_flat(falls, b), torch.nan, found)


def _flat(values: Tensor, centred: Tensor) -> Tensor:
    """Whether values differ by rounding alone."""
    return centred.abs().amax(-1) <= 1e-9 * values.abs().amax(-1)
