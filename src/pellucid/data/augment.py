"""Variants of pictures that mean the same, drawn anew each time: for batches, from one seeded generator.

Which ones mean the same, only the user can know: mirrored coins and digits do not. What moves a picture moves masks,
points and boxes along, so geometry is one affine matrix an item, and everything follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

#: How far a picture is moved, as a share of its side; how much larger or smaller it becomes; how far it is turned.
SHIFT, ZOOM, TURN = 0.1, 0.15, 0.2

#: By how much contrast and brightness change, as shares of the picture's deviation; the side of what is erased.
CONTRAST, ERASED = 0.25, 0.3


@dataclass(frozen=True)
class Moves:
    """Where places went: matrix [N, 2, 3] takes a place (x, y, 1), in pixels from the middle, to its new one.

    size: (height, width) of the pictures.
    """

    matrix: Tensor
    size: tuple[int, int]

    def points(self, points: Tensor) -> Tensor:
        """Points [N, k, 2] as x, y in pixels, the first pixel's left upper corner being 0, 0, after the move."""
        middle = points.new_tensor([self.size[1] / 2, self.size[0] / 2])
        matrix = self.matrix.to(points)
        return (points - middle) @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2] + middle

    def boxes(self, boxes: Tensor) -> Tensor:
        """Boxes [N, k, 4] as x0, y0, x1, y1: the upright boxes around the moved corners."""
        corners = boxes[..., [0, 1, 2, 1, 0, 3, 2, 3]].unflatten(2, (4, 2))
        moved = self.points(corners.flatten(1, 2)).unflatten(1, corners.shape[1:3])
        return torch.cat([moved.amin(2), moved.amax(2)], 2)

    def pictures(self, x: Tensor) -> Tensor:
        """Pictures [N, C, H, W] after the move; edges are repeated."""
        return F.grid_sample(x, self._grid(x), padding_mode="border", align_corners=False)

    def masks(self, masks: Tensor, outside: int) -> Tensor:
        """Label masks [N, H, W] after the move, by the nearest pixel; ``outside`` where the picture had none."""
        shifted = (masks - outside)[:, None].float()  # zero is what grid_sample puts outside
        moved = F.grid_sample(shifted, self._grid(shifted), mode="nearest", align_corners=False)
        return moved[:, 0].round().to(masks.dtype) + outside

    def _grid(self, x: Tensor) -> Tensor:
        """Where each new pixel comes from, in the units of grid_sample."""
        full = torch.cat([self.matrix, self.matrix.new_tensor([[[0.0, 0.0, 1.0]]]).expand(len(self.matrix), 1, 3)], 1)
        scale = torch.diag(torch.tensor([self.size[1] / 2, self.size[0] / 2, 1.0], dtype=full.dtype))
        back = torch.linalg.inv(scale) @ torch.linalg.inv(full) @ scale
        return F.affine_grid(back[:, :2].to(x), [len(x), 1, *self.size], align_corners=False)


#: ``(count, (height, width), generator) → matrix [N, 2, 3]``.
Geometry = Callable[[int, tuple[int, int], torch.Generator], Tensor]

#: ``(x [N, C, H, W], generator) → x``; x as the network is fed it.
Photometry = Callable[[Tensor, torch.Generator], Tensor]


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.empty(count).uniform_(low, high, generator=generator)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b, dx], 1), torch.stack([c, d, dy], 1)], 1)


def flip(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Half of them mirrored."""
    side = torch.where(_uniform(count, 0, 1, generator) < 0.5, -1.0, 1.0)
    none, one = torch.zeros(count), torch.ones(count)
    return _matrix(side, none, none, one, none, none)


def shift(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Each moved by up to a tenth of its side, by whole pixels."""
    down, right = (max(1, round(SHIFT * side)) for side in size)
    draw = lambda most: torch.randint(-most, most + 1, (count,), generator=generator).float()  # noqa: E731
    none, one = torch.zeros(count), torch.ones(count)
    return _matrix(one, none, none, one, draw(right), draw(down))


def zoom(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Each larger or smaller by up to 15 %."""
    scale, none = _uniform(count, 1 - ZOOM, 1 + ZOOM, generator), torch.zeros(count)
    return _matrix(scale, none, none, scale, none, none)


def rotate(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Each turned by up to 0.2 radians (11°)."""
    angle, none = _uniform(count, -TURN, TURN, generator), torch.zeros(count)
    return _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos(), none, none)


def light(x: Tensor, generator: torch.Generator) -> Tensor:
    """Contrast and brightness changed by up to a quarter of the picture's own deviation."""
    mean, deviation = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True)
    factor = _uniform(len(x), 1 - CONTRAST, 1 + CONTRAST, generator).to(x)[:, None, None, None]
    offset = _uniform(len(x), -CONTRAST, CONTRAST, generator).to(x)[:, None, None, None]
    return (x - mean) * factor + mean + offset * deviation


def erase(x: Tensor, generator: torch.Generator) -> Tensor:
    """A box of up to a third of each side replaced by the picture's mean (random erasing, arXiv:1708.04896)."""
    rows = _stretch(len(x), x.shape[2], generator).to(x.device)
    columns = _stretch(len(x), x.shape[3], generator).to(x.device)
    inside = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(inside, x.mean((1, 2, 3), keepdim=True), x)


def _stretch(count: int, side: int, generator: torch.Generator) -> Tensor:
    """A part of a side, drawn for each item: bool [N, side]."""
    length = (_uniform(count, 0.1, ERASED, generator) * side).round()
    start = (_uniform(count, 0, 1, generator) * (side - length)).round()
    places = torch.arange(side)[None]
    return (places >= start[:, None]) & (places < (start + length)[:, None])


#: By name, as a plan lists them: what moves a picture, and what changes its light.
GEOMETRY: dict[str, Geometry] = {"flip": flip, "shift": shift, "zoom": zoom, "rotate": rotate}
PHOTOMETRY: dict[str, Photometry] = {"light": light, "erase": erase}
AUGMENTATIONS = (*GEOMETRY, *PHOTOMETRY)


def augmented(x: Tensor, names: Sequence[str], generator: torch.Generator) -> tuple[Tensor, Moves | None]:
    """The batch [N, C, H, W] after all the named ones, and how its places were moved (None: they were not).

    Movements come first and are one, so a picture is resampled once; then the light, in the order named.
    """
    size = (x.shape[-2], x.shape[-1])
    matrices = [GEOMETRY[name](len(x), size, generator) for name in names if name in GEOMETRY]
    moves = Moves(_composed(matrices), size) if matrices else None
    x = x if moves is None else moves.pictures(x)
    for name in names:
        if name in PHOTOMETRY:
            x = PHOTOMETRY[name](x, generator)
    return x, moves


def _composed(matrices: Sequence[Tensor]) -> Tensor:
    """One after the other: [N, 2, 3]."""
    whole = matrices[0]
    for after in matrices[1:]:
        moved = after[:, :, :2] @ whole
        whole = torch.cat([moved[:, :, :2], moved[:, :, 2:] + after[:, :, 2:]], 2)
    return whole
