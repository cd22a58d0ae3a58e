"""Relevance rank: how many of the strongest pixels lie where the truth is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import scores


@scores.register(
    "relevance_rank",
    group="truth",
    source="arXiv:2003.07258",
    better="higher",
    needs=frozenset({"masks"}),
    unit="share of the strongest pixels, as many as the mask has, that lie in it",
)
def relevance_rank(bench: Bench, maps: Tensor) -> Tensor:
    """Of as many strongest pixels as the mask has, the share that lies in it; chance is its share of the picture.

    Where equal pixels stand at the border, what drawing lots among them would give on average.
    """
    assert bench.masks is not None, "the score needs 'masks'"
    found = [_share(one.ravel(), mask.ravel()) for one, mask in zip(maps.numpy(), bench.masks, strict=True)]
    return torch.tensor(found, dtype=torch.float64)


def _share(one: np.ndarray, mask: np.ndarray) -> float:
    count = int(mask.sum())
    if not count:
        return float("nan")
    border = np.partition(one, -count)[-count]
    above, at = one > border, one == border
    left = count - above.sum()
    return float((mask[above].sum() + left * mask[at].mean()) / count)
