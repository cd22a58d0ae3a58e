"""A picture changed in one respect alone: another colouring, its parts in another order, a part of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.models.inputs import InputSpec

#: Rows and columns of the patches that change places.
PATCHES = 4


def unit(spec: InputSpec, x: Tensor) -> Tensor:
    """What enters a network [n, C, h, w] as pixels in 0…1 (undoes ``spec.normalise``)."""
    black, white = (spec.normalise(torch.full((spec.channels, 1, 1), v, dtype=x.dtype)) for v in (0.0, 255.0))
    return (x - black.to(x)) / (white - black).to(x)


def quarters(x: Tensor) -> Tensor:
    """The four quarters of pictures [n, C, 2h, 2w], which share no pixel: [4n, C, h, w], a picture's together."""
    height, width = x.shape[-2] // 2, x.shape[-1] // 2
    tops, lefts = (0, x.shape[-2] - height), (0, x.shape[-1] - width)
    cut = [x[..., t : t + height, l : l + width] for t in tops for l in lefts]
    return torch.stack(cut, 1).flatten(0, 1)


def shuffled(x: Tensor, generator: torch.Generator, patches: int = PATCHES) -> Tensor:
    """Pictures [n, C, h, w] whose patches × patches parts all change places, in the same way in each picture.

    What is left over at the right and lower edge, where a side is no multiple, stays.
    """
    rows, columns = (min(patches, side) for side in x.shape[-2:])
    height, width = x.shape[-2] // rows, x.shape[-1] // columns
    inner = x[..., : rows * height, : columns * width]
    parts = inner.unflatten(-1, (columns, width)).unflatten(-3, (rows, height))  # [n, C, rows, height, columns, width]
    parts = parts.movedim(-2, -3).flatten(-4, -3)  # [n, C, rows · columns, height, width]
    order = torch.randperm(rows * columns, generator=generator)
    moved = torch.empty_like(parts)
    moved[..., order, :, :] = parts[..., order.roll(1), :, :]  # a circle through all of them: none stays
    moved = moved.unflatten(-3, (rows, columns)).movedim(-3, -2).flatten(-4, -3).flatten(-2, -1)
    out = x.clone()
    out[..., : rows * height, : columns * width] = moved
    return out


def recoloured(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures [n, C, h, w] in 0…1, each with another hue, saturation, contrast and brightness, drawn for each.

    Of three channels the hue turns by 60° to 300° and the saturation becomes 0 to 2 of what it was; the contrast
    0.3 to 1.7, the brightness up to 0.3 more or less. What leaves the range is cut off.
    """
    n, channels = pixels.shape[:2]
    draw = lambda low, high: low + (high - low) * torch.rand(n, generator=generator)  # noqa: E731
    turns, saturation, contrast, brightness = draw(60, 300), draw(0, 2), draw(0.3, 1.7), draw(-0.3, 0.3)
    if channels == 3:
        mixing = torch.stack([_hue(float(t), float(s)) for t, s in zip(turns, saturation, strict=True)]).to(pixels)
        pixels = torch.einsum("nij,njhw->nihw", mixing, pixels)
    at = lambda t: t.to(pixels).view(-1, 1, 1, 1)  # noqa: E731
    mean = pixels.mean((1, 2, 3), keepdim=True)
    return ((pixels - mean) * at(contrast) + mean + at(brightness)).clamp(0, 1)


def _hue(degrees: float, saturation: float) -> Tensor:
    """The turn of colours [3, 3] around grey, which keeps grey as it is."""
    angle = math.radians(degrees)
    grey = torch.full((3, 3), 1 / 3)
    across = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = math.cos(angle) * (torch.eye(3) - grey) + math.sin(angle) * across
    return grey + saturation * turn
