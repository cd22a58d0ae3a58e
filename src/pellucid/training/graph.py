"""What one backward pass showed: autograd's own graph, watched node by node.

Module backward hooks wrap inputs and outputs in views, which in-place activations then refuse; tensor hooks see
gradients only summed over everybody who used the tensor. Hooks on the graph's nodes do neither: each node tells
what came in, what it made of it, and when in the forward pass it was recorded, which says whose operation it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pellucid.training.passes import Call, ForwardPass, Key
from pellucid.training.tensors import Size, floats_in

#: The running number of the nodes that gather a parameter's gradient. They live as long as the parameter.
GATHERS = 2**64 - 1


class Node:
    """One recorded operation. layers: which layer's output each of its outputs is. users: the nodes that take each
    of its outputs. shared: its inputs whose gradient others add to, so that only here it is told apart; weights:
    those that are parameters; outside: those that others made before the pass.
    """

    __slots__ = ("home", "layers", "name", "number", "outside", "shared", "users", "weights")

    def __init__(self, name: str, number: int, home: ForwardPass):
        self.name, self.number, self.home = name, number, home
        self.layers: dict[int, Key] = {}
        self.users: dict[int, list[Node]] = {}
        self.shared: list[int] = []
        self.weights: list[int] = []
        self.outside: list[int] = []

    @property
    def operation(self) -> str:
        """``log`` for ``LogBackward0``."""
        return operation_of(self.name)

    @property
    def call(self) -> Call | None:
        """The innermost module call that the operation belongs to."""
        return self.home.innermost(self.number)


def operation_of(name: str) -> str:
    """``log`` for ``LogBackward0``, ``native_batch_norm`` for ``NativeBatchNormBackward0``."""
    plain = name.rpartition("::")[2].partition("Backward")[0]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", plain).lower()


class Gradient(Size):
    """A gradient that a node was given (of its output ``at``), or ``made`` (of its input ``at``)."""

    __slots__ = ("at", "made", "of")

    def __init__(self, of: Node, at: int, made: bool, tensor: Tensor):
        super().__init__(tensor)
        self.of, self.at, self.made = of, at, made


class BackwardPass:
    """The gradients of one run of autograd's engine, in the order of time."""

    def __init__(self, *, at_once: bool):
        self.at_once = at_once
        self.gradients: list[Gradient] = []

    def observe(self, node: Node, made: Any, given: Any) -> None:
        """A node has run."""
        for at, own, tensor in _worth_measuring(node, made, given):
            seen = Gradient(node, at, own, tensor)
            if self.at_once:
                seen.read(tensor)
            self.gradients.append(seen)

    @property
    def harmful(self) -> bool:
        """Whether something bad has reached a parameter, or left the network."""
        return any(g.bad for g in self.gradients if g.made and (g.at in g.of.weights or g.at in g.of.outside))

    @property
    def weight_norm(self) -> float:
        """The size of all parameters' gradients together, as ``clip_grad_norm_`` finds it where each is used once."""
        return math.sqrt(sum(g.norm * g.norm for g in self.gradients if g.made and g.at in g.of.weights))


def _worth_measuring(node: Node, made: Any, given: Any) -> list[tuple[int, bool, Tensor]]:
    """(which, made here, gradient): what came in, and of what was made only what is not measured as it comes in."""
    coming = [(i, False, g) for i, g in enumerate(given) if floats_in(g)]
    told = (*node.shared, *node.weights, *node.outside)
    return coming + [(i, True, made[i]) for i in told if i < len(made) and floats_in(made[i])]


def watch_graph(
    home: ForwardPass, began: int, tell: Callable[[Node, Any, Any], None]
) -> list[torch.utils.hooks.RemovableHandle]:
    """Call ``tell(node, made, given)`` after each operation of the pass in the coming backward passes.

    Nodes that are older than ``began`` belong to somebody else. The handles that are returned remove the hooks; a
    graph that is gone takes its hooks along.
    """
    nodes = _nodes({t.grad_fn for t in home.result if t.grad_fn is not None}, home, began)
    for key, grad_fn, at in home.outputs:
        if grad_fn in nodes:
            nodes[grad_fn].layers.setdefault(at, key)
    return [grad_fn.register_hook(partial(_told, tell, node)) for grad_fn, node in nodes.items()]


def _told(tell: Callable[[Node, Any, Any], None], node: Node, made: Any, given: Any) -> None:
    tell(node, made, given)  # and nothing is returned, so the gradients stay as they are


def _nodes(roots: Iterable[Any], home: ForwardPass, began: int) -> dict[Any, Node]:
    """The graph's nodes of this pass, each knowing its users."""
    nodes: dict[Any, Node] = {}
    edges: dict[tuple[Any, int], list[tuple[Node, int]]] = {}
    waiting = [r for r in roots if began <= r._sequence_nr() != GATHERS]
    while waiting:
        grad_fn = waiting.pop()
        if grad_fn in nodes:
            continue
        node = nodes[grad_fn] = Node(grad_fn.name(), grad_fn._sequence_nr(), home)
        for i, (source, at) in enumerate(grad_fn.next_functions):
            if source is None:
                continue
            number = source._sequence_nr()
            if number == GATHERS:
                node.weights.append(i)
            else:
                edges.setdefault((source, at), []).append((node, i))
                if number >= began:
                    waiting.append(source)
    for (source, at), users in edges.items():
        if source in nodes:
            nodes[source].users[at] = [user for user, _ in users]
        for user, i in users:
            if source not in nodes:
                user.outside.append(i)
            elif len(users) > 1:
                user.shared.append(i)
    return nodes
