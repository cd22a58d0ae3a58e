"""Infidelity: how much of the answer's change a map leaves unexplained when squares are taken."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.curves import Blank, blank
from pellucid.evaluation.table import Work, scores


@scores.register(
    "infidelity",
    group="faithfulness",
    source="arXiv:1901.09392",
    better="lower",
    work=lambda n, *, draws, **_: Work(shared=n * draws),
    unit="share of the answer's squared change that the map does not explain",
)
def infidelity(
    bench: Bench,
    maps: Tensor,
    *,
    draws: int = 50,
    baseline: Blank = "zero",
    scale: Literal["best", "none"] = "best",
) -> Tensor:
    """The squared error of a map's sum over a random square as a guess of the answer's fall without it.

    Definition 2.1 with square removal (§2.3). draws: squares, of a side up to half the picture. baseline: what is in
    their place. scale: "best" lets the map be multiplied by whatever positive number suits it best and divides by the
    mean squared fall: 0 explains all, 1 nothing; "none" is the plain mean squared error, for maps in the answer's unit.
    """
    if draws < 1:
        raise BadInput(f"{draws} draws", cure="pass at least 1")
    key = ("infidelity", draws, baseline)
    boxes, falls = bench.once(key, lambda: _squares(bench, draws, baseline))
    said = torch.stack([_inside(one, own) for one, own in zip(maps.double(), boxes, strict=True)])
    if scale == "none":
        return (said - falls).square().mean(1)
    # A negative factor would praise a map that says the opposite.
    factor = ((said * falls).sum(1) / said.square().sum(1).clamp(min=1e-300)).clamp(min=0)
    # Where nothing falls there is nothing to explain: 0 / 0, NaN.
    return (factor[:, None] * said - falls).square().sum(1) / falls.square().sum(1)


def _squares(bench: Bench, draws: int, baseline: Blank) -> tuple[Tensor, Tensor]:
    """Top, left, bottom and right of the squares, int64 [n, draws, 4], and the falls without them, [n, draws]."""
    n, (height, width), empty = len(bench), bench.x.shape[-2:], blank(bench, baseline)
    drawn = torch.stack([torch.rand(draws, 3, generator=bench.generator("squares", i)) for i in range(n)])
    side = 1 + (drawn[..., 0] * (min(height, width) // 2)).long()
    top, left = ((drawn[..., 1 + i] * (s - side + 1)).long() for i, s in enumerate((height, width)))
    boxes = torch.stack([top, left, top + side, left + side], -1)
    flat, rows = boxes.view(-1, 4), torch.arange(n).repeat_interleave(draws)

    def changed(places: Tensor, which: Tensor) -> Tensor:
        x = bench.x[which]
        for i, (row, (y0, x0, y1, x1)) in enumerate(zip(which.tolist(), flat[places].tolist(), strict=True)):
            x[i, :, y0:y1, x0:x1] = empty[row, :, y0:y1, x0:x1]
        return x

    return boxes, (bench.clean[rows] - bench.asked(rows, changed)).view(n, draws)


def _inside(one: Tensor, boxes: Tensor) -> Tensor:
    """The sums of a map [H, W] over boxes [draws, 4]."""
    return torch.stack([one[y0:y1, x0:x1].sum() for y0, x0, y1, x1 in boxes.tolist()])
