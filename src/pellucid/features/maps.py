"""Layers' feature maps for many inputs, within the memory that is free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.features.kmeans import draw
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network

#: Cells of all inputs together that a fit looks at.
MOST = 50_000

Taken = tuple[slice, Mapping[str, Tensor]]


class FeatureMaps:
    """The outputs [n, C, h, w] of layers for inputs x [N, …], a batch at a time: float32 on the CPU.

    One forward pass a batch serves all layers. They are remembered where they all fit into a share
    of the free memory; otherwise every iteration runs the network anew.
    """

    def __init__(self, network: Network, x: Tensor, layers: Sequence[str]):
        self.network, self.x, self.layers = network, x, list(layers)
        self._remembered: list[Taken] | None = None

    def __iter__(self) -> Iterator[Taken]:
        if self._remembered is not None:
            yield from self._remembered
            return
        kept: list[Taken] | None = []
        for rows in track(self._batches(), "activations"):
            taken = rows, self._take(rows)
            if kept is not None:
                kept = [*kept, taken] if kept or self._fits(taken) else None
            yield taken
        self._remembered = kept

    def _batches(self) -> list[slice]:
        size = self.network.batch_size(self.x, gradient=False)
        return [slice(i, min(i + size, len(self.x))) for i in range(0, len(self.x), size)]

    def _take(self, rows: slice) -> dict[str, Tensor]:
        taken = self.network.capture(self.x[rows], self.layers)
        return {name: _checked(taken[name], name) for name in self.layers}

    def _fits(self, first: Taken) -> bool:
        """Whether what the first batch takes, times the number of batches, is little enough."""
        rows, maps = first
        size = sum(m.numel() * m.element_size() for m in maps.values()) / (rows.stop - rows.start)
        return size * len(self.x) <= SHARE * free_bytes(torch.device("cpu"))


def _checked(output: Tensor, name: str) -> Tensor:
    if output.ndim != 4 or output.shape[2] * output.shape[3] < 2:
        raise not_spatial(name, tuple(output.shape[1:]))
    if not torch.isfinite(output).all():
        bad = int((~torch.isfinite(output)).sum())
        cure = "check the weights, or choose an earlier layer"
        raise BadInput(f"{bad} of {output.numel()} activations are NaN or infinite", where=name, cure=cure)
    return output.detach().to("cpu", torch.float32)


def not_spatial(name: str, shape: tuple[int, ...] | None) -> BadInput:
    """The error for a layer without a feature map."""
    cure = "choose one with a feature map [channel, height, width] (see pellucid layers)"
    given = "no output in a forward pass" if shape is None else f"an output of shape {shape}, which is not spatial"
    return BadInput(f"layer {name!r} gives {given}", cure=cure)


def cells_of(maps: Tensor) -> Tensor:
    """The feature vector of each place: [n, C, h, w] → [n·h·w, C]."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


@dataclass
class Drawn:
    """A layer's cells, at most ``MOST`` of all, drawn with the seed.

    cells: [m, C]. pixels: [m, channels], the mean input of the same places. grid: (h, w).
    """

    cells: Tensor
    pixels: Tensor
    grid: tuple[int, int]


def draw_cells(maps: FeatureMaps, pixels: Tensor, *, most: int = MOST, seed: int = 0) -> dict[str, Drawn]:
    """The cells of each layer that a fit looks at; pixels: [N, channels, H, W], what they are compared with."""
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in maps.layers}
    picked: dict[str, Tensor] = {}
    grids: dict[str, tuple[int, int]] = {}
    for rows, taken in maps:
        for name, each in taken.items():
            area = each.shape[2] * each.shape[3]
            if name not in picked:  # each layer draws by itself, whichever others are looked at
                generator = torch.Generator().manual_seed(seed)
                picked[name] = draw(area * len(maps.x), most, generator)
                grids[name] = (each.shape[2], each.shape[3])
            here = picked[name] - rows.start * area
            here = here[(here >= 0) & (here < area * len(each))]
            means = adaptive_avg_pool2d(pixels[rows], each.shape[2:])
            parts[name].append((cells_of(each)[here], cells_of(means)[here]))
    return {n: Drawn(torch.cat([c for c, _ in p]), torch.cat([q for _, q in p]), grids[n]) for n, p in parts.items()}
