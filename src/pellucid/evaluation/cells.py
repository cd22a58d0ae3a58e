"""Squares of a picture, which are taken together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.core.errors import BadInput


def cells_of(size: Sequence[int], cells: int) -> Tensor:
    """The number of the cell of each pixel, int64 [H, W]: cells × cells squares, fewer where there are fewer pixels."""
    if cells < 2:
        raise BadInput(f"{cells} cells", cure="pass at least 2")
    height, width = size
    rows = torch.arange(height) * min(cells, height) // height
    columns = torch.arange(width) * min(cells, width) // width
    return rows[:, None] * min(cells, width) + columns


def sums(maps: Tensor, where: Tensor) -> Tensor:
    """What maps [n, H, W] say of each cell: float64 [n, cells]."""
    found = torch.zeros(len(maps), int(where.max()) + 1, dtype=torch.float64)
    return found.index_add_(1, where.flatten(), maps.flatten(1).double())
