"""The last layer of a network, put in place for what it is to answer.

A head is named by its kind and its width, so that a run's config can build the same network again.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, near
from pellucid.models.layers import Layer
from pellucid.models.network import Network

#: The network was made with as many outputs as the task needs, and keeps its own last layer.
OWN = "own"


@dataclass(frozen=True)
class Head:
    """kind: a name in ``KINDS``, or OWN. outputs: how many numbers (or maps) it gives a sample."""

    kind: str
    outputs: int


#: Offsets are kept in tenths. An optimizer whose steps have one size for all (Adam) then moves them ten times as fast;
#: else they would still be where they began when the weights behind the score are learnt.
GAIN = 10


class Thresholds(nn.Module):
    """One score [n, 1] against thresholds: score + offsets, [n, count]. Offsets fall, as those of a sorted scale do.

    offsets = first − cumulative softplus(steps), both times GAIN, so that P(y > k) = sigmoid(output k) never increases
    with k.
    """

    #: The parameter that takes up a constant that is added to the score.
    level = "first"

    def __init__(self, count: int):
        super().__init__()
        # Evenly spaced from about +1 to −1: nobody knows better before training.
        self.first = nn.Parameter(torch.tensor([1.0 if count > 1 else 0.0]) / GAIN)
        gap = torch.full((max(0, count - 1),), 2.0 / max(1, count - 1))
        self.steps = nn.Parameter(torch.log(torch.expm1(gap)) / GAIN)

    def forward(self, score: Tensor) -> Tensor:
        """Add the offsets."""
        first, falls = GAIN * self.first, nn.functional.softplus(GAIN * self.steps).cumsum(0)
        return score + torch.cat([first, first - falls])


class Offsets(nn.Module):
    """One score [n, 1] with a free offset (times GAIN) for each threshold, as CORAL has it: their sums, [n, count]."""

    level = "offsets"

    def __init__(self, count: int):
        super().__init__()
        # As in the paper's own code: from 1 falling to 1/count, so that the probabilities begin in order.
        self.offsets = nn.Parameter(torch.arange(count, 0, -1).float() / count / GAIN)

    def forward(self, score: Tensor) -> Tensor:
        """Add the offsets."""
        return score + GAIN * self.offsets


class Projection(nn.Sequential):
    """Two linear layers, between them batch norm and ReLU: what a contrastive loss sees of the features [n, width].

    Of Chen et al. 2020 (arXiv:2002.05709, §4.2): the features before it tell more than what it gives, so it is dropped
    when the loss is done (``dropped``).
    """

    def __init__(self, width: int, outputs: int):
        hidden = nn.Linear(width, width, bias=False)
        super().__init__(hidden, nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, outputs))
        self.in_features = width


class Code(nn.Identity):
    """What is left where a projection was dropped: the features [n, width] are the network's output, its code."""

    def __init__(self, width: int):
        super().__init__()
        self.in_features = width


class OneScore(nn.Sequential):
    """One score of the features [n, width], and offsets to it: the head of an ordered scale, replaced as a whole.

    The score has no bias: the offsets shift it already, and of two that do the same neither has a value of its own.
    """

    def __init__(self, width: int, offsets: nn.Module):
        super().__init__(nn.Linear(width, 1, bias=False), offsets)
        self.in_features = width


def _linear(width: int, outputs: int) -> nn.Module:
    return nn.Linear(width, outputs)


def _coral(width: int, outputs: int) -> nn.Module:
    return OneScore(width, Offsets(outputs))


def _cumulative(width: int, outputs: int) -> nn.Module:
    return OneScore(width, Thresholds(outputs))


#: The head that is dropped after training.
PROJECTION = "projection"

#: What makes a head for features of some width.
KINDS: dict[str, Callable[[int, int], nn.Module]] = {
    "linear": _linear,
    "coral": _coral,
    "cumulative": _cumulative,
    PROJECTION: Projection,
}

#: What a head is put in place of.
_HEADS = nn.Linear | OneScore | Projection | Code


def make_head(head: Head, width: int) -> nn.Module:
    """The head for features [n, width], its weights drawn from torch's generator."""
    if head.kind not in KINDS:
        raise BadInput(f"unknown head {head.kind!r}", cure=near(head.kind, KINDS))
    return KINDS[head.kind](width, head.outputs)


def head_place(network: Network) -> Layer:
    """The linear layer that gives the network's output, or the head that took its place once: where a head goes."""
    used = [layer for layer in network.tree() if layer.calls]
    heads = [layer for layer in used if isinstance(network.module.get_submodule(layer.name), _HEADS)]
    last = max(heads, key=lambda layer: layer.order, default=None)
    behind = [layer for layer in used if last and layer.order > last.order and layer.leaf and layer.own_parameters]
    if last is None or behind or len(last.input_shape or ()) != 1:
        cure = "choose a network that ends in a linear layer over pooled features (see pellucid layers)"
        raise BadInput("there is no last linear layer that a new head could replace", where=network.name, cure=cure)
    return last


def dropped(network: Network) -> Network:
    """The network with its projection dropped: in its place is ``Code``, and the features are the output."""
    place = head_place(network).name
    module = copy.deepcopy(network.module)
    parent, _, child = place.rpartition(".")
    setattr(module.get_submodule(parent), child, Code(module.get_submodule(place).in_features))  # type: ignore[arg-type]
    return dataclasses.replace(network, module=module, classes=None, output="values", _cache={})


def code_place(network: Network) -> str | None:
    """The name of the layer that gives the code where a projection was dropped; None where none was."""
    return next((name for name, module in network.module.named_modules() if isinstance(module, Code)), None)


def last_place(network: Network) -> Layer:
    """The last layer with weights, in the order of execution: what learns first where the network keeps its own."""
    own = [layer for layer in network.tree() if layer.calls and layer.leaf and layer.own_parameters]
    if not own:
        raise BadInput("it has no weights that could learn", where=network.name, cure="choose another network")
    return max(own, key=lambda layer: layer.order)


def with_head(network: Network, head: Head, *, seed: int = 0) -> Network:
    """The network on a copy of its module whose last linear layer is the head, drawn with the seed."""
    if head.kind == OWN:
        return dataclasses.replace(network, module=copy.deepcopy(network.module), classes=None, _cache={})
    place = head_place(network)
    module = copy.deepcopy(network.module)
    old = module.get_submodule(place.name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = make_head(head, old.in_features).to(network.device, network.dtype)  # type: ignore[arg-type]
    parent, _, child = place.name.rpartition(".")
    setattr(module.get_submodule(parent), child, new)
    return dataclasses.replace(network, module=module, classes=None, _cache={})
