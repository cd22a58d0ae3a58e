"""Masks as targets: at the size that enters the network, and moved along with its pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.types import Frame
from pellucid.data.augment import Moves
from pellucid.data.dataset import Dataset
from pellucid.data.regions import region_map
from pellucid.models.inputs import InputSpec
from pellucid.tasks.task import MISSING, Vocabulary


def laid_out(mask: np.ndarray, frame: Frame, size: tuple[int, int]) -> np.ndarray:
    """A mask [..., height, width] as the network sees it: at each of its pixels' centres the mask's own pixel there."""
    places = []
    for first, last, count, most in (
        (frame.top, frame.bottom, size[0], mask.shape[-2]),
        (frame.left, frame.right, size[1], mask.shape[-1]),
    ):
        centres = first + (np.arange(count) + 0.5) * (last - first) / count
        places.append(np.clip(np.floor(centres), 0, most - 1).astype(np.int64))
    return mask[..., places[0][:, None], places[1]]


def target_of(
    vocabulary: Vocabulary, regions: Sequence[str], *, apart: bool
) -> Callable[[Dataset, int, Frame, InputSpec], Tensor]:
    """The targets of a task: class numbers [h, w]; apart: 1, 0 or MISSING for each of ``regions``, [regions, h, w]."""
    names, numbers = vocabulary.values["mask"], vocabulary.numbers
    asked_for = [names.index(region) for region in regions]

    def target(data: Dataset, i: int, frame: Frame, spec: InputSpec) -> Tensor:
        drawn = region_map(data, i, names, numbers, apart=apart)
        seen = laid_out(drawn[asked_for] if apart else drawn, frame, spec.size)
        return torch.from_numpy(seen)

    return target


def moved(targets: Tensor, moves: Moves) -> Tensor:
    """Targets [N, h, w] or [N, regions, h, w] after their pictures were moved; MISSING where no picture was."""
    if targets.ndim == 3:
        return moves.masks(targets, MISSING)
    each = targets.shape[1]
    own = dataclasses.replace(moves, matrix=moves.matrix.repeat_interleave(each, 0))
    return own.masks(targets.flatten(0, 1), MISSING).unflatten(0, (-1, each))


def asked(target: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """What each channel should say, and where that is known: float [N, channels, h, w], [N, 1 or channels, h, w].

    target: class numbers [N, h, w], or [N, channels, h, w].
    """
    if target.ndim == 4:
        known = target != MISSING
        return torch.where(known, target, 0).float(), known.float()
    known = target != MISSING
    wanted = F.one_hot(target.long().clamp(min=0), channels).movedim(-1, 1).float()
    return wanted * known[:, None], known[:, None].float()


def decided(output: Tensor, *, apart: bool) -> Tensor:
    """What the outputs [N, channels, h, w] say: one class a pixel, or each region apart; bool of the same shape."""
    if apart:
        return output > 0
    return F.one_hot(output.argmax(1), output.shape[1]).movedim(-1, 1).bool()
