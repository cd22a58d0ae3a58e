"""What one forward pass showed: every module's call, and the size of every tensor that crossed a module's border."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.training.tensors import Size, floats_in

Key = tuple[str, int]  # a module's name and which of its calls


class Call:
    """One call of a module. began, ended: autograd's running number, which tells whose operations are whose.

    children: the calls inside it that have ended, in order.
    """

    __slots__ = ("began", "children", "ended", "key", "module", "parent")

    def __init__(self, key: Key, module: nn.Module, parent: Call | None):
        self.key, self.module, self.parent = key, module, parent
        self.began = torch.autograd._get_sequence_nr()
        self.ended: int | None = None
        self.children: list[Call] = []

    @property
    def leaf(self) -> bool:
        """Whether no module ran inside it."""
        return not self.children


class Observation(Size):
    """A tensor that entered (``inward``) or left a call.

    before: the last call inside the same container that had ended by then. node: what autograd recorded of it.
    """

    __slots__ = ("before", "call", "inward", "node")

    def __init__(self, call: Call, inward: bool, tensor: Tensor):
        super().__init__(tensor)
        self.call, self.inward, self.node = call, inward, tensor.grad_fn
        around = call.parent if inward else call
        self.before = around.children[-1] if around and around.children else None


class ForwardPass:
    """The calls and observations of one pass through the outermost module, in the order of time."""

    def __init__(self, *, at_once: bool):
        self.at_once = at_once
        self.stack: list[Call] = []
        self.calls: Counter[str] = Counter()
        self.ended: list[Call] = []
        self.observations: list[Observation] = []
        self.outputs: list[tuple[Key, Any, int]] = []  # what autograd calls each leaf's output
        self.result: list[Tensor] = []
        self._seen: dict[int, tuple[weakref.ref, int]] = {}

    def enter(self, name: str, module: nn.Module, given: Any) -> Call:
        """A module is called with ``given``."""
        self.calls[name] += 1
        call = Call((name, self.calls[name]), module, self.stack[-1] if self.stack else None)
        for tensor in floats_in(given):
            self._observe(call, True, tensor)
        self.stack.append(call)
        return call

    def leave(self, output: Any) -> None:
        """The innermost module ends, with ``output``, or with None after an exception."""
        call = self.stack.pop()
        call.ended = torch.autograd._get_sequence_nr()
        tensors = floats_in(output)
        for tensor in tensors:
            self._observe(call, False, tensor)
            if call.leaf and tensor.grad_fn is not None:
                self.outputs.append((call.key, tensor.grad_fn, tensor.output_nr))
        self.ended.append(call)
        if call.parent:
            call.parent.children.append(call)
        else:
            self.result = tensors

    def _observe(self, call: Call, inward: bool, tensor: Tensor) -> None:
        """Once for each state of a tensor: a container gives what its last child gave."""
        version = 0 if tensor.is_inference() else tensor._version
        known = self._seen.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == version:
            return
        self._seen[id(tensor)] = weakref.ref(tensor), version
        seen = Observation(call, inward, tensor)
        if self.at_once:
            seen.read(tensor)
        self.observations.append(seen)

    def name_of(self, key: Key) -> str:
        """``relu:2`` where the module ran several times, else its name; the outermost by its class."""
        name, call = key
        plain = name or self._outermost
        return f"{plain}:{call}" if self.calls[name] > 1 else plain

    @property
    def _outermost(self) -> str:
        root = next((c for c in self.ended if not c.key[0]), None)
        return type(root.module).__name__ if root else "the network"

    def innermost(self, number: int) -> Call | None:
        """The call during which autograd recorded the operation of this running number."""
        inside = [c for c in self.ended if c.ended is not None and c.began <= number < c.ended]
        return min(inside, key=lambda c: (c.ended or 0) - c.began, default=None)

    def release(self) -> None:
        """Let go of the graph, which holds this pass through its hooks and would never be freed."""
        self.outputs, self.result, self._seen = [], [], {}
        for each in self.observations:
            each.node = None
        for call in self.ended:
            call.parent = None
