"""Which places answer for which true boxes: the cell in which the middle lies, and there whoever fits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.models.grid import BOXES, STRIDES, grids
from pellucid.tasks.detecting.truth import asked

#: An anchor answers for a box whose size it overlaps by so much, and in any case the best of all does.
FITS = 0.4

#: Without anchors the level answers whose cell goes about so many times into the box's side, and its two neighbours do
#: not.
CELLS = 4.0


@dataclass(frozen=True, eq=False)
class Assigned:
    """For each pair of a place and the true box it answers for: item, place, and the box's row in the targets."""

    item: Tensor
    place: Tensor
    row: Tensor


def by_anchors(targets: Tensor, anchors: Tensor) -> Assigned:
    """targets: [N, 1 + most, 5]. anchors: [levels, BOXES, 2] as shares of the picture; of their sizes alone."""
    boxes, item, row, size = _true(targets)
    sides = (boxes[:, 2:4] - boxes[:, :2]) / boxes.new_tensor([size[1], size[0]])
    flat = anchors.reshape(-1, 2).to(sides)
    shared = torch.minimum(sides[:, None], flat[None]).prod(2)
    overlap = shared / (sides.prod(1)[:, None] + flat.prod(1)[None] - shared)
    best = overlap == overlap.amax(1, keepdim=True)
    which, anchor = ((overlap >= FITS) | best).nonzero(as_tuple=True)
    level, number = anchor // BOXES, anchor % BOXES
    return Assigned(item[which], _places(boxes[which], level, size) + number, row[which])


def by_size(targets: Tensor, output: Tensor) -> Assigned:
    """Without anchors: the level by the box's size, and of the cell's boxes the one that overlaps most now (YOLOv1)."""
    boxes, item, row, size = _true(targets)
    side = (boxes[:, 2:4] - boxes[:, :2]).prod(1).clamp(min=1).sqrt()
    strides = side.new_tensor(STRIDES)
    level = (side[:, None] / (CELLS * strides[None])).log().abs().argmin(1)
    first = _places(boxes, level, size)
    places = first[:, None] + torch.arange(BOXES, device=first.device)
    own = output.detach()[item[:, None], places, :4]
    overlap = _paired_iou(own, boxes[:, None, :4].expand_as(own))
    return Assigned(item, first + overlap.argmax(1), row)


def _true(targets: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[int, int]]:
    """The boxes that are asked for [k, 5], their items and rows, and (height, width) of what entered the network."""
    item, row = asked(targets).nonzero(as_tuple=True)
    known = targets[~targets[:, 0, 0].isnan()]
    width, height = (int(v) for v in known[0, 0, :2]) if len(known) else (STRIDES[-1], STRIDES[-1])
    return targets[item, row + 1], item, row + 1, (height, width)


def _places(boxes: Tensor, level: Tensor, size: tuple[int, int]) -> Tensor:
    """The first place of the cell in which each box's middle lies, on its level."""
    shapes = grids(size)
    counts = [rows * columns * BOXES for rows, columns in shapes]
    first = torch.tensor([sum(counts[:k]) for k in range(len(counts))], device=boxes.device)
    rows, columns = (torch.tensor(side, device=boxes.device) for side in zip(*shapes, strict=True))
    stride = torch.tensor(STRIDES, device=boxes.device)[level]
    middle = (boxes[:, :2] + boxes[:, 2:4]) / 2
    x = torch.minimum((middle[:, 0] / stride).long().clamp(min=0), columns[level] - 1)
    y = torch.minimum((middle[:, 1] / stride).long().clamp(min=0), rows[level] - 1)
    return first[level] + (y * columns[level] + x) * BOXES


def _paired_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Each box with the other in its place: [..., 4] and [..., 4] → [...]."""
    low, high = torch.maximum(boxes[..., :2], others[..., :2]), torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) for b in (boxes, others)]
    return shared / (areas[0] + areas[1] - shared).clamp(min=1e-9)
