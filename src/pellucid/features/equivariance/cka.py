"""Centred kernel alignment of two sets of features: whether the same pictures lie close together in both.

1 says *the same information, up to a rotation*, and not *invariance*: exchanging two channels leaves it at 1. The
usual estimate is far too high where there are more channels than pictures (0.94 for independent features at 128
pictures and 2048 channels), so the products are estimated without bias (Song et al. 2012, eq. 5), as Nguyen et al.
2021 do for CKA (Kornblith et al. 2019).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.features.resampling import Interval

#: Pictures that are compared at most: all pairs of them are.
MOST = 1000

#: Fewer have no unbiased estimate.
FEWEST = 4


def debiased_cka(a: Tensor, b: Tensor) -> float:
    """The debiased linear CKA of features a [n, p] and b [n, q] of the same n ≥ 4 inputs."""
    return cka(a, b, np.ones((0, len(a)), np.float32)).value


def cka(a: Tensor, b: Tensor, weight: np.ndarray) -> Interval:
    """The same with its interval; weight: how often each input is drawn, [draws, n].

    A pair of two copies of one input is never counted, as an input is never paired with itself. NaN where one of the
    two is the same for every input.
    """
    one = torch.ones(1, len(a), dtype=torch.float64)
    w = torch.cat([one, torch.from_numpy(weight).double()])
    k, l = _products(a), _products(b)
    both, first, second = _hsic(k, l, w), _hsic(k, k, w), _hsic(l, l, w)
    # An independent pair may have a product below zero; a set's product with itself is one only by rounding.
    under = (first.clamp_min(0) * second.clamp_min(0)).sqrt()
    values = torch.where(under > 0, both / under, torch.nan).numpy()
    return Interval(float(values[0]), values[1:])


def _products(x: Tensor) -> Tensor:
    """All products of two inputs' features, float64 [n, n], zero for an input with itself."""
    x = x.double()
    x = x - x.mean(0)  # changes nothing but rounding
    k = x @ x.T
    return k.fill_diagonal_(0) / max(float(k.abs().max()), 1e-300)


def _hsic(k: Tensor, l: Tensor, w: Tensor) -> Tensor:
    """Song et al. 2012, eq. 5, with pairs counted w_i·w_j times: [draws]."""
    n = w.sum(1)
    kw, lw = w @ k, w @ l
    pairs = ((w @ (k * l)) * w).sum(1)
    apart = (kw * w).sum(1) * (lw * w).sum(1) / ((n - 1) * (n - 2))
    shared = (kw * lw * w).sum(1) * 2 / (n - 2)
    return (pairs + apart - shared) / (n * (n - 3))
