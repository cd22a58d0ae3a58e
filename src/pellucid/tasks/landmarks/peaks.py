"""From heatmaps to places: peaks of 3×3 pixels, refined below a pixel."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Refine = Literal["dark", "quarter", "argmax"]

#: Lower heights have no logarithm worth taking.
TINY = 1e-6

#: A peak's true place lies within its pixel, so half a pixel from the centre at most.
FURTHEST = 0.5


def is_peak(heat: Tensor) -> Tensor:
    """Which pixels of [..., height, width] are as high as their 3×3 neighbourhood: bool.

    Of equally high neighbours (a landmark on the edge of a pixel) the first in reading order is the peak.
    """
    plane = heat.reshape(-1, 1, *heat.shape[-2:])
    around = F.pad(plane, (1, 1, 1, 1), value=-torch.inf)
    height, width = heat.shape[-2:]
    before = torch.stack([around[..., y : y + height, x : x + width] for y, x in ((0, 0), (0, 1), (0, 2), (1, 0))])
    found = (plane == F.max_pool2d(plane, 3, 1, 1)) & (plane > before.amax(0))
    return found.view(heat.shape)


def peaks(
    heat: Tensor, most: int, *, least: float = 0.0, refine: Refine = "dark", among: Tensor | None = None
) -> Tensor:
    """The highest peaks of each map: [..., most, 3] as x, y, height; height 0 where there is none.

    heat: [..., height, width]. least: lower peaks are none. among: 0 where a pixel is none in any case. x, y: in pixels
    of the map, the left upper corner of the first one being 0, 0, so that the centre of pixel (row, column) is
    (column + 0.5, row + 0.5).
    """
    height, width = heat.shape[-2:]
    found = is_peak(heat) & (heat > least)
    flat = torch.where(found if among is None else found & (among > 0), heat, 0.0).flatten(-2)
    score, index = flat.topk(min(most, height * width), -1)
    row, column = index // width, index % width
    shift = _shifts(heat, row, column, refine)
    found = torch.stack([column + 0.5 + shift[..., 0], row + 0.5 + shift[..., 1], score], -1)
    found = torch.where(score[..., None] > 0, found, 0.0)
    return F.pad(found, (0, 0, 0, most - found.shape[-2]))


def _shifts(heat: Tensor, row: Tensor, column: Tensor, refine: Refine) -> Tensor:
    """How far from its pixel's centre each peak lies, [..., k, 2] as x, y."""
    if refine == "argmax":
        return torch.zeros(*row.shape, 2, dtype=heat.dtype, device=heat.device)
    if refine == "quarter":
        patch = _patches(_ringed(heat), row, column)
        return 0.25 * torch.stack(
            [(patch[..., 1, 2] - patch[..., 1, 0]).sign(), (patch[..., 2, 1] - patch[..., 0, 1]).sign()], -1
        )
    return _dark(_patches(_ringed(heat.clamp(min=TINY).log()), row, column))


def _dark(log: Tensor) -> Tensor:
    """−H⁻¹ g of the logarithm of 3×3 pixels [..., 3, 3] at their middle (Zhang et al. 2020, arXiv:1910.06278, eq. 9).

    The logarithm of a Gaussian is quadratic, and central differences of a quadratic are exact: so is the place. Where
    the middle is no maximum the shift is 0.
    """
    gx, gy = (log[..., 1, 2] - log[..., 1, 0]) / 2, (log[..., 2, 1] - log[..., 0, 1]) / 2
    middle = 2 * log[..., 1, 1]
    xx, yy = log[..., 1, 2] + log[..., 1, 0] - middle, log[..., 2, 1] + log[..., 0, 1] - middle
    xy = (log[..., 2, 2] + log[..., 0, 0] - log[..., 2, 0] - log[..., 0, 2]) / 4
    area = xx * yy - xy * xy
    sound = (area > TINY) & (xx < 0)
    safe = torch.where(sound, area, 1.0)
    shift = torch.stack([(xy * gy - yy * gx) / safe, (xy * gx - xx * gy) / safe], -1)
    return torch.where(sound[..., None], shift, 0.0).clamp(-FURTHEST, FURTHEST)


def _ringed(maps: Tensor) -> Tensor:
    """Maps with a ring of a pixel around them, continued as a quadratic: a peak at the edge has neighbours too."""
    rows = torch.cat([_beyond(maps, (0, 1, 2), -2), maps, _beyond(maps, (-1, -2, -3), -2)], -2)
    return torch.cat([_beyond(rows, (0, 1, 2), -1), rows, _beyond(rows, (-1, -2, -3), -1)], -1)


def _beyond(maps: Tensor, inward: tuple[int, int, int], axis: int) -> Tensor:
    """f(−1) = 3 f(0) − 3 f(1) + f(2), as it is of every quadratic; the last value again where the map is too small."""
    side = maps.shape[axis]
    first, second, third = (maps.select(axis, i if -side <= i < side else inward[0]) for i in inward)
    return (3 * first - 3 * second + third if side > 2 else first).unsqueeze(axis)


def _patches(ringed: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """The 3×3 pixels around places [..., k] of ringed maps [..., height + 2, width + 2]: [..., k, 3, 3]."""
    width = ringed.shape[-1]
    steps = torch.arange(3, device=ringed.device)
    index = (row[..., None, None] + steps[:, None]) * width + column[..., None, None] + steps
    return ringed.flatten(-2).gather(-1, index.flatten(-3)).view(index.shape)
