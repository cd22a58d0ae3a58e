"""Layers' feature maps for many inputs, within the memory that is free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.features.kmeans import MOST, draw
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network

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
        kept: list[Taken] = []
        for rows in track(self._batches(), "activations"):
            taken = rows, self._take(rows)
            if self._fits(taken):
                kept.append(taken)
            yield taken
        self._remembered = kept if sum(r.stop - r.start for r, _ in kept) == len(self.x) else None

    def _batches(self) -> list[slice]:
        size = self.network.batch_size(self.x, gradient=False)
        return [slice(i, min(i + size, len(self.x))) for i in range(0, len(self.x), size)]

    def _take(self, rows: slice) -> dict[str, Tensor]:
        taken = self.network.capture(self.x[rows], self.layers)
        return {name: _checked(taken[name], name) for name in self.layers}

    @cached_property
    def _room(self) -> float:
        return SHARE * free_bytes(torch.device("cpu"))

    def _fits(self, taken: Taken) -> bool:
        """Whether so much for each input is little enough for all of them."""
        rows, maps = taken
        size = sum(m.numel() * m.element_size() for m in maps.values()) / (rows.stop - rows.start)
        return size * len(self.x) <= self._room


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


def colours_of(network: Network, x: Tensor) -> Tensor:
    """Inputs as colours, float32 on the CPU, up to an offset and a factor, neither of which moves a region."""
    std = torch.tensor(network.input.std, dtype=x.dtype, device=x.device)[:, None, None]
    return (x * std).to("cpu", torch.float32)


@dataclass(frozen=True)
class Drawn:
    """Some of a layer's cells, [m, C], the mean colours of the same places, [m, channels], and its grid, (h, w)."""

    cells: Tensor
    colours: Tensor
    grid: tuple[int, int]


def draw_cells(maps: FeatureMaps, *, most: int = MOST, seed: int = 0) -> dict[str, Drawn]:
    """The cells of each layer that a fit looks at: all, or ``most``, drawn with the seed.

    Each layer draws by itself, so its cells do not depend on which others are looked at.
    """
    parts: dict[str, list[Drawn]] = {name: [] for name in maps.layers}
    picked: dict[str, Tensor] = {}
    for rows, taken in maps:
        pixels = colours_of(maps.network, maps.x[rows])
        for name, each in taken.items():
            height, width = each.shape[2:]
            if name not in picked:
                picked[name] = draw(height * width * len(maps.x), most, torch.Generator().manual_seed(seed))
            here = picked[name] - rows.start * height * width
            here = here[(here >= 0) & (here < height * width * len(each))]
            means = adaptive_avg_pool2d(pixels, (height, width))
            parts[name].append(Drawn(cells_of(each)[here], cells_of(means)[here], (height, width)))
    return {name: _joined(p) for name, p in parts.items()}


def _joined(parts: Sequence[Drawn]) -> Drawn:
    return Drawn(torch.cat([p.cells for p in parts]), torch.cat([p.colours for p in parts]), parts[0].grid)
