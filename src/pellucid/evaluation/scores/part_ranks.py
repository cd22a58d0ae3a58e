"""Part ranks: whether the parts that a map calls important are those without which the answer falls."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from scipy.stats import kendalltau, spearmanr
from torch import Tensor

from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import scores

#: Fewer parts than this have no order worth comparing.
LEAST = 3


@scores.register(
    "part_ranks",
    group="truth",
    source="arXiv:2308.06248",
    better="higher",
    needs=frozenset({"parts"}),
    unit="rank correlation of parts' relevance and the answer's fall without them",
)
def part_ranks(bench: Bench, maps: Tensor, *, by: Literal["spearman", "kendall"] = "spearman") -> Tensor:
    """The rank correlation between a part's relevance, summed over its pixels, and the answer's fall without it.

    The answer's fall is measured by rendering the same scene without the part. Chance is 0. A picture has a value if at
    least three parts are seen and one of them matters more than the network's own noise; a flat map has 0.
    """
    assert bench.parts is not None, "the score needs 'parts'"
    parts = bench.parts
    heard = np.isfinite(parts.effects) & (np.abs(np.nan_to_num(parts.effects)) > _noise(bench)[:, None])
    relevance = np.einsum("nphw,nhw->np", parts.masks, maps.double().numpy())
    found = [
        _correlation(*pair, by) if heard[i].any() else float("nan")
        for i, pair in enumerate(zip(relevance, parts.effects, strict=True))
    ]
    return torch.tensor(found, dtype=torch.float64)


def _noise(bench: Bench) -> np.ndarray:
    assert bench.parts is not None
    return np.zeros(len(bench)) if bench.parts.noise is None else bench.parts.noise


def _correlation(relevance: np.ndarray, effects: np.ndarray, by: str) -> float:
    there = np.isfinite(effects)
    a, b = relevance[there], effects[there]
    if len(a) < LEAST or np.ptp(b) == 0:
        return float("nan")
    if np.ptp(a) == 0:
        return 0.0
    return float((spearmanr if by == "spearman" else kendalltau)(a, b).statistic)
