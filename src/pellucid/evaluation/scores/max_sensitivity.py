"""Max-sensitivity: how far a map changes when the picture changes by what nobody would see."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.evaluation.again import explained, on_repeated
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import Work, scores


@scores.register(
    "max_sensitivity",
    group="robustness",
    source="arXiv:1901.09392",
    better="lower",
    needs=frozenset({"explain"}),
    work=lambda n, *, draws, **_: Work(again=draws),
    unit="largest relative change of the map",
)
def max_sensitivity(bench: Bench, maps: Tensor, *, radius: float = 0.02, draws: int = 2) -> Tensor:
    """The largest ‖map(x + δ) − map(x)‖ / ‖map(x)‖ over random δ of at most ``radius`` at each number (eq. 8).

    radius: in the values that the network is fed. Each draw explains again, so only the bench's repeated pictures have
    a value; NaN for the others, and for a map of zeros.
    """
    if draws < 1:
        raise BadInput(f"{draws} draws", cure="pass at least 1")
    rows = bench.repeated
    before = maps[rows].double().flatten(1)
    changes = []
    for draw in range(draws):
        noise = torch.rand(bench.x[rows].shape, generator=bench.generator("nudge", draw))
        nudged = bench.x[rows] + radius * (2 * noise - 1).to(bench.x)
        after = explained(bench, bench.source, nudged, bench.targets[rows]).double().flatten(1)
        changes.append((after - before).norm(dim=1) / before.norm(dim=1))
    worst = torch.stack(changes).amax(0)
    return on_repeated(bench, worst.where(worst.isfinite(), torch.nan))
