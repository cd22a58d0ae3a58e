"""Where the places of a layer's output lie, whichever way the output is laid out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid.core.errors import BadInput

Size = tuple[int, int]
Shape = tuple[int, ...]

#: Tokens that stand before the places and describe the whole picture: a class token, a second one, registers.
MOST_PREFIX = 16


@dataclass(frozen=True)
class Grid:
    """How an output [n, …] holds height × width places.

    kind: "map" is [n, C, height, width], "channels_last" [n, height, width, C], "tokens" [n, prefix + height·width, C].
    """

    height: int
    width: int
    kind: Literal["map", "channels_last", "tokens"]
    prefix: int = 0

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.height, self.width

    def maps(self, output: Tensor) -> Tensor:
        """The output as feature maps [n, C, height, width]; tokens without a place are left out."""
        if self.kind == "map":
            return output
        if self.kind == "channels_last":
            return output.movedim(-1, 1)
        if output.ndim != 3 or output.shape[1] != self.prefix + self.height * self.width:
            expected = f"{self.prefix} + {self.height} × {self.width}"
            raise BadInput(f"tokens of shape {tuple(output.shape[1:])} where {expected} were expected")
        return output[:, self.prefix :].transpose(1, 2).unflatten(2, self.size)

    def scaled(self, old: Size, new: Size) -> Grid:
        """The grid for inputs of another size, whose patches are as large as before."""
        height, width = self.height * new[0] / old[0], self.width * new[1] / old[1]
        return Grid(round(height), round(width), self.kind, self.prefix)


def grid_of(shape: Shape | None, known: Iterable[Size], size: Size) -> Grid | None:
    """The grid of an output of ``shape`` (without the sample axis); None where it has no places, or a single one.

    known: sizes that convolutions and their like take and give. size: the input's. Only a tensor of a known size is
    a map: [24, 49, 49] may be attention.
    """
    sizes = set(known)
    if shape is None or len(shape) not in (2, 3):
        return None
    if len(shape) == 3 and shape[1:] in sizes:
        return Grid(shape[1], shape[2], "map") if shape[1] * shape[2] > 1 else None
    if len(shape) == 3:
        height, width, channels = shape
        turned = _covers(height, width, size) and not _alike(width, channels, size) and height * width > 1
        return Grid(height, width, "channels_last") if turned else None
    return _tokens(shape[0], sizes, size)


def _tokens(count: int, sizes: set[Size], size: Size) -> Grid | None:
    """Tokens belong to the largest known map that they cover, or else to a grid of the input's proportions."""
    covered = [(h, w) for h, w in sizes if 1 < h * w <= count <= h * w + MOST_PREFIX]
    if covered:
        height, width = max(covered, key=lambda s: s[0] * s[1])
        return Grid(height, width, "tokens", count - height * width)
    height = round(math.sqrt(count * size[0] / size[1]))
    if count > 1 and height and count % height == 0 and _covers(height, count // height, size):
        return Grid(height, count // height, "tokens")
    return None


def _covers(height: int, width: int, size: Size) -> bool:
    """Whether an input of ``size`` falls into so many patches of one stride."""
    strides = [-(-whole // part) for whole, part in zip(size, (height, width), strict=True) if part]
    return (
        len(strides) == 2
        and all(
            part in (whole // stride, -(-whole // stride))
            for whole, part, stride in zip(size, (height, width), strides, strict=True)
        )
        and _alike(height, width, size)
    )


def _alike(height: int, width: int, size: Size) -> bool:
    """Whether two sides have the input's proportions, up to one place."""
    return abs(height * size[1] - width * size[0]) <= max(size)
