"""A grid detector on three levels: each cell of each level answers with boxes (Redmon et al. 2016 and 2018, YOLO).

Three maps of 1/4, 1/8 and 1/16 of the picture's side; the coarser ones are handed down to the finer (Lin et al. 2017,
arXiv:1612.03144), and a 1×1 convolution a level (``level4``, ``level8``, ``level16``) gives the numbers of its boxes.
Boxes leave the network decoded, in pixels of what entered it, so nobody behind it needs to know of cells or anchors.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.models.standardise import Standardise

#: Channels of the first map where nobody says; the sides of a cell; boxes a cell.
WIDTH, STRIDES, BOXES = 16, (4, 8, 16), 3

#: The last map that the boxes of all levels are computed from.
SHARED = f"merge{STRIDES[-1]}"

#: Of a box: its edges x0, y0, x1, y1, and whether it holds anything; behind them one number a class.
EDGES, OBJECT, FIRST_CLASS = slice(0, 4), 4, 5

#: Nearly all cells are empty: the probability of an object that training begins with (arXiv:1708.02002, § 4.1).
PRIOR = 0.01

#: An anchored box is at most so many times as large as its anchor, a side; e⁴ or a little more.
_LOG_MOST = 4.0


def _convolved(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            norm=nn.BatchNorm2d(after),
            relu=nn.ReLU(),
        )
    )


class GridDetector(nn.Module):
    """Pictures [N, channels, H, W] → boxes [N, places, 5 + classes]: x0, y0, x1, y1 in pixels, then logits of an object
    and of each class. Places are all cells of the finest level row by row, each with its BOXES boxes, then the next's.

    anchors: [levels, BOXES, 2] as shares of the picture's width and height; 0 where there are none: a box's sides are
    then learnt from nothing, as shares of the picture's (YOLOv1).
    """

    anchors: Tensor

    def __init__(self, channels: int, classes: int, *, width: int = WIDTH):
        super().__init__()
        self.classes = classes
        w = width
        self.standardise = Standardise((channels, 1, 1))
        self.stem = nn.Sequential(_convolved(channels, w, 2), _convolved(w, w))
        self.stage4 = nn.Sequential(_convolved(w, 2 * w, 2), _convolved(2 * w, 2 * w))
        self.stage8 = nn.Sequential(_convolved(2 * w, 4 * w, 2), _convolved(4 * w, 4 * w))
        self.stage16 = nn.Sequential(_convolved(4 * w, 8 * w, 2), _convolved(8 * w, 8 * w))
        for stride, given in zip(STRIDES, (2 * w, 4 * w, 8 * w), strict=True):
            self.add_module(f"across{stride}", nn.Conv2d(given, 4 * w, 1))
            self.add_module(f"merge{stride}", _convolved(4 * w, 4 * w))
            self.add_module(f"level{stride}", nn.Conv2d(4 * w, BOXES * (FIRST_CLASS + classes), 1))
        self.register_buffer("anchors", torch.zeros(len(STRIDES), BOXES, 2))
        self._begin()

    def _begin(self) -> None:
        for stride in STRIDES:
            bias = self.get_submodule(f"level{stride}").bias
            assert isinstance(bias, Tensor)
            with torch.no_grad():
                bias.view(BOXES, -1)[:, OBJECT] = torch.logit(torch.tensor(PRIOR))

    def forward(self, x: Tensor) -> Tensor:
        """All boxes of all levels."""
        size = (x.shape[-2], x.shape[-1])
        fine = self.stage4(self.stem(self.standardise(x)))
        middle = self.stage8(fine)
        maps = {4: fine, 8: middle, 16: self.stage16(middle)}
        found: list[Tensor] = []
        above: Tensor | None = None
        for number, stride in reversed(list(enumerate(STRIDES))):
            here = self.get_submodule(f"across{stride}")(maps[stride])
            if above is not None:
                larger = F.interpolate(above, scale_factor=2.0, mode="nearest")
                here = here + larger[..., : here.shape[-2], : here.shape[-1]]
            above = self.get_submodule(f"merge{stride}")(here)
            found.append(self._decoded(self.get_submodule(f"level{stride}")(above), number, stride, size))
        return torch.cat(found[::-1], 1)

    def _decoded(self, raw: Tensor, number: int, stride: int, size: tuple[int, int]) -> Tensor:
        """A level's map as boxes [N, places, 5 + classes]; a centre lies within its cell, or half a cell beside it."""
        count, _, rows, columns = raw.shape
        raw = raw.view(count, BOXES, -1, rows, columns).permute(0, 3, 4, 1, 2)
        whole = raw.new_tensor([size[1], size[0]])
        y, x = torch.meshgrid(
            torch.arange(rows, device=raw.device), torch.arange(columns, device=raw.device), indexing="ij"
        )
        corner = torch.stack([x, y], -1)[:, :, None].to(raw)
        middle = (corner - 0.5 + 2 * raw[..., :2].sigmoid()) * stride
        anchors = self.anchors[number].to(raw)
        free = raw[..., 2:4].sigmoid() ** 2  # the square: small sides need small differences (YOLOv1, § 2.2)
        bound = anchors * raw[..., 2:4].clamp(-_LOG_MOST, _LOG_MOST).exp()
        half = torch.where(anchors > 0, bound, free) * whole / 2
        boxes = torch.cat([middle - half, middle + half, raw[..., OBJECT:]], -1)
        return boxes.reshape(count, rows * columns * BOXES, -1)


def highest(output: Tensor) -> Tensor:
    """Each class's highest score among boxes [N, places, 5 + classes]: P(object) · P(class), [N, classes]."""
    return (output[..., OBJECT, None].sigmoid() * output[..., FIRST_CLASS:].softmax(-1)).amax(1)


def grids(size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """(rows, columns) of each level for pictures of (height, width): a stride leaves the half, rounded up."""
    found, sides = [], size
    halvings = 0
    for stride in STRIDES:
        while 2**halvings < stride:
            sides, halvings = ((sides[0] + 1) // 2, (sides[1] + 1) // 2), halvings + 1
        found.append(sides)
    return tuple(found)


def level_of_places(size: tuple[int, int]) -> Tensor:
    """The number of the level that each place belongs to, int64 [places]."""
    counts = torch.tensor([rows * columns * BOXES for rows, columns in grids(size)])
    return torch.repeat_interleave(torch.arange(len(counts)), counts)
