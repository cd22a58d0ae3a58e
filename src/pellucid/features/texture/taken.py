"""Several layers' feature maps from one pass that gradients flow back through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.models.capture import hooks, split_call
from pellucid.models.network import Network, first_tensor


def maps_with_gradient(network: Network, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """The named layers' maps [n, C, h, w] for ``x``, in the graph of ``x``; the pass ends behind the last of them.

    A layer that runs several times means its last call, ``layer:2`` its second. Raises BadInput for a layer without
    places.
    """
    known = {l.name: l for l in network.tree()}
    wanted = {name: split_call(name) for name in names}
    calls: dict[str, int] = {}
    taken: dict[str, Tensor] = {}

    def take(base: str, _: nn.Module, inputs: Any, output: Any) -> None:
        calls[base] = calls.get(base, 0) + 1
        for name, (own, call) in wanted.items():
            if own == base and call in (None, calls[base]):
                taken[name] = first_tensor(output).clone()  # the next activation may overwrite it

    last = max({base for base, _ in wanted.values()}, key=lambda base: known[base].order)
    until = network.until(last)  # which may have to look at the network first, and must not meet the hooks
    with hooks(network.module, sorted({base for base, _ in wanted.values()}), take):
        until(x)
    return {name: _map(taken[name], known[wanted[name][0]].grid, network, x, name) for name in names}


def _map(output: Tensor, grid: Any, network: Network, x: Tensor, name: str) -> Tensor:
    maps = grid.scaled(network.input.size, (x.shape[-2], x.shape[-1])).maps(output) if grid else output
    if maps.ndim != 4:
        raise BadInput(f"layer {name!r} gives no feature map", where=network.name, cure="choose another layer")
    return maps.float()
