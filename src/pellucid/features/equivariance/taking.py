"""Layers' outputs as maps, also of layers whose output is one vector a picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.capture import split_call
from pellucid.models.network import Network, not_spatial


def vector_or_map_layers(network: Network, patterns: str | Sequence[str] | None) -> list[str]:
    """The layers that the patterns name, each once, in order of execution (default: one a stage)."""
    if patterns is None:
        return network.spatial_layers(None)
    each = [patterns] if isinstance(patterns, str) else patterns
    names = list(dict.fromkeys(name for pattern in each for name in network.layers(pattern)))
    if not names:
        raise BadInput("no layer is named", where=network.name, cure="name one with layers= (--layer)")
    known = {layer.name: layer for layer in network.tree()}
    for name in names:
        layer = known.get(name)  # a single call (``relu:2``) shows its shape only when it is taken
        if layer is not None and layer.grid is None and not _is_vector(layer.shape):
            raise not_spatial(name, layer.shape).at(network.name)
    order = {name: (known[split_call(name)[0]].order, split_call(name)[1] or 0) for name in names}
    return sorted(names, key=order.__getitem__)


def take(network: Network, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """The layers' outputs for ``x`` from one pass, float32 on the CPU [n, C, h, w]; of a vector h = w = 1."""
    known = {layer.name: layer for layer in network.tree()}
    maps = {}
    for name, output in network.capture(x, layers).items():
        grid = known[name].grid if name in known else None
        if grid is not None:
            size = (x.shape[-2], x.shape[-1])
            output = grid.scaled(network.input.size, size).maps(output)
        elif _is_vector(tuple(output.shape[1:])):
            output = output.flatten(1)[:, :, None, None]
        elif output.ndim != 4:
            raise not_spatial(name, tuple(output.shape[1:]))
        if not torch.isfinite(output).all():
            bad = int((~torch.isfinite(output)).sum())
            cure = "check the weights (pellucid health), or choose an earlier layer"
            raise BadInput(f"{bad} of {output.numel()} activations are NaN or infinite", where=name, cure=cure)
        maps[name] = output.detach().to("cpu", torch.float32)
    return maps


def _is_vector(shape: tuple[int, ...] | None) -> bool:
    return shape is not None and (len(shape) == 1 or (len(shape) == 3 and shape[1] * shape[2] == 1))
