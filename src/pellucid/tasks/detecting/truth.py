"""Boxes as targets.

A target is float32 [1 + most, 5]. Its first row is (width, height, 0, 0, JUDGED) of what enters the network, then a row
a box: x0, y0, x1, y1 in pixels and the number of its class. Rows without one are NaN; where nobody knows what a picture
shows, all are. A picture that was looked at and shows nothing has its first row. A box that is not asked for (a crowd,
or one that is left out) has class OPEN or less: it is neither taught, nor is what answers there taken for wrong.
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

#: The class of a box that nobody asks for: OPEN where its kind is nowhere learnt, OPEN − 1 − k where it is class k.
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
        numbers = np.array([kinds.index(kind) if kind in kinds else np.nan for kind in given.kinds], np.float64)
        wanted = data.asked_boxes(i)
        unknown = sorted({given.kinds[k] for k in np.flatnonzero(wanted & np.isnan(numbers))})
        if unknown:
            cure = f"known are {', '.join(map(repr, kinds))}"
            raise BadInput(f"{unknown[0]!r} is no known kind of box", where=data.row(i), cure=cure)
        corners = np.asarray(given.corners, np.float64).reshape(-1, 4)
        scale = np.array([width / (frame.right - frame.left), height / (frame.bottom - frame.top)] * 2)
        corners = (corners - np.array([frame.left, frame.top] * 2)) * scale
        numbers = np.where(wanted, numbers, np.nan_to_num(OPEN - 1 - numbers, nan=OPEN))
        rows = torch.from_numpy(np.concatenate([corners, numbers[:, None]], 1)).float()
        inside, kept = cut(rows[None], (height, width))
        rows = torch.cat([inside[0], rows[:, 4:]], 1)[kept[0]]
        if len(rows) > most:  # of a picture that was not there in training
            found = torch.cat([found, found.new_full((len(rows) - most, 5), torch.nan)])
        found[1 : 1 + len(rows)] = rows
        return found

    return target


def cut(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Boxes [N, k, 5] cut at the edges of the picture [N, k, 4], and which of them are still there: bool [N, k].

    Of what is not asked for every rest stays: beside it begins what is taken for background.
    """
    height, width = size
    edge = boxes.new_tensor([width, height, width, height])
    inside = torch.minimum(boxes[..., :4].clamp(min=0), edge)
    sides, before = inside[..., 2:] - inside[..., :2], boxes[..., 2:4] - boxes[..., :2]
    enough = (sides.prod(-1) >= LEFT * before.prod(-1)) | (boxes[..., 4] <= OPEN)
    return inside, (sides >= SMALLEST).all(-1) & enough


def moved(targets: Tensor, moves: Moves) -> Tensor:
    """Targets [N, 1 + most, 5] after their pictures were moved; a box that mostly left the picture is none."""
    found = targets.clone()
    around = torch.cat([moves.boxes(targets[:, 1:, :4]), targets[:, 1:, 4:]], 2)
    boxes, kept = cut(around, moves.size)
    found[:, 1:, :4] = boxes
    found[:, 1:][~kept] = torch.nan
    return found


def judged(targets: Tensor) -> Tensor:
    """Which pictures anybody looked at: bool [N]."""
    return ~targets[:, 0, 0].isnan()


def asked(targets: Tensor) -> Tensor:
    """Which rows are boxes that are asked for: bool [N, most]."""
    return targets[:, 1:, 4] >= 0


def unasked(targets: Tensor) -> Tensor:
    """Which rows are boxes that nobody asks for: bool [N, most]."""
    return targets[:, 1:, 4] <= OPEN
