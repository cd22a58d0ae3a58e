"""What a unit does: the answer while the unit goes through the values that it takes on the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.features.coding.ablation import Batch, Probe

#: Where in the unit's own distribution the steps lie.
QUANTILES = (0.01, 0.17, 0.34, 0.5, 0.66, 0.83, 0.99)

#: Classes (or outputs) that are followed along a sweep.
FOLLOWED = 3


@dataclass(frozen=True)
class Sweep:
    """units: which. values: float32 [units, steps], where they go. answers: [units, steps, …].

    x: the sample that entered [1, C, H, W]. untouched: its own answer [1, …].
    """

    units: np.ndarray
    values: np.ndarray
    answers: Tensor
    untouched: Tensor
    x: Tensor


def sweep(probe: Probe, units: Sequence[int], codes: np.ndarray) -> Sweep:
    """The answers to the probe's first sample with each unit at the quantiles of its values, the others as they are.

    codes: [n, units], of a layer with places the mean over them; there all places are shifted alike.
    """
    batch = next(iter(probe.batches("traversals", most=1)))
    values = np.quantile(codes[:, list(units)], QUANTILES, axis=0).T.astype(np.float32)
    own = probe.layout.cells(batch.code).mean(1)[0]
    answers = [
        _answers(probe, batch, j, torch.from_numpy(v) - own[j].cpu()) for j, v in zip(units, values, strict=True)
    ]
    return Sweep(np.asarray(units), values, torch.stack(answers), batch.answer.cpu(), batch.x.cpu())


def _answers(probe: Probe, batch: Batch, unit: int, shifts: Tensor) -> Tensor:
    """The answers when one unit is shifted at all places."""
    mask = torch.zeros(batch.code.shape[probe.layout.axis])
    mask[unit] = 1
    along = probe.layout.along(mask, batch.code)
    codes = [batch.code + along * float(shift) for shift in shifts]
    if batch.most > 1:
        return batch.run(torch.cat(codes)).cpu()
    return torch.cat([batch.run(code) for code in codes]).cpu()


def most_moved(answers: np.ndarray) -> np.ndarray:
    """The outputs that change most along each sweep [units, followed], of answers [units, steps, outputs]."""
    span = np.ptp(answers, axis=1)
    return np.argsort(-span, axis=1, kind="stable")[:, : min(FOLLOWED, span.shape[1])]
