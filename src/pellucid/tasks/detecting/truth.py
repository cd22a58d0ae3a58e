"""Boxes as targets.

A target is float32 [1 + most, 5]. Its first row is (width, height, 0, 0, JUDGED) of what enters the network, then a row
a box: x0, y0, x1, y1 in pixels and the number of its class. Rows without one are NaN; where nobody knows what a picture
shows, all are. A picture that was looked at and shows nothing has its first row. A box of class OPEN is not asked for:
it is neither taught, nor is what answers there taken for wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame
from pellucid.data.augment import Moves
from pellucid.data.dataset import Dataset
from pellucid.models.inputs import InputSpec

#: What stands in the first row of a target, where a box has its class.
JUDGED = -1.0

#: The class of a box that nobody asks for.
OPEN = -1.0

#: Of a box that the edge cut, so much of its area must be left, or it is none; and a side of so many pixels.
LEFT, SMALLEST = 0.25, 1.0


def target_of(kinds: tuple[str, ...], most: int) -> Callable[[Dataset, int, Frame, InputSpec], Tensor]:
    """The targets of a task: item i's boxes in pixels of what enters the network, cut at its edges."""

    def target(data: Dataset, i: int, frame: Frame, spec: InputSpec) -> Tensor:
        found = torch.full((1 + most, 5), torch.nan)
        given = None if data.boxes is None else data.boxes[i]
        if given is None:
            return found
        height, width = spec.size
        found[0] = torch.tensor([width, height, 0, 0, JUDGED])
        unknown = sorted(set(given.kinds) - set(kinds))
        if unknown:
            cure = f"known are {', '.join(map(repr, kinds))}"
            raise BadInput(f"{unknown[0]!r} is no known kind of box", where=data.row(i), cure=cure)
        corners = np.asarray(given.corners, np.float64).reshape(-1, 4)
        scale = np.array([width / (frame.right - frame.left), height / (frame.bottom - frame.top)] * 2)
        corners = (corners - np.array([frame.left, frame.top] * 2)) * scale
        numbers = np.array([kinds.index(kind) for kind in given.kinds], np.float64)
        numbers[~data.asked(i, len(numbers))] = OPEN
        rows = torch.from_numpy(np.concatenate([corners, numbers[:, None]], 1)).float()
        inside, kept = cut(rows[None, :, :4], (height, width))
        rows = torch.cat([inside[0], rows[:, 4:]], 1)[kept[0]]
        if len(rows) > most:  # of a picture that was not there in training
            found = torch.cat([found, found.new_full((len(rows) - most, 5), torch.nan)])
        found[1 : 1 + len(rows)] = rows
        return found

    return target


def cut(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Boxes [N, k, 4] cut at the edges of the picture, and which of them are still there: bool [N, k]."""
    height, width = size
    edge = boxes.new_tensor([width, height, width, height])
    inside = torch.minimum(boxes.clamp(min=0), edge)
    sides, before = inside[..., 2:] - inside[..., :2], boxes[..., 2:] - boxes[..., :2]
    kept = (sides >= SMALLEST).all(-1) & (sides.prod(-1) >= LEFT * before.prod(-1))
    return inside, kept


def moved(targets: Tensor, moves: Moves) -> Tensor:
    """Targets [N, 1 + most, 5] after their pictures were moved; a box that mostly left the picture is none."""
    found = targets.clone()
    boxes, kept = cut(moves.boxes(targets[:, 1:, :4]), moves.size)
    found[:, 1:, :4] = boxes
    found[:, 1:][~kept] = torch.nan
    return found


def judged(targets: Tensor) -> Tensor:
    """Which pictures anybody looked at: bool [N]."""
    return ~targets[:, 0, 0].isnan()


def asked(targets: Tensor) -> Tensor:
    """Which rows are boxes that are asked for: bool [N, most]."""
    return targets[:, 1:, 4] >= 0
