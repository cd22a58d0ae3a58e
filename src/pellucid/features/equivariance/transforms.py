"""Transforms of pictures that can be undone on feature maps: mirrored, turned, shifted, scaled, brighter.

A transform moves what is at p in the picture to M·p + t, measured from the picture's centre. Undone on a map of any
resolution it is the same movement backwards, for a map's cells tile the picture evenly. Mirroring, quarter turns and
shifts by whole cells are exact; all else is interpolated (bilinear), which by itself changes a map a little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

from pellucid.core.errors import BadInput, near
from pellucid.models.inputs import InputSpec

Size = tuple[int, int]

#: How each transform is written, by its name.
FORMS = {
    "hflip": "hflip",
    "vflip": "vflip",
    "rotate": "rotate:90 (degrees, counter-clockwise)",
    "shift": "shift:DX,DY (pixels to the right and down)",
    "scale": "scale:1.25 (a factor)",
    "brightness": "brightness:1.3 (a factor)",
}

#: How many numbers stand behind the colon.
_NUMBERS = {"hflip": 0, "vflip": 0, "rotate": 1, "shift": 2, "scale": 1, "brightness": 1}

_EDGE = 1e-4  # of half a picture: rounding of a cell's centre


@dataclass(frozen=True)
class Transform:
    """One transform. text: as it was written. numbers: what stood behind the colon."""

    kind: str
    numbers: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.kind}:{','.join(f'{n:g}' for n in self.numbers)}" if self.numbers else self.kind

    @property
    def words(self) -> str:
        """What it does to a picture, as an adjective."""
        n = self.numbers
        if self.kind == "shift":
            return f"shifted by ({n[0]:g}, {n[1]:g}) pixels"
        told = {"hflip": "mirrored left to right", "vflip": "mirrored top to bottom"}
        told |= {"rotate": f"turned by {n[0]:g}°"} if self.kind == "rotate" else {}
        told |= {"scale": f"scaled by {n[0]:g}"} if self.kind == "scale" else {}
        told |= {"brightness": f"made {n[0]:g} × as bright"} if self.kind == "brightness" else {}
        return told[self.kind]

    @property
    def quarters(self) -> int | None:
        """How many quarter turns it is, counter-clockwise; None for anything that is not such a turn."""
        turns = self.numbers[0] / 90 if self.kind == "rotate" else 0.5
        return int(turns) % 4 if turns == int(turns) else None

    @property
    def moves(self) -> bool:
        """Whether places move at all."""
        return self.kind != "brightness"

    @property
    def turns_sides(self) -> bool:
        """Whether width and height change places."""
        return self.quarters in (1, 3)

    @property
    def fills(self) -> bool:
        """Whether parts of the result are no part of the picture, or parts of the picture are lost."""
        return self.kind in ("shift", "scale") or (self.kind == "rotate" and self.quarters is None)

    @property
    def mirrors(self) -> tuple[int, ...]:
        """The sides (−1 the width, −2 the height) along which strides must be aligned for it to be exact."""
        return {"hflip": (-1,), "vflip": (-2,)}.get(self.kind, (-2, -1) if self.quarters else ())

    @property
    def parts(self) -> tuple[int, int]:
        """The (rows, columns) that a probe pools apart, so that it can tell where something is."""
        return {"hflip": (1, 2), "vflip": (2, 1)}.get(self.kind, (2, 2))

    @property
    def parts_in_words(self) -> str:
        """What these parts are called."""
        return {"hflip": "left and right half", "vflip": "top and bottom half"}.get(self.kind, "four quarters")

    # -- on pictures ------------------------------------------------------------------------------

    def on_pictures(self, x: Tensor, spec: InputSpec) -> Tensor:
        """Inputs [n, C, H, W] as the network is fed them, transformed; where nothing is, the edge goes on."""
        if self.kind == "brightness":
            return _brighter(x, self.numbers[0], spec)
        if self.kind == "shift":
            return _shifted(x, -round(self.numbers[0]), -round(self.numbers[1]))
        if self._flips:
            return x.flip(self._flips).contiguous()
        if self.quarters is not None:
            return torch.rot90(x, self.quarters, (-2, -1)).contiguous()
        return self._sampled(x, (x.shape[-2], x.shape[-1]), back=False, finer=self._finer)

    # -- on maps ----------------------------------------------------------------------------------

    def undone(self, maps: Tensor, size: Size) -> Tensor:
        """T⁻¹ on maps [n, C, h', w'] of transformed pictures of ``size`` (before the transform): [n, C, h, w]."""
        if self.kind == "brightness":
            return maps
        if self._flips:
            return maps.flip(self._flips)
        if self.quarters is not None:
            return torch.rot90(maps, -self.quarters, (-2, -1))
        if self.kind == "shift" and self.is_exact(_size(maps), size):
            return _shifted(maps, *(round(c) for c in self._cells(_size(maps), size)))
        return self._sampled(maps, size, back=True)

    def is_exact(self, grid: Size, size: Size) -> bool:
        """Whether undoing it on a map of ``grid`` needs no interpolation."""
        if self.kind == "shift":
            return all(abs(c - round(c)) < 1e-6 for c in self._cells(grid, size))
        return not self.fills

    def seen_before(self, grid: Size, size: Size) -> Tensor:
        """Which cells of the picture's map are still in the frame after the transform: bool [h, w]."""
        return self._inside(grid, size, back=True)

    def seen_after(self, grid: Size, size: Size) -> Tensor:
        """Which cells of the transformed picture's map show the picture and no filled edge: bool [h, w]."""
        return self._inside(grid, size, back=False)

    # -- geometry ---------------------------------------------------------------------------------

    @property
    def _flips(self) -> tuple[int, ...]:
        return {"hflip": (-1,), "vflip": (-2,)}.get(self.kind, ())

    @property
    def _finer(self) -> int:
        """How many samples a pixel and side are averaged, so that a smaller picture has no jagged edges."""
        return math.ceil(1 / self.numbers[0]) if self.kind == "scale" else 1

    def _cells(self, grid: Size, size: Size) -> tuple[float, float]:
        """A shift in cells of a map: to the right, down."""
        return self.numbers[0] * grid[1] / size[1], self.numbers[1] * grid[0] / size[0]

    def _theta(self, size: Size, *, back: bool) -> Tensor:
        """Where a place of the result comes from, in halves of the picture: float64 [2, 3].

        back: the result is a picture (or its map), come from the transformed one; otherwise the other way round.
        """
        half = torch.tensor([size[1] / 2, size[0] / 2], dtype=torch.float64)
        matrix, move = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
        if self.kind == "scale":
            matrix *= self.numbers[0]
        elif self.kind == "shift":
            move = torch.tensor(self.numbers, dtype=torch.float64)
        elif self.kind == "rotate":
            angle = math.radians(self.numbers[0])  # y points down, so counter-clockwise is this
            c, s = math.cos(angle), math.sin(angle)
            matrix = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
        if not back:
            matrix = torch.linalg.inv(matrix)
            move = -matrix @ move
        return torch.cat([matrix * half / half[:, None], (move / half)[:, None]], dim=1)

    def _sampled(self, maps: Tensor, size: Size, *, back: bool, finer: int = 1) -> Tensor:
        theta = self._theta(size, back=back).to(maps)
        shape = (len(maps), maps.shape[1], finer * maps.shape[2], finer * maps.shape[3])
        places = affine_grid(theta.expand(len(maps), 2, 3), list(shape), align_corners=False)
        found = grid_sample(maps, places, mode="bilinear", padding_mode="border", align_corners=False)
        return avg_pool2d(found, finer) if finer > 1 else found

    def _inside(self, grid: Size, size: Size, *, back: bool) -> Tensor:
        if not self.fills:
            return torch.ones(grid, dtype=torch.bool)
        theta = self._theta(size, back=back)
        places = affine_grid(theta[None], [1, 1, *grid], align_corners=False)[0]
        most = 1 - 1 / torch.tensor([grid[1], grid[0]], dtype=torch.float64)  # the outermost cells' centres
        return (places.abs() <= most + _EDGE).all(-1)


def parse(text: str | Transform) -> Transform:
    """``hflip``, ``vflip``, ``rotate:90``, ``shift:16,0``, ``scale:1.25`` or ``brightness:1.3``, read and checked."""
    if isinstance(text, Transform):
        return text
    kind, _, rest = text.strip().lower().partition(":")
    where = f"transform {text!r}"
    if kind not in FORMS:
        raise BadInput("unknown", where=where, cure=near(kind, FORMS))
    try:
        numbers = tuple(float(n) for n in rest.split(",")) if rest else ()
    except ValueError as error:
        raise BadInput("cannot be read", where=where, cure=f"write {FORMS[kind]}") from error
    if len(numbers) != _NUMBERS[kind] or not all(map(math.isfinite, numbers)):
        raise BadInput("cannot be read", where=where, cure=f"write {FORMS[kind]}")
    _check(kind, numbers, where)
    return Transform(kind, numbers)


def _check(kind: str, numbers: tuple[float, ...], where: str) -> None:
    if kind in ("scale", "brightness") and not 0.05 <= numbers[0] <= 20:
        raise BadInput("the factor must lie between 0.05 and 20", where=where, cure=f"write {FORMS[kind]}")
    if kind == "shift" and any(n != round(n) for n in numbers):
        raise BadInput("a picture is shifted by whole pixels", where=where, cure=f"write {FORMS[kind]}")
    still = {"rotate": numbers and numbers[0] % 360 == 0, "shift": not any(numbers)}
    if still.get(kind, numbers == (1.0,)):
        raise BadInput("changes nothing", where=where, cure=f"write {FORMS[kind]}")


def _size(maps: Tensor) -> Size:
    return maps.shape[-2], maps.shape[-1]


def _shifted(maps: Tensor, right: int, down: int) -> Tensor:
    """What lies so many places to the right and down, at every place; beyond the edge, the edge."""
    height, width = maps.shape[-2:]
    rows = (torch.arange(height, device=maps.device) + down).clamp(0, height - 1)
    columns = (torch.arange(width, device=maps.device) + right).clamp(0, width - 1)
    return maps[..., rows[:, None], columns]


def _brighter(x: Tensor, factor: float, spec: InputSpec) -> Tensor:
    """Pixel values times a factor, cut off at white."""
    if spec.range is None:
        raise BadInput("a matrix has no brightness", where="transform 'brightness'", cure="choose another transform")
    black, white = (spec.normalise(torch.full_like(x[:1], v)) for v in (0.0, 255.0))
    return ((x - black) * factor + black).clamp(max=white)
