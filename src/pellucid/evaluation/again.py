"""Explaining again: other pictures, or another network, by the method that is judged."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import rankdata
from skimage.metrics import structural_similarity
from torch import Tensor

from pellucid.evaluation.bench import Bench
from pellucid.models.network import Network

#: Pictures that a method is given at once.
TOGETHER = 8


def on_repeated(bench: Bench, found: Tensor) -> Tensor:
    """What was found for the repeated pictures, as one number a picture: NaN for the others."""
    values = torch.full((len(bench),), torch.nan, dtype=torch.float64)
    values[bench.repeated] = found.double()
    return values


def explained(bench: Bench, network: Network, x: Tensor, targets: Tensor) -> Tensor:
    """The method's maps of ``x`` [m, C, H, W] on ``network``: float32 [m, H, W]."""
    assert bench.explain is not None, "the score needs 'explain'"
    parts = zip(x.split(TOGETHER), targets.split(TOGETHER), strict=True)
    return torch.cat([bench.explain(network, *part) for part in parts])


def rank_correlations(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's correlation between maps a and b [m, H, W], picture by picture: [m]; 1 where both are flat, 0 where
    one is.
    """
    centred = [centred_ranks(each) for each in (a, b)]
    size = np.linalg.norm(centred[0], axis=1) * np.linalg.norm(centred[1], axis=1)
    found = np.divide((centred[0] * centred[1]).sum(1), size, out=np.zeros(len(size)), where=size > 0)
    flat = [~r.any(1) for r in centred]
    return torch.from_numpy(np.where(flat[0] & flat[1], 1.0, found))


def centred_ranks(maps: Tensor) -> np.ndarray:
    """Each map's ranks around 0: float64 [m, H · W]."""
    ranks = np.stack([rankdata(one) for one in maps.flatten(1).numpy()])
    return ranks - ranks.mean(1, keepdims=True)


def unsigned_correlations(a: Tensor, b: Tensor) -> Tensor:
    """The same of absolute values: maps whose signs turn over look the same at a glance."""
    return rank_correlations(a.abs(), b.abs())


def structural_similarities(a: Tensor, b: Tensor) -> Tensor:
    """SSIM (Wang et al. 2004) between |a| and |b| [m, H, W], each scaled to a largest value of 1: [m]."""
    scaled = [each.abs().double() / each.abs().flatten(1).amax(1).clamp(min=1e-300)[:, None, None] for each in (a, b)]
    side = min(7, (min(a.shape[1:]) - 1) // 2 * 2 + 1)
    pairs = zip(scaled[0].numpy(), scaled[1].numpy(), strict=True)
    return torch.tensor([structural_similarity(*pair, win_size=side, data_range=1.0) for pair in pairs]).double()
