"""The size at which a network can be shown a whole picture, and the picture at that size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.models.capture import split_call
from pellucid.models.inputs import InputSpec
from pellucid.models.memory import bytes_per_sample, free_bytes
from pellucid.models.network import Network
from pellucid.models.prepare import untouched


@dataclass(frozen=True)
class Fitted:
    """A picture as the network is fed it: x [1, C, h, w]. free: its size is its own, not the network's. whole: nothing
    of it was cut off.
    """

    x: Tensor
    free: bool
    whole: bool


def fitted_to(network: Network, sample: Sample, layers: Sequence[str], size: int | None) -> Fitted:
    """The sample at its own proportions, the shorter side ``size`` pixels (default: the network's own).

    A network that takes one size alone is shown the largest part of its proportions from the middle. Raises BadInput
    where it was asked for another size, or where there is not the memory for it.
    """
    own = min(network.input.size)
    _check_size(size)
    if not _one_size(network, layers):
        fitted = _at_its_proportions(network, sample, size or own)
        if _runs(network, fitted.x, layers):
            return fitted
    if size not in (None, own):
        height, width = network.input.size
        cure = f"leave --size (size=) away: it takes {height} × {width}"
        raise BadInput(f"the network takes no pictures of another size, and {size} was asked for", cure=cure)
    spec = dataclasses.replace(network.input, crop=1.0)
    frame = spec.frame(*sample.array.shape[:2])
    whole = (frame.top, frame.left) == (0, 0)
    return Fitted(_tensor(network, spec, sample), False, whole)


def _check_size(size: int | None) -> None:
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 16):
        raise BadInput(f"the size is {size!r}", cure="pass the shorter side in pixels, a whole number from 16")


def _one_size(network: Network, layers: Sequence[str]) -> bool:
    """Whether one of the layers gives tokens, whose positions are learnt for one size."""
    grids = {l.name: l.grid for l in network.tree()}
    known = [grids[split_call(name)[0]] for name in layers]
    return any(grid is not None and grid.kind == "tokens" for grid in known)


def _at_its_proportions(network: Network, sample: Sample, size: int) -> Fitted:
    height, width = sample.array.shape[:2]
    shorter = min(height, width)
    fitted = (round(height * size / shorter), round(width * size / shorter))
    _check_memory(network, fitted)
    return Fitted(_tensor(network, dataclasses.replace(network.input, size=fitted, crop=None), sample), True, True)


def _check_memory(network: Network, size: tuple[int, int]) -> None:
    like = torch.empty((1, network.input.channels, *size), device="meta", dtype=network.dtype)
    need = bytes_per_sample(network.tree(), like, network.input.size, gradient=True)
    free = free_bytes(network.device)
    if need > free:
        what = (
            f"{size[0]} × {size[1]} pixels need about {need / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} are free"
        )
        raise BadInput(what, cure="take a smaller --size (size=)")


def _tensor(network: Network, spec: InputSpec, sample: Sample) -> Tensor:
    return spec.tensor(sample)[0][None].to(network.device, network.dtype)


def _runs(network: Network, x: Tensor, layers: Sequence[str]) -> bool:
    """Whether the network can be run on ``x``, as far as the layers."""
    try:
        with untouched(network.module):
            network.capture(x, layers)
    except BadInput:
        raise
    except Exception:  # foreign code: it may raise anything, and its own size remains
        return False
    return True
