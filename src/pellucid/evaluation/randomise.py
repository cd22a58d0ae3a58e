"""The same network with its last layers' weights at random: what a map of the network cannot survive (Adebayo 2018)."""

from __future__ import annotations

import copy
import dataclasses
import math

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: Pictures that batch norms are calibrated on again.
CALIBRATED_ON = 16

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def randomised(network: Network, x: Tensor, share: float, *, seed: int) -> Network:
    """A copy whose last layers (a share of those with weights, at least one) have their weights shuffled.

    Each tensor's numbers change places among themselves, so their distribution stays. Batch norms count anew what comes
    in, on ``x`` [n, C, H, W]: otherwise a deep network's answers would shrink to nothing or grow without end, and a map
    would change for that alone. The network itself stays as it is. Raises BadInput where it cannot be copied.
    """
    try:
        module = copy.deepcopy(network.module)
    except Exception as error:  # foreign code: it may raise anything
        cure = "leave out randomised_weights (name other scores with --score)"
        what = f"the network cannot be copied to be randomised ({type(error).__name__}: {error})"
        raise BadInput(what, where=network.name, cure=cure) from error
    twin = dataclasses.replace(network, module=module.eval(), preparation=None, weights="at random", _cache={})
    layers = in_order(twin, x)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in reversed(layers[-max(1, math.ceil(share * len(layers))) :]):
            for weight in layer.parameters(recurse=False):
                order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
                weight.copy_(weight.flatten()[order].view(weight.shape))
    _calibrate(twin, x)
    return twin


def in_order(network: Network, x: Tensor) -> list[nn.Module]:
    """The modules that have weights of their own, in the order in which they first run.

    One that is not run as a module, for its weights are used by another, stands where it is defined.
    """
    owners = [m for m in network.module.modules() if any(True for _ in m.parameters(recurse=False))]
    places: dict[nn.Module, int] = {}

    def note(module: nn.Module, *_: object) -> None:
        places.setdefault(module, len(places))

    handles = [m.register_forward_hook(note) for m in owners]
    try:
        with untouched(network.module), torch.no_grad():
            network(x[:1])
    finally:
        for handle in handles:
            handle.remove()
    keys, last = {}, -1
    for owner in owners:
        last = places.get(owner, last)
        keys[owner] = last
    return sorted(owners, key=keys.__getitem__)


def _calibrate(network: Network, x: Tensor) -> None:
    norms = [m for m in network.module.modules() if isinstance(m, _NORMS) and m.running_mean is not None]
    if not norms:
        return
    some = x[:CALIBRATED_ON] if len(x) > 1 else torch.cat([x, network.probe(1)])
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
        norm.train()
    with torch.no_grad():
        # Two at least, for a norm behind a pooling has one number a picture.
        for part in some.tensor_split(max(1, len(some) // 8)):
            network(part)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
