"""Exchanged pictures: how much of a map stays when the network is shown something else."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.evaluation.again import centred_ranks
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import scores


@scores.register(
    "exchanged_pictures",
    group="randomisation",
    source="docs/evaluate-explanations.md",
    better="lower",
    unit="how alike the maps of different pictures are; a method that keeps more than that when the weights are"
    " shuffled draws the picture",
)
def exchanged_pictures(bench: Bench, maps: Tensor) -> Tensor:
    """The rank correlation of a picture's map with the maps of the others, each explained for its own output: the mean.

    It is what shuffled weights and labels are read beside: a map that changes less with all that the network has learnt
    than with the picture is drawn by the picture; one that is 1 here is the same whatever is shown. Where what decides
    always lies in the same place, it is high for good reason. Pictures of one group are not held against each other.
    """
    each = centred_ranks(maps)
    size = np.linalg.norm(each, axis=1)
    flat = size == 0
    unit = each / np.where(flat, 1.0, size)[:, None]
    alike = unit @ unit.T
    alike[np.ix_(flat, flat)] = 1.0  # two maps that say nothing say the same
    groups = np.arange(len(maps)) if bench.groups is None else bench.groups
    other = groups[:, None] != groups
    count = other.sum(1)
    mean = np.where(other, alike, 0.0).sum(1) / np.maximum(count, 1)
    return torch.from_numpy(np.where(count > 0, mean, np.nan))
