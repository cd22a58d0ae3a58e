"""Variants of pictures that mean the same, drawn anew each time: for batches, from one seeded generator.

Which ones mean the same, only the user can know: mirrored coins and digits do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

#: How far a picture is moved, as a share of its side; how much larger or smaller it becomes; how far it is turned.
SHIFT, ZOOM, TURN = 0.1, 0.15, 0.2

#: By how much contrast and brightness change, as shares of the picture's deviation; the side of what is erased.
CONTRAST, ERASED = 0.25, 0.3

#: ``(x [N, C, H, W], generator) → x``; x as the network is fed it.
Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def _uniform(x: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """One number an item, [N]."""
    return torch.empty(len(x)).uniform_(low, high, generator=generator).to(x)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Half of them mirrored."""
    turned = _uniform(x, 0, 1, generator) < 0.5
    return torch.where(turned[:, None, None, None], x.flip(3), x)


def affine(x: Tensor, scale: Tensor, angle: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Each item scaled, turned (radians) and moved (shares of its side); edges are repeated."""
    height, width = x.shape[-2:]
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = torch.stack([cos, -sin * height / width, dx * 2], 1), torch.stack([sin * width / height, cos, dy * 2], 1)
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def shift(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each moved by up to a tenth of its side, by whole pixels."""
    height, width = x.shape[-2:]
    down, right = max(1, round(SHIFT * height)), max(1, round(SHIFT * width))
    padded = F.pad(x, (right, right, down, down), mode="replicate")
    draw = lambda most: torch.randint(0, 2 * most + 1, (len(x),), generator=generator).to(x.device)  # noqa: E731
    rows = draw(down)[:, None] + torch.arange(height, device=x.device)
    columns = draw(right)[:, None] + torch.arange(width, device=x.device)
    items = torch.arange(len(x), device=x.device)
    # An index on both sides of a slice puts the indexed axes first: [N, H, W, C].
    return padded[items[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def zoom(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each larger or smaller by up to 15 %."""
    scale = _uniform(x, 1 - ZOOM, 1 + ZOOM, generator)
    none = torch.zeros_like(scale)
    return affine(x, scale, none, none, none)


def rotate(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each turned by up to 0.2 radians (11°)."""
    angle = _uniform(x, -TURN, TURN, generator)
    none = torch.zeros_like(angle)
    return affine(x, torch.ones_like(angle), angle, none, none)


def light(x: Tensor, generator: torch.Generator) -> Tensor:
    """Contrast and brightness changed by up to a quarter of the picture's own deviation."""
    mean, deviation = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True)
    factor = _uniform(x, 1 - CONTRAST, 1 + CONTRAST, generator)[:, None, None, None]
    offset = _uniform(x, -CONTRAST, CONTRAST, generator)[:, None, None, None]
    return (x - mean) * factor + mean + offset * deviation


def erase(x: Tensor, generator: torch.Generator) -> Tensor:
    """A box of up to a third of each side replaced by the picture's mean (random erasing, arXiv:1708.04896)."""
    height, width = x.shape[-2:]
    inside = torch.ones(len(x), height, width, dtype=torch.bool, device=x.device)
    for axis, side in ((1, height), (2, width)):
        length = (_uniform(x, 0.1, ERASED, generator) * side).round()
        start = (_uniform(x, 0, 1, generator) * (side - length)).round()
        places = torch.arange(side, device=x.device)[None]
        within = (places >= start[:, None]) & (places < (start + length)[:, None])
        inside &= within[:, :, None] if axis == 1 else within[:, None, :]
    return torch.where(inside[:, None], x.mean((1, 2, 3), keepdim=True), x)


#: By name, as a plan lists them.
AUGMENTATIONS: dict[str, Augmentation] = {
    "flip": flip,
    "shift": shift,
    "zoom": zoom,
    "rotate": rotate,
    "light": light,
    "erase": erase,
}


def augmented(x: Tensor, names: Sequence[str], generator: torch.Generator) -> Tensor:
    """The batch after all the named ones, in this order."""
    for name in names:
        x = AUGMENTATIONS[name](x, generator)
    return x
