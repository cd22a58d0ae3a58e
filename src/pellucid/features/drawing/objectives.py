"""What a picture is drawn for: a whole layer, one of its channels, or one place of a channel, as one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.core.errors import BadInput, PellucidError
from pellucid.models.activations import before_activation
from pellucid.models.grids import Grid
from pellucid.models.network import Network, first_tensor

Size = tuple[int, int]


@dataclass(frozen=True)
class Objective:
    """A number a picture, made of a layer's activations.

    part: the network up to what is climbed. channels: one a picture; None for the whole layer, ½ of the mean
    squared activation. at: (row, column) of a grid of ``places``; None for the mean over all places. width: how many
    channels the layer has. before: what enters the layer's last activation is taken instead of its output.
    grid: where the places lie for inputs of ``size``; None for a vector. notes: what a reader should know.
    """

    part: Network
    layer: str
    width: int
    size: Size
    grid: Grid | None
    places: Size
    channels: tuple[int, ...] | None = None
    at: tuple[int, int] | None = None
    before: bool = False
    notes: tuple[str, ...] = ()

    def rows(self, which: Sequence[int]) -> Objective:
        """The objective of a batch made of the pictures ``which``."""
        if self.channels is None:
            return self
        return replace(self, channels=tuple(self.channels[i] for i in which))

    def __call__(self, x: Tensor) -> Tensor:
        """The number of each picture of ``x`` [n, C, H, W]: [n]."""
        return self.score(self.maps(x))

    def maps(self, x: Tensor) -> Tensor:
        """The activations as maps [n, width, h, w]; a vector has one place."""
        return _as_maps(first_tensor(self.part(x)), self.grid, self.size, x)

    def score(self, maps: Tensor) -> Tensor:
        """The number of each picture from its maps: [n]."""
        if self.channels is None:
            return maps.square().flatten(1).mean(1) / 2
        own = torch.tensor(self.channels, device=maps.device).expand(len(maps))
        return self.of_each_channel(maps).gather(1, own[:, None])[:, 0]

    def of_each_channel(self, maps: Tensor) -> Tensor:
        """The mean over all places, or the number at the place that is asked for, of every channel: [n, width]."""
        if self.at is None:
            return maps.flatten(2).mean(2)
        # on a map of another size the place that lies as far down and across
        row, column = (
            int((at + 0.5) * now / then) for at, now, then in zip(self.at, maps.shape[2:], self.places, strict=True)
        )
        return maps[:, :, row, column]


def objective_of(
    network: Network,
    layer: str,
    channels: Sequence[int] | None = None,
    at: tuple[int, ...] | None = None,
    *,
    size: Size,
) -> Objective:
    """The objective for pictures of ``size``, on a network that was prepared with ``keep=[layer]``.

    Raises BadInput where the network does not take pictures of this size, where the layer has no such channel or
    place, and where its activations are not finite.
    """
    x = probe(network, size)
    output = run(network.until(layer), x)
    known = next((each.grid for each in network.tree() if each.name == layer), None)
    grid = known.scaled(network.input.size, size) if known else None
    try:
        maps = _as_maps(output, grid, size, x)
    except PellucidError as error:
        raise error.at(layer) from error
    if not torch.isfinite(maps).all():
        bad = int((~torch.isfinite(maps)).sum())
        cure = "check the weights (pellucid health), or choose an earlier layer"
        raise BadInput(f"{bad} of {maps.numel()} activations are NaN or infinite", where=layer, cure=cure)
    width, places = maps.shape[1], (maps.shape[2], maps.shape[3])
    if channels is None:
        return Objective(network.until(layer), layer, width, size, grid, places)
    for channel in channels:
        if not 0 <= channel < width:
            raise BadInput(f"there is no channel {channel}", where=layer, cure=f"pass 0 to {width - 1}")
    before = before_activation(network, layer, x)
    part = before or network.until(layer)
    notes = () if before or not _is_cut(maps) else (_cut(layer),)
    place = None if at is None else _place(at, places, layer)
    return Objective(part, layer, width, size, grid, places, tuple(channels), place, before is not None, notes)


def probe(network: Network, size: Size) -> Tensor:
    """Seeded noise of the network's channels at another size: [1, C, height, width]."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((1, network.input.channels, *size), generator=generator)
    return noise.to(network.device, network.dtype)


class WrongSize(BadInput):
    """The network does not run on pictures of this size."""


@torch.no_grad()
def run(network: Network, x: Tensor) -> Tensor:
    """The network's output, or that of its part; what it raises by itself becomes a WrongSize."""
    try:
        return first_tensor(network(x))
    except PellucidError:
        raise
    except Exception as error:  # foreign code: it may raise anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        what = f"the network does not run on pictures of {x.shape[2]} × {x.shape[3]} ({reason})"
        height, width = network.input.size
        raise WrongSize(what, where=network.name, cure=f"it takes {height} × {width}") from error


def _as_maps(output: Tensor, grid: Grid | None, size: Size, x: Tensor) -> Tensor:
    """Any layer's output as [n, channels, h, w]."""
    if grid is not None:
        return (grid if tuple(x.shape[2:]) == size else grid.scaled(size, (x.shape[2], x.shape[3]))).maps(output)
    if output.ndim == 2:
        return output[:, :, None, None]
    if output.ndim == 3:  # tokens that belong to no place: one below the other
        return output.transpose(1, 2)[..., None]
    if output.ndim == 4:
        return output
    cure = "choose a layer that gives maps, tokens or a vector (see pellucid layers)"
    raise BadInput(f"an output of shape {tuple(output.shape[1:])} has no channels", cure=cure)


def _is_cut(maps: Tensor) -> bool:
    """Whether an activation seems to have cut off what is negative: nothing is below zero, and much is at it."""
    return bool((maps >= 0).all() and (maps == 0).float().mean() > 0.05)


def _cut(layer: str) -> str:
    return (
        f"what enters the activation of {layer} could not be found, so its output is climbed: "
        "where the channel is silent there is no slope"
    )


def _place(at: tuple[int, ...], places: Size, layer: str) -> tuple[int, int]:
    if len(at) != 2 or not all(0 <= p < n for p, n in zip(at, places, strict=True)):
        cure = f"pass ROW,COLUMN of {places[0]} × {places[1]} places"
        raise BadInput(f"there is no place {','.join(map(str, at))}", where=layer, cure=cure)
    return at[0], at[1]
