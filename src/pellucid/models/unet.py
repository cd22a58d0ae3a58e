"""U-Net (Ronneberger et al. 2015, arXiv:1505.04597): a map in, a map of the same size out.

As in the paper: two 3×3 convolutions a level, twice as many channels each level down, and each level's map handed over
to the way up. Unlike it: padding keeps the size, batch norm follows each convolution, and upsampling is by nearest
neighbours and a convolution, which leaves no checkerboard (Odena et al. 2016). A side that the levels do not divide is
padded by its own mirror image and cut again, so any size goes through.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.models.standardise import Standardise

#: Channels of the first level, and levels, where nobody says.
WIDTH, LEVELS = 16, 4


class Double(nn.Sequential):
    """Two 3×3 convolutions, each with batch norm and ReLU."""

    def __init__(self, before: int, after: int):
        layers: dict[str, nn.Module] = {}
        for number, given in enumerate((before, after), start=1):
            layers[f"conv{number}"] = nn.Conv2d(given, after, 3, padding=1, bias=False)
            layers |= {f"norm{number}": nn.BatchNorm2d(after), f"relu{number}": nn.ReLU()}
        super().__init__(OrderedDict(layers))


class Up(nn.Module):
    """Twice the size, half the channels, joined with the map that was handed across."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.larger = nn.Upsample(scale_factor=2, mode="nearest")
        self.narrower = nn.Conv2d(before, after, 3, padding=1)
        self.join = Double(2 * after, after)

    def forward(self, x: Tensor, across: Tensor) -> Tensor:
        """Enlarge and join."""
        return self.join(torch.cat([across, self.narrower(self.larger(x))], 1))


class UNet(nn.Module):
    """Maps [N, channels, H, W] to maps [N, outputs, H, W]; layers down1 … downL (the bottom), upL-1 … up1, head.

    levels: how many sizes there are. width: channels of the largest.
    """

    def __init__(self, channels: int, outputs: int, *, width: int = WIDTH, levels: int = LEVELS):
        super().__init__()
        self.levels = levels
        widths = [width * 2**level for level in range(levels)]
        self.standardise = Standardise((channels, 1, 1))
        self.halve = nn.MaxPool2d(2)
        for level, (before, after) in enumerate(zip([channels, *widths], widths, strict=False), start=1):
            self.add_module(f"down{level}", Double(before, after))
        for level in range(levels - 1, 0, -1):
            self.add_module(f"up{level}", Up(widths[level], widths[level - 1]))
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Down, across and up again."""
        height, width = x.shape[-2:]
        x = _padded(self.standardise(x), 2 ** (self.levels - 1))
        across: list[Tensor] = []
        for level in range(1, self.levels + 1):
            x = self.get_submodule(f"down{level}")(self.halve(x) if level > 1 else x)
            across.append(x)
        for level in range(self.levels - 1, 0, -1):
            x = self.get_submodule(f"up{level}")(x, across[level - 1])
        return self.head(x)[..., :height, :width]


def _padded(x: Tensor, multiple: int) -> Tensor:
    """Below and to the right, so that ``multiple`` divides both sides."""
    height, width = x.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if not below and not right:
        return x
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(x, (0, right, 0, below), mode=mode)
