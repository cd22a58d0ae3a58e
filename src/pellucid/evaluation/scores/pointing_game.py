"""Pointing game: whether a map's strongest pixel lies where the truth is."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import scores


@scores.register(
    "pointing_game",
    group="truth",
    source="arXiv:1608.00507",
    better="higher",
    needs=frozenset({"masks"}),
    unit="share of pictures whose strongest pixel lies in the mask",
)
def pointing_game(bench: Bench, maps: Tensor, *, tolerance: int = 0) -> Tensor:
    """Whether the strongest pixel lies in the mask: 1 or 0 a picture; chance is the mask's share of the picture.

    tolerance: pixels by which it may miss. Of several pixels that are equally strong, the share that hits counts.
    """
    if tolerance < 0:
        raise BadInput(f"a tolerance of {tolerance} pixels", cure="pass 0 or more")
    assert bench.masks is not None, "the score needs 'masks'"
    found = [_hit(one, mask, tolerance) for one, mask in zip(maps.numpy(), bench.masks, strict=True)]
    return torch.tensor(found, dtype=torch.float64)


def _hit(one: np.ndarray, mask: np.ndarray, tolerance: int) -> float:
    if not mask.any():
        return float("nan")
    wide = maximum_filter(mask, 2 * tolerance + 1) if tolerance else mask
    return float(wide[one == one.max()].mean())
