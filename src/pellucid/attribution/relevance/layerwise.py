"""Layer-wise relevance propagation as an interpretation of the tape: one rule for each operation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pellucid.attribution.relevance.composites import Composite
from pellucid.attribution.relevance.operations import Affine, Call, affine_of, tensors_in, with_constant
from pellucid.attribution.relevance.rules import away_from_zero, cascade, split_sum, spread
from pellucid.attribution.relevance.tape import Tape, trace
from pellucid.core.errors import BadInput


@dataclass
class Layerwise:
    """What LRP makes of each operation.

    composite: the rules of linear operations. conserve: nothing is lost to biases, ε and constants; False
    leaves each rule as its paper has it. epsilon: steadies sums that cancel, relative.
    fallback: linearise what has no rule, else it is an error. samples: rows of the batch. fallen_back: what
    was linearised.
    """

    composite: Composite
    conserve: bool = True
    epsilon: float = 0.1
    fallback: bool = False
    samples: int = 1
    fallen_back: list[str] = field(default_factory=list)
    last: int | None = None  # the weighted call that relevance reaches first

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call's output, with its rule as backward pass."""
        return _MEET.get(call.kind, _unknown)(self, call, tape)


def _linear(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    if call.kind == "matmul" and len(call.operands) == 2:
        return _matmul(self, call, tape)
    affine = affine_of(call) if len(call.operands) == 1 else None
    if affine is None:
        return _unknown(self, call, tape)
    affine = dataclasses.replace(affine, bounds=trace(call.operands[0]).bounds)

    def back(relevance: Tensor, x: Tensor) -> tuple[Tensor]:
        return (_through(self, affine, x, relevance, call, tape),)

    return tape.ruled(call, back)


def _through(self: Layerwise, affine: Affine, x: Tensor, relevance: Tensor, call: Call, tape: Tape) -> Tensor:
    if self.last is None and call.kind in ("weighted", "matmul"):
        self.last = call.index
    rule = self.composite.rule_for(call, last=call.index == self.last)
    try:
        return cascade(affine, x, relevance, rule) if self.conserve else rule(affine, x, relevance)[0]
    except BadInput as error:
        raise error.at(str(call)) from error


def _matmul(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    """Relevance goes to what is weighted, not to the weights; where neither is known to be weights, half to each."""
    gates = [trace(o).gate for o in call.operands]
    takes = [1.0, 1.0] if gates[0] == gates[1] else [0.0 if g else 2.0 for g in gates]

    def back(relevance: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        given = []
        swap = dict(zip(map(id, call.operands), (a, b), strict=True))
        for take, x, other in ((takes[0], 0, 1), (takes[1], 1, 0)):
            operands = [swap[id(o)] for o in call.operands]
            if not take:
                given.append(torch.zeros_like(operands[x]))
                continue
            affine = with_constant(call, call.operands[x], call.operands[other])
            given.append(_through(self, affine, operands[x], relevance * (take / 2), call, tape))
        return given[0], given[1]

    return tape.ruled(call, back)


def _identity(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    """What has one operand and keeps its shape hands relevance on as it is."""
    if len(call.operands) != 1:
        return _unknown(self, call, tape)
    shape = call.operands[0].shape

    def back(relevance: Tensor) -> tuple[Tensor]:
        return (relevance.sum_to_size(shape),)  # a constant with more numbers may have stretched it

    return tape.ruled(call, back, save=False)


def _sum(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    if len(call.operands) != 2:
        return _identity(self, call, tape)
    sign = -1.0 if call.name == "sub" else 1.0
    factor = sign * float(call.kwargs.get("alpha", 1))

    def back(relevance: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        shapes = a.shape, b.shape
        b = b if factor == 1 else b * factor
        to_a, to_b = split_sum(a, b, relevance, epsilon=self.epsilon)
        return to_a.sum_to_size(shapes[0]), to_b.sum_to_size(shapes[1])

    return tape.ruled(call, back)


def _product(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    """The signal takes all: not a gate, not a divisor, else the larger of the two; equals take half each."""
    if len(call.operands) != 2:
        return _identity(self, call, tape)
    a, b = call.operands
    shapes = a.shape, b.shape
    if call.name == "div":
        part = 1.0
    elif trace(a).gate != trace(b).gate:
        part = float(trace(b).gate)
    elif a.numel() != b.numel():
        part = float(a.numel() > b.numel())
    else:
        part = 0.5

    def back(relevance: Tensor) -> tuple[Tensor, Tensor]:
        return (part * relevance).sum_to_size(shapes[0]), ((1 - part) * relevance).sum_to_size(shapes[1])

    return tape.ruled(call, back, save=False)


def _maximum(self: Layerwise, call: Call, tape: Tape) -> Any:
    """The winner takes all, which is the gradient."""
    return call(*call.operands)


def _joined(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    """Each number keeps its relevance; what falls on constants is spread over the rest of its sample."""
    shapes = [o.shape for o in call.operands]
    constants = call.name in ("pad", "masked_fill", "where") or len(call.operands) < len(tensors_in(call))

    def back(relevance: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            leaves = [relevance.new_zeros(s).requires_grad_(True) for s in shapes]
            given = list(torch.autograd.grad(call(*leaves), leaves, relevance))
        return tuple(_kept(self, call, relevance, given) if self.conserve and constants else given)

    return tape.ruled(call, back, save=False)


def _unknown(self: Layerwise, call: Call, tape: Tape) -> Tensor:
    """No rule: an error once relevance arrives, or, if asked for, the simplest rule on its linearisation."""

    def back(relevance: Tensor, *operands: Tensor) -> tuple[Tensor, ...]:
        if not bool((relevance != 0).any()):
            return tuple(torch.zeros_like(o) for o in operands)
        if not self.fallback:
            raise BadInput(
                f"no rule for {call}", cure="pass fallback='gradient' to linearise it, or use a gradient method"
            )
        self.fallen_back.append(str(call))
        _, linear = torch.autograd.functional.jvp(call, operands, operands)
        with torch.enable_grad():
            leaves = [o.detach().requires_grad_(True) for o in operands]
            grads = torch.autograd.grad(call(*leaves), leaves, relevance / away_from_zero(linear, self.epsilon))
        given = [o * g for o, g in zip(operands, grads, strict=True)]
        return tuple(_kept(self, call, relevance, given) if self.conserve else given)

    return tape.ruled(call, back)


def _kept(self: Layerwise, call: Call, relevance: Tensor, given: list[Tensor]) -> list[Tensor]:
    """``given`` with what is missing of ``relevance`` spread within each sample."""
    if any(len(t) % self.samples for t in (relevance, *given)):
        raise BadInput(f"{call} mixes samples", cure="pass one sample at a time, or conserve=False")
    by_sample = [g.reshape(self.samples, -1) for g in given]
    lost = relevance.reshape(self.samples, -1).sum(1) - torch.stack([g.sum(1) for g in by_sample]).sum(0)
    return [g.view_as(old) for g, old in zip(spread(lost, by_sample), given, strict=True)]


_MEET: dict[str, Callable[[Layerwise, Call, Tape], Any]] = {
    "weighted": _linear,
    "average": _linear,
    "matmul": _linear,
    "activation": _identity,
    "norm": _identity,
    "softmax": _identity,
    "negation": _identity,
    "sum": _sum,
    "product": _product,
    "maximum": _maximum,
    "joined": _joined,
}
