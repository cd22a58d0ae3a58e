"""Two views of each picture, drawn anew each time: what contrastive learning takes for the same.

A view is cut out and brought to the picture's size, mirrored, changed in its colours, made grey, blurred (Chen et al.
2020, SimCLR, arXiv:2002.05709, appendix A), for the whole batch at once. Colours change in parts of the picture's own
deviation, so values of any scale may come in; places are one affine map, so a view is resampled once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.augment import Moves

#: What may be done to a view, in the order in which it is done.
CROP, FLIP, COLOUR, GREY, BLUR = VIEWS = ("crop", "flip", "colour", "grey", "blur")

#: Proportions of what is cut out, as the paper has them; how often a view is changed in colour, grey, or blurred.
ASPECT, COLOURED, GREYED, BLURRED = 4 / 3, 0.8, 0.2, 0.5

#: At a strength of 1: by how much brightness, contrast and saturation change, and how far hues turn, of a full circle.
JITTER, HUE = 0.8, 0.2

#: The largest deviation of the blur, in pixels of a picture of 224: in smaller ones it is smaller alike.
SIGMA, SIDE = 2.0, 224


def two_views(
    x: Tensor, names: Sequence[str], generator: torch.Generator, *, smallest: float = 0.2, strength: float = 0.5
) -> Tensor:
    """Pictures [N, C, H, W] as the network is fed them → [2N, C, H, W]: item i's views are rows i and N + i.

    names: of ``VIEWS``. smallest: the least share of the area that is cut out. strength: of the change in colour, 1 as
    on ImageNet, 0.5 as the paper has it for small pictures. generator: on the CPU; it alone decides what is drawn.
    """
    return torch.cat([_view(x, names, generator, smallest, strength) for _ in range(2)])


def _view(x: Tensor, names: Sequence[str], generator: torch.Generator, smallest: float, strength: float) -> Tensor:
    count, size = len(x), (x.shape[-2], x.shape[-1])
    if CROP in names or FLIP in names:
        matrix = crops(count, size, smallest if CROP in names else 1.0, generator)
        if FLIP in names:
            matrix[:, 0] *= torch.where(_uniform(count, 0, 1, generator) < 0.5, -1.0, 1.0)[:, None]
        x = Moves(matrix, size).pictures(x)
    if COLOUR in names:
        x = _lit(x, strength * JITTER, generator)
    if x.shape[1] == 3 and (COLOUR in names or GREY in names):
        x = _mixed(x, strength if COLOUR in names else 0.0, generator, grey=GREY in names)
    return _blurred(x, generator) if BLUR in names else x


def crops(count: int, size: tuple[int, int], smallest: float, generator: torch.Generator) -> Tensor:
    """What takes a part of the picture to all of it: matrices [count, 2, 3], as ``Moves`` has them.

    The part's area is ``smallest`` to 1 of the picture's, its proportions 3:4 to 4:3, both drawn evenly (the latter in
    logarithms), its place anywhere.
    """
    area = _uniform(count, smallest, 1, generator)
    tilt = (_uniform(count, -1, 1, generator) * math.log(ASPECT)).exp() if smallest < 1 else torch.ones(count)
    wide, high = (area * tilt).sqrt().clamp(max=1), (area / tilt).sqrt().clamp(max=1)
    right = _uniform(count, -0.5, 0.5, generator) * (1 - wide) * size[1]
    down = _uniform(count, -0.5, 0.5, generator) * (1 - high) * size[0]
    none = torch.zeros(count)
    across, along = torch.stack([1 / wide, none, -right / wide], 1), torch.stack([none, 1 / high, -down / high], 1)
    return torch.stack([across, along], 1)


def _lit(x: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Brightness and contrast of most views changed, in parts of the picture's own deviation around its mean."""
    chosen = _uniform(len(x), 0, 1, generator) < COLOURED
    factor = torch.where(chosen, _uniform(len(x), max(0.0, 1 - most), 1 + most, generator), 1.0)
    offset = torch.where(chosen, _uniform(len(x), -most, most, generator), 0.0)
    mean, deviation = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), correction=0, keepdim=True)
    return (x - mean) * _each(factor, x) + mean + _each(offset, x) * deviation


def _mixed(x: Tensor, strength: float, generator: torch.Generator, *, grey: bool) -> Tensor:
    """Saturation changed and hues turned, or all colour taken: one 3 × 3 matrix a picture."""
    count, most = len(x), strength * JITTER
    chosen = _uniform(count, 0, 1, generator) < COLOURED
    saturation = torch.where(chosen, _uniform(count, max(0.0, 1 - most), 1 + most, generator), 1.0)
    turn = torch.where(chosen, _uniform(count, -1, 1, generator) * (2 * math.pi * HUE * strength), 0.0)
    if grey:
        saturation = torch.where(_uniform(count, 0, 1, generator) < GREYED, 0.0, saturation)
    light = torch.tensor([0.299, 0.587, 0.114]).expand(3, 3)
    kept, taken = saturation[:, None, None], 1 - saturation[:, None, None]
    matrix = (kept * torch.eye(3) + taken * light) @ turned(turn)
    return torch.einsum("nab,nbhw->nahw", matrix.to(x), x)


def turned(angle: Tensor) -> Tensor:
    """Rotations of colours about grey by angles [n] (Rodrigues): [n, 3, 3]; grey stays as it is."""
    axis = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cosine * torch.eye(3) + sine * cross + (1 - cosine) * axis


def _blurred(x: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the views blurred, each by a Gaussian of its own width; edges are repeated."""
    most = SIGMA * min(x.shape[-2:]) / SIDE
    chosen = _uniform(len(x), 0, 1, generator) < BLURRED
    sigma = _uniform(len(x), 0.05 * most, most, generator)
    reach = min(max(1, math.ceil(3 * most)), min(x.shape[-2:]) - 1)
    if reach < 1:
        return x
    steps = torch.arange(-reach, reach + 1)
    weight = (-(steps[None] ** 2) / (2 * sigma[:, None] ** 2)).exp()
    weight = torch.where(chosen[:, None], weight / weight.sum(1, keepdim=True), (steps == 0).float()[None]).to(x)
    for dim in (2, 3):
        padded = F.pad(x, (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0), mode="replicate")
        x = sum(weight[:, k, None, None, None] * padded.narrow(dim, k, x.shape[dim]) for k in range(2 * reach + 1))
    return x


def _each(values: Tensor, x: Tensor) -> Tensor:
    """A number a picture, to be multiplied with pictures."""
    return values.to(x)[:, None, None, None]


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.empty(count).uniform_(low, high, generator=generator)
