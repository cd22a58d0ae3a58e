"""Which layers learn: everything before a layer stays as it is, bit for bit, its running statistics too."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from pellucid.core.errors import BadInput
from pellucid.models.heads import Projection, head_place, last_place
from pellucid.models.network import Network
from pellucid.training.plan import ALL, HEAD

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True)
class Learners:
    """head: the last layer's name. frozen: modules that neither learn nor see a new mean. backbone: the other ones that
    learn; "" is the network itself, where it has weights beside its layers.
    """

    head: str
    frozen: tuple[str, ...]
    backbone: tuple[str, ...]


def learners(network: Network, unfreeze_from: str, *, own: bool = False) -> Learners:
    """What learns when everything that runs before ``unfreeze_from`` is frozen.

    unfreeze_from: a layer's name, "head" or "all". own: the network keeps its own last layer (see ``Head``). The order
    is that of execution, as a pass shows it. Raises BadInput for an unknown layer, or one that does not run.
    """
    head = (last_place(network) if own else head_place(network)).name
    first = _first(network, head, unfreeze_from)
    # Also what has no weights: dropout and stochastic depth in front of what learns would only add noise.
    frozen = tuple(l.name for l in network.tree() if l.calls == 0 or l.order < first)
    frozen += tuple(name for name in _noisy(network, head) if name not in frozen)
    kept = set(frozen)
    within = lambda name: name == head or name.startswith(f"{head}.")  # noqa: E731
    learning = [l.name for l in network.tree() if l.name not in kept and not within(l.name)]
    return Learners(head, frozen, ("", *learning) if unfreeze_from == ALL else tuple(learning))


def _noisy(network: Network, head: str) -> tuple[str, ...]:
    """Dropouts of a network that learns by contrast, of whose views of a picture each would lose other features."""
    named = dict(network.module.named_modules())
    if not isinstance(named[head], Projection):
        return ()
    return tuple(name for name, module in named.items() if isinstance(module, _DROPOUTS))


def _first(network: Network, head: str, wanted: str) -> int:
    """The earliest moment at which something of the wanted layer runs."""
    if wanted == ALL:
        return -1
    name = head if wanted == HEAD else network.layers(wanted)[0]
    inside = [l.order for l in network.tree() if l.calls and (l.name == name or l.name.startswith(f"{name}."))]
    if not inside:
        raise BadInput(f"layer {name!r} does not run", where=network.name, cure="choose another (see pellucid layers)")
    return min(inside)


def freeze(module: nn.Module, chosen: Learners, *, head_only: bool = False) -> None:
    """Let the chosen layers ask for gradients and no others; head_only: only the last layer (a probe's epochs)."""
    module.requires_grad_(False)
    for name in (chosen.head,) if head_only else (chosen.head, *chosen.backbone):
        for parameter in module.get_submodule(name).parameters(recurse=name == chosen.head):
            parameter.requires_grad_(parameter.dtype.is_floating_point)


def training_mode(module: nn.Module, chosen: Learners, *, head_only: bool = False) -> None:
    """Training mode for what learns; what is frozen stays in evaluation mode, so its statistics stay too."""
    module.train()
    for name in chosen.frozen + (chosen.backbone if head_only else ()):
        module.get_submodule(name).training = False


def groups(
    module: nn.Module, chosen: Learners, lr: float, backbone_lr: float, weight_decay: float
) -> list[dict[str, object]]:
    """Parameter groups for an optimizer: the head at ``lr``, the backbone at a share of it; biases and norms do not
    decay.
    """
    found: list[dict[str, object]] = []
    for rate, names in ((lr, (chosen.head,)), (lr * backbone_lr, chosen.backbone)):
        own = list(_parameters(module, names, recurse=names == (chosen.head,)))
        for decay, some in ((weight_decay, [p for p in own if p.ndim > 1]), (0.0, [p for p in own if p.ndim <= 1])):
            if some:
                found.append({"params": some, "lr": rate, "weight_decay": decay})
    return found


def _parameters(module: nn.Module, names: tuple[str, ...], *, recurse: bool) -> Iterator[nn.Parameter]:
    for name in names:
        yield from module.get_submodule(name).parameters(recurse=recurse)


def without_head(network: Network) -> Network:
    """The network up to its head, whose input [n, width] it gives."""
    module = copy.deepcopy(network.module)
    parent, _, child = head_place(network).name.rpartition(".")
    setattr(module.get_submodule(parent), child, nn.Identity())
    return dataclasses.replace(network, module=module, classes=None, output="values", _cache={})
