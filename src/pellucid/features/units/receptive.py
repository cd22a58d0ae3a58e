"""Which part of the picture a place of a layer looks at, measured by where its gradient is."""

from __future__ import annotations

import copy
import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.capture import split_call
from pellucid.models.grids import Grid
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.models.state import fingerprint

Pair = tuple[float, float]
Size = tuple[int, int]

#: Beyond this share of the picture's side what a place could see says little: almost nothing comes from its rim.
LARGE = 0.5

#: The share of the squared gradient, along each side, of the box that stands for a place which could see too much.
ENERGY = 0.9

#: An effective field spans at least so many places: a token's own patch alone is too small for a person to tell.
_NEIGHBOURHOOD = 3

#: Seeded inputs: a max pooling hands its gradient to one of its places, so a single input does not show them all.
_DRAWS = 4

#: Small positive inputs keep every rectifier open and none at its upper bound.
_SMALL = 1e-4


@dataclass(frozen=True)
class Field:
    """The box of pixels that belongs to a place of a layer: ``size`` around ``first`` + ``stride`` · place.

    grid: the layer's places, (height, width). size, first, stride: (down, across) in pixels of what entered the
    network; first is the middle of place (0, 0)'s box, pixel i reaching from i to i + 1. kind: "support" is all that
    a place can see; "effective", where it can see more than half of a side, the box around it that holds 90 % of its
    squared gradient along each side (at least three places); "whole" the picture, for a layer without places.
    support: (height, width) of all that it can see, at most the picture's.
    """

    grid: Size
    size: Size
    first: Pair
    stride: Pair
    kind: Literal["support", "effective", "whole"]
    support: Size

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """The first pixel (top, left) of a place's box, which may lie outside of the picture."""
        middle = self.first[0] + self.stride[0] * row, self.first[1] + self.stride[1] * column
        return round(middle[0] - self.size[0] / 2), round(middle[1] - self.size[1] / 2)


def receptive_field(network: Network, layer: str, *, seed: int = 0) -> Field:
    """Measure the field of a layer's places, on seeded noise of the network's own input size.

    All that a place can see is the support of its gradient in a copy whose weights are positive, so that nothing
    cancels and no rectifier is shut. The effective field (Luo et al. 2016) is that of the weights as they are.
    """
    grid = _grid(network, layer)
    picture = network.input.size
    if grid is None:
        return Field((1, 1), picture, (picture[0] / 2, picture[1] / 2), (0.0, 0.0), "whole", picture)
    centre = grid.height // 2, grid.width // 2
    places = [centre, *_neighbours(centre, grid)]
    twin = _positive(network, layer)
    sides = [_unknown(grid.size[a], picture[a]) for a in (0, 1)]
    if twin is not None:
        seen = _seen(twin, layer, grid, places, seed, scale=_SMALL)
        sides = [_side(seen, axis, centre[axis], grid.size[axis], picture[axis]) for axis in (0, 1)]
    support = (sides[0].length, sides[1].length)
    first, stride = (sides[0].first, sides[1].first), (sides[0].stride, sides[1].stride)
    if all(s <= LARGE * p for s, p in zip(support, picture, strict=True)):
        return Field(grid.size, support, first, stride, "support", support)
    energy = _seen(network, layer, grid, [centre], seed)[0]
    covered = [_covering(energy.sum(1 - a), first[a] + stride[a] * centre[a]) for a in (0, 1)]
    down, across = (min(max(covered[a], round(_NEIGHBOURHOOD * stride[a])), picture[a]) for a in (0, 1))
    return Field(grid.size, (down, across), first, stride, "effective", support)


def _grid(network: Network, layer: str) -> Grid | None:
    """The layer's places for inputs of the network's own size; one call of a module (``relu:2``) is run to see."""
    base, call = split_call(layer)
    known = {each.name: each for each in network.tree()}
    exact = known.get(layer) or (known.get(base) if call is None else None)
    if exact is not None:
        return exact.grid
    shape = network.capture(network.probe(), [layer])[layer].shape
    return Grid(shape[2], shape[3], "map") if len(shape) == 4 and shape[2] * shape[3] > 1 else None


def _neighbours(place: Size, grid: Grid) -> list[Size]:
    """One place further down, and one further to the right (the place itself where there is none)."""
    row, column = place
    return [(min(row + 1, grid.height - 1), column), (row, min(column + 1, grid.width - 1))]


# -- gradients ------------------------------------------------------------------------------------


def _seen(
    network: Network, layer: str, grid: Grid, places: list[Size], seed: int, *, scale: float | None = None
) -> list[Tensor]:
    """The squared gradient of each place, summed over input channels and draws: float64 [height, width].

    On noise, or, with a scale, on its absolute values times the scale.
    """
    generator = torch.Generator().manual_seed(seed)
    part = network.until(layer)
    total = [torch.zeros(network.input.size, dtype=torch.float64) for _ in places]
    with untouched(network.module), torch.enable_grad():
        for draw in range(_DRAWS):
            noise = network.probe(seed=seed + draw)
            x = (noise if scale is None else noise.abs() * scale).requires_grad_(True)
            maps = grid.maps(part(x))
            mix = torch.randn(maps.shape[1], generator=generator).to(maps.device, maps.dtype)
            for i, (row, column) in enumerate(places):
                value = (maps[0, :, row, column] * mix).sum()
                (gradient,) = torch.autograd.grad(value, x, retain_graph=i < len(places) - 1)
                total[i] += gradient[0].double().square().sum(0).cpu()
    if not all(torch.isfinite(t).all() for t in total):
        raise BadInput("its gradient is not finite", where=layer, cure="check the weights (pellucid health)")
    return total


def _positive(network: Network, layer: str) -> Network | None:
    """The network with seeded positive weights that average, so that whatever a place can see has a gradient.

    None for a module that cannot be copied. The weights of what runs behind the layer are neither copied nor changed.
    """
    later = _later_parameters(network, layer)
    try:
        twin = copy.deepcopy(network.module, {id(p): p for p in later})
    except Exception:  # non-leaf tensors, open handles, foreign code: the effective field needs no copy
        return None
    shared = set(map(id, later))
    generator = torch.Generator().manual_seed(0)
    for name, tensor in [*twin.named_parameters(), *twin.named_buffers()]:
        if tensor.dtype.is_floating_point and id(tensor) not in shared:
            _make_positive(tensor.data, name.rpartition(".")[2], generator)
    cache = {"mark": fingerprint(twin), "tree": network.tree()}
    return dataclasses.replace(network, module=twin, preparation=None, _cache=cache)


def _later_parameters(network: Network, layer: str) -> list[Tensor]:
    """The parameters of leaves that run only once the layer has ended, or not at all."""
    tree = network.tree()
    end = next((each.order for each in tree if each.name == split_call(layer)[0]), 0)
    later = [each.name for each in tree if each.leaf and each.calls <= 1 and not 0 <= each.order <= end]
    used = {
        id(p) for e in tree if e.leaf and e.name not in later for p in network.module.get_submodule(e.name).parameters()
    }
    found = [p for name in later for p in network.module.get_submodule(name).parameters()]
    return [p for p in found if id(p) not in used]


def _make_positive(tensor: Tensor, kind: str, generator: torch.Generator) -> None:
    if tensor.ndim >= 2:
        drawn = torch.rand(tensor.shape, generator=generator) + 0.5
        tensor.copy_(drawn * (tensor.shape[0] / tensor.numel()))
    elif kind in ("bias", "running_mean"):
        tensor.zero_()
    else:
        tensor.fill_(1)


# -- boxes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """Along one side of the picture: how long a field is, the middle of the first place's, the step to the next."""

    length: int
    first: float
    stride: float


def _unknown(places: int, pixels: int) -> _Side:
    """What stands for a field that is cut off by the picture: all of the side, the places evenly spread."""
    return _Side(pixels, pixels / places / 2, pixels / places)


def _side(seen: list[Tensor], axis: int, centre: int, places: int, pixels: int) -> _Side:
    """Read off the gradients of the centre and of its neighbour along the axis."""
    start, stop = _ends(seen[0].sum(1 - axis))
    if start == 0 or stop == pixels:
        return _unknown(places, pixels)
    after = _ends(seen[1 + axis].sum(1 - axis))[0]
    stride = float(after - start) if after > start else pixels / places
    return _Side(stop - start, (start + stop) / 2 - stride * centre, stride)


def _ends(energy: Tensor) -> tuple[int, int]:
    """Where what is not zero begins, and the place behind its end; everything where all is zero."""
    found = energy.nonzero().flatten()
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, len(energy))


def _covering(energy: Tensor, middle: float) -> int:
    """The smallest width around ``middle`` that holds the share ``ENERGY``."""
    if not energy.sum():
        return len(energy)
    distance = (torch.arange(len(energy)) + 0.5 - middle).abs()
    order = distance.argsort(stable=True)
    held = energy[order].cumsum(0) / energy.sum()
    last = int((held < ENERGY).sum())
    return min(len(energy), max(1, math.ceil(2 * float(distance[order[last]]) + 1 - 1e-9)))
