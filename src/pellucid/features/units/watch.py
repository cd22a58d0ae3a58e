"""What leaves each unit: a layer's output behind its norm and its activation, met while the network runs.

An activation may be a module, a function or a method that works in place, and it may follow at once or behind a
batch norm. So the functions that torch runs are met (as the tape of the relevance methods does), and a layer's
output is followed as long as it is passed on whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.features.units.banks import FILTERED
from pellucid.models.capture import tensors_in
from pellucid.models.network import Network
from pellucid.models.prepare import untouched


@dataclass(frozen=True)
class Activation:
    """A function behind a unit. rectifies: far below zero it passes nothing on. dip: how far below zero it goes before
    that, 0 for those that cut. low, high: outputs at which it passes no change on, None where it has none that counts.

    The lower bound of ReLU and ReLU6 does not count: being zero most of the time is what they are for. ELU and the
    leaky ones do not rectify: what is below zero is passed on as well.
    """

    name: str
    rectifies: bool = False
    dip: float = 0.0
    low: float | None = None
    high: float | None = None


NONE = Activation("none")

_ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("relu", True),
        *(Activation(n) for n in ("leaky_relu", "prelu", "rrelu", "elu", "selu", "celu")),
        Activation("gelu", True, dip=0.17),
        Activation("silu", True, dip=0.278),
        Activation("mish", True, dip=0.309),
        Activation("relu6", True, high=6.0),
        Activation("hardswish", True, dip=0.375, low=0.0),
        Activation("sigmoid", low=0.0, high=1.0),
        Activation("hardsigmoid", low=0.0, high=1.0),
        Activation("tanh", low=-1.0, high=1.0),
        Activation("softplus"),
        Activation("softsign", low=-1.0, high=1.0),
    )
}

#: Functions that clip: their bounds are among their arguments.
_CLIPS = {"hardtanh": (-1.0, 1.0), "clamp": (None, None), "clip": (None, None), "clamp_min": (None, None)}

#: What passes each channel on by itself.
_NORMS = ("batch_norm", "instance_norm", "dropout", "dropout2d", "feature_dropout")


def activation_of(name: str, args: tuple, kwargs: Mapping[str, Any]) -> Activation | None:
    """The activation that a call of torch's is; None for any other function."""
    if name in _ACTIVATIONS:
        return _ACTIVATIONS[name]
    if name not in _CLIPS:
        return None
    names = ("min_val", "max_val") if name == "hardtanh" else ("min", "max")
    given = [
        args[i] if len(args) > i else kwargs.get(n, default)
        for i, n, default in zip((1, 2), names, _CLIPS[name], strict=True)
    ]
    if not all(b is None or isinstance(b, int | float) for b in given):
        return None
    low, high = given
    if low == 0:
        return _ACTIVATIONS["relu"] if high is None else Activation(f"relu{high:g}", True, high=float(high))
    return Activation("hardtanh", low=low, high=high)


@dataclass(frozen=True)
class Path:
    """What follows one call of a layer: the names of the functions that pass its output on, and the activation.

    sign: what a batch norm on the way multiplies each unit by, as −1, 0 or 1; None without one.
    """

    names: tuple[str, ...]
    activation: Activation
    sign: Tensor | None


Calls = dict[tuple[str, int], Path]


def paths_of(network: Network) -> Calls:
    """Run the network on a probe: each call of each layer with filters, in their order, and what follows it."""
    tracer = _Tracer()
    with untouched(network.module), torch.no_grad(), _hooked(network.module, tracer.begin), tracer:
        network(network.probe())
    return {call: _path(node) for call, node in tracer.roots.items()}


#: Called with a layer's name, the number of its call, values, and whether they are those behind the activation.
Meet = Callable[[str, int, Tensor, bool], None]


@contextmanager
def following(network: Network, paths: Calls, meet: Meet) -> Iterator[None]:
    """Within the block, which runs the network once, ``meet(layer, call, values, after)`` is called for each call.

    First with the values before the activation, ``after`` being False, then with those behind it; where there is no
    activation with the same values twice.
    """
    follower = _Follower(paths, meet)
    with untouched(network.module), torch.no_grad(), _hooked(network.module, follower.begin), follower:
        yield


@contextmanager
def _hooked(module: nn.Module, begin: Callable[[str, Tensor], None]) -> Iterator[None]:
    handles = []
    try:
        for name, each in module.named_modules():
            if isinstance(each, FILTERED):
                handles.append(each.register_forward_hook(lambda m, i, o, name=name: begin(name, o)))
        yield
    finally:
        for handle in handles:
            handle.remove()


# -- finding out ----------------------------------------------------------------------------------


@dataclass
class _Node:
    """A tensor on the way of a layer's output: who takes it, and what becomes of it there."""

    tensor: Tensor
    takers: list[str] = field(default_factory=list)
    next: _Node | None = None
    activation: Activation | None = None
    sign: Tensor | None = None


class _Tracer(TorchFunctionMode):
    """Keeps all takers of each layer's output, for a value that two take is passed on by none of them alone."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: dict[tuple[str, int], _Node] = {}
        self._nodes: dict[int, _Node] = {}
        self._calls: dict[str, int] = {}

    def begin(self, layer: str, output: Tensor) -> None:
        call = self._calls[layer] = self._calls.get(layer, 0) + 1
        self.roots[layer, call] = self._nodes[id(output)] = _Node(output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        taken = [self._nodes[id(t)] for t in tensors_in([*args, *kwargs.values()]) if id(t) in self._nodes]
        output = func(*args, **kwargs)
        if taken and tensors_in(output):
            self._note(taken, function_name(func), args, kwargs, output)
        return output

    def _note(self, taken: list[_Node], name: str, args: tuple, kwargs: Mapping[str, Any], output: Any) -> None:
        for node in taken:
            node.takers.append(name)
        first, activation = taken[0], activation_of(name, args, kwargs)
        own = args and first.tensor is args[0] and isinstance(output, Tensor)
        if own and (activation or name in _NORMS):
            first.next = self._nodes[id(output)] = _Node(output, activation=activation)
            if name in ("batch_norm", "instance_norm"):
                first.next.sign = _sign(name, args, kwargs)


def _sign(name: str, args: tuple, kwargs: Mapping[str, Any]) -> Tensor | None:
    weight = args[3] if len(args) > 3 else kwargs.get("weight")
    return None if weight is None else weight.detach().sign()


def _path(node: _Node) -> Path:
    names: list[str] = []
    sign: Tensor | None = None
    while node.next is not None and len(node.takers) == 1:
        names += node.takers
        node = node.next
        if node.sign is not None:
            sign = node.sign if sign is None else sign * node.sign
        if node.activation is not None:
            return Path(tuple(names), node.activation, sign)
    return Path(tuple(names), NONE, sign)


def function_name(func: Any) -> str:
    """A function's name: in place or not is the same."""
    return str(getattr(func, "__name__", func)).rstrip("_")


# -- following ------------------------------------------------------------------------------------


class _Follower(TorchFunctionMode):
    """Follows each layer's output along its known path, and holds no tensor longer than that."""

    def __init__(self, paths: Calls, meet: Meet):
        super().__init__()
        self._paths, self._meet = paths, meet
        self._calls: dict[str, int] = {}
        self._on_way: dict[int, tuple[Tensor, tuple[str, int], int]] = {}

    def begin(self, layer: str, output: Tensor) -> None:
        key = layer, self._calls.get(layer, 0) + 1
        self._calls[layer] = key[1]
        self._arrived(output, key, 0)

    def _arrived(self, output: Tensor, key: tuple[str, int], done: int) -> None:
        path = self._paths.get(key)
        if path is None:
            return
        if done < len(path.names):
            self._on_way[id(output)] = (output, key, done)
        elif path.activation is NONE:
            self._meet(*key, output, False)
            self._meet(*key, output, True)
        else:
            self._meet(*key, output, True)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = self._on_way.get(id(args[0])) if args and isinstance(args[0], Tensor) else None
        if found is None:
            return func(*args, **kwargs)
        _, key, done = found
        path = self._paths[key]
        if function_name(func) != path.names[done]:
            return func(*args, **kwargs)
        if done == len(path.names) - 1 and path.activation is not NONE:
            self._meet(*key, args[0], False)  # before it may be overwritten
        del self._on_way[id(args[0])]
        output = func(*args, **kwargs)
        self._arrived(output, key, done + 1)
        return output
