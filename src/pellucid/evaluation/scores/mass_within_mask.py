"""Mass within the mask: how much of what a map says in favour lies where the truth is."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import scores


@scores.register(
    "mass_within_mask",
    group="truth",
    source="arXiv:2003.07258",
    better="higher",
    needs=frozenset({"masks"}),
    unit="share of the positive relevance that lies in the mask",
)
def mass_within_mask(bench: Bench, maps: Tensor) -> Tensor:
    """The share of the positive relevance that lies in the mask; chance is the mask's share of the picture.

    A map that speaks for nothing has found nothing: 0.
    """
    assert bench.masks is not None, "the score needs 'masks'"
    masks = torch.from_numpy(bench.masks)
    positive = maps.double().clamp(min=0)
    total = positive.sum((1, 2))
    share = (positive * masks).sum((1, 2)) / total.clamp(min=1e-300)
    return torch.where(masks.any(2).any(1), share, torch.nan)
