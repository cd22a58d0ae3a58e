"""What scores need of a picture: for each region how many pixels were rightly and wrongly claimed, and at its rim.

A summary is float32 [N, regions, COUNTS], whole numbers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Pixels: claimed and there, claimed and not there, there and not claimed, neither; and the first three at the rim.
COUNTS = ("tp", "fp", "fn", "tn", "rim_tp", "rim_fp", "rim_fn")

#: The rim's width as a share of the picture's diagonal (arXiv:2103.16562 takes 2 %), at least one pixel.
RIM = 0.02


def summary_of(said: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """The counts of bool ``said`` against ``wanted`` where ``known``, all [N, regions, h, w] (known may have one)."""
    there, known = wanted > 0.5, known > 0.5
    width = rim_width(said.shape[-2], said.shape[-1])
    found = [*_compared(said, there, known), (~said & ~there & known)]
    found += _compared(rim(said, known, width), rim(there, known, width), known)
    return torch.stack([each.flatten(2).sum(2) for each in found], 2).float()


def _compared(said: Tensor, there: Tensor, known: Tensor) -> list[Tensor]:
    return [said & there & known, said & ~there & known, ~said & there & known]


def rim_width(height: int, width: int) -> int:
    """How many pixels deep a rim is in a picture of this size."""
    return max(1, round(RIM * math.hypot(height, width)))


def rim(mask: Tensor, known: Tensor, width: int) -> Tensor:
    """The mask's own pixels within ``width`` of its edge, bool [N, regions, h, w].

    Where the picture, or what is known of it, ends is no edge.
    """
    off = (~mask & known).float()
    side = 2 * width + 1
    grown = F.max_pool2d(off, (side, 1), 1, (width, 0))
    return mask & (F.max_pool2d(grown, (1, side), 1, (0, width)) > 0.5)


def column(summaries: np.ndarray, name: str) -> np.ndarray:
    """One count of summaries [N, regions, COUNTS], as float64 [N, regions]."""
    return summaries[..., COUNTS.index(name)].astype(np.float64)
