"""Layers' feature maps for many inputs, within the memory that is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from pellucid.data.stream import Stream
from pellucid.features.grouping.kmeans import MOST, draw
from pellucid.features.walk import Step, walk
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network

#: Activations that are remembered at most, however much memory is free: beyond it, running the network again is no
#: slower than what else is done for so many inputs.
REMEMBERED = 1 << 30


class FeatureMaps:
    """The maps [n, C, h, w] of layers for a stream of inputs, a batch at a time: float32 on the CPU.

    One forward pass a batch serves all layers. They are remembered where they all fit into 1 GiB and into a share
    of the free memory; otherwise every iteration reads the inputs and runs the network anew.
    """

    def __init__(self, network: Network, stream: Stream, layers: Sequence[str]):
        self.network, self.stream, self.layers = network, stream, list(layers)
        self._remembered: list[Step] | None = None

    def __iter__(self) -> Iterator[Step]:
        if self._remembered is not None:
            yield from self._remembered
            return
        kept: list[Step] = []
        for step in walk(self.network, self.stream, self.layers):
            if self._fits(step):
                kept.append(step)
            yield step
        self._remembered = kept if sum(s.rows.stop - s.rows.start for s in kept) == len(self.stream) else None

    @cached_property
    def _room(self) -> float:
        return min(REMEMBERED, SHARE * free_bytes(torch.device("cpu")))

    def _fits(self, step: Step) -> bool:
        """Whether so much for each input is little enough for all of them."""
        tensors = [step.batch.x, *step.maps.values()]
        size = sum(t.numel() * t.element_size() for t in tensors) / (step.rows.stop - step.rows.start)
        return size * len(self.stream) <= self._room


def cells_of(maps: Tensor) -> Tensor:
    """The feature vector of each place: [n, C, h, w] → [n·h·w, C]."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def colours_of(network: Network, x: Tensor) -> Tensor:
    """Inputs as colours, float32 on the CPU, up to an offset and a factor, neither of which moves a region."""
    std = torch.tensor(network.input.std, dtype=x.dtype, device=x.device)[:, None, None]
    return (x * std).to("cpu", torch.float32)


def colour_maps(network: Network, x: Tensor, grid: tuple[int, int]) -> Tensor:
    """The mean colour of each place of a grid, as maps [n, channels, h, w]."""
    return adaptive_avg_pool2d(colours_of(network, x), grid)


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
    found: dict[str, Drawn] = {}
    picked: dict[str, Tensor] = {}
    for step in maps:
        for name, each in step.maps.items():
            grid = (each.shape[2], each.shape[3])
            places = grid[0] * grid[1]
            if name not in found:
                picked[name] = draw(places * len(maps.stream), most, torch.Generator().manual_seed(seed))
                found[name] = _blank(len(picked[name]), each.shape[1], step.batch.x.shape[1], grid)
            first, last = torch.searchsorted(picked[name], torch.tensor([step.rows.start, step.rows.stop]) * places)
            here = picked[name][first:last] - step.rows.start * places
            means = colour_maps(maps.network, step.batch.x, grid)
            torch.index_select(cells_of(each), 0, here, out=found[name].cells[first:last])
            torch.index_select(cells_of(means), 0, here, out=found[name].colours[first:last])
    return found


def _blank(count: int, channels: int, colours: int, grid: tuple[int, int]) -> Drawn:
    """Room for all cells at once: many small pieces between large maps would leave the memory in pieces too."""
    return Drawn(torch.empty(count, channels), torch.empty(count, colours), grid)
