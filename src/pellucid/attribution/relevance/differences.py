"""DeepLIFT as an interpretation of the tape: multipliers Δoutput/Δinput between a reference and the input.

Two passes over the same operations: the first, at the reference, records what each nonlinear operation was
given; the second, at the input, gives each one the multiplier between the two as its backward pass.
Linear operations keep their gradient, which is their multiplier. Every rule here is exact: the multipliers times the
differences add up to the change of the output. Source: arXiv:1704.02685; the rules for several operands
average both orders of change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.attribution.relevance.operations import Call, affine_of, tensors_in
from pellucid.attribution.relevance.tape import Tape, trace
from pellucid.core.errors import BadInput

#: Activations made of straight pieces, whose difference quotient is exact however small the difference is.
_PIECEWISE = frozenset(
    {"relu", "relu6", "hardtanh", "leaky_relu", "prelu", "rrelu", "clamp", "clamp_min", "clamp_max", "clip"}
    | {"threshold", "abs", "hardsigmoid", "hardshrink", "softshrink"}
)
#: Activations whose slope grows without bound towards zero.
_STEEP = frozenset({"sqrt", "rsqrt", "log", "reciprocal", "pow", "div"})

#: Differences below which a smooth activation's quotient is worse than Simpson's rule for its mean slope.
_SMALL = {torch.float64: 1e-3, torch.float32: 0.05}


@dataclass
class Reference:
    """What every nonlinear operation was given at the reference, by the call's index."""

    safe: bool = False
    given: dict[int, tuple[str, tuple[Tensor, ...], tuple[int, ...]]] = field(default_factory=dict)
    conditions: dict[int, list[Tensor]] = field(default_factory=dict)

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call as it is, its operands noted."""
        self.conditions[call.index] = _conditions(call)
        if _rule(call) is None and call.kind != "weighted":
            return call(*call.operands)
        kept = tuple(o.detach().clone() if self.safe else o.detach() for o in call.operands)
        self.given[call.index] = (call.name, kept, tuple(k._version for k in kept))
        return call(*call.operands)

    def operands(self, call: Call) -> tuple[Tensor, ...]:
        """What the call of this index was given; another operation there is an error."""
        name, kept, versions = self.given.get(call.index, ("nothing", (), ()))
        if name != call.name or [k.shape for k in kept] != [o.shape for o in call.operands]:
            what = f"{call} did not run at the reference, where {name} ran: the network's path depends on its input"
            raise BadInput(what, cure="use a method without a reference, as lrp")
        if any(k._version != v for k, v in zip(kept, versions, strict=True)):
            raise RuntimeError("a reference was modified by an inplace operation")
        return kept


@dataclass
class Differences:
    """What DeepLIFT makes of each operation. reveal_cancel: positive and negative parts have their own multipliers."""

    reference: Reference
    reveal_cancel: bool = False
    parts: dict[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    activations: int = 0
    revealed: int = 0

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call's output, its multiplier as backward pass where it is not linear."""
        if call.kind == "weighted" and self.reveal_cancel:
            return _in_parts(self, call, tape)
        rule = _rule(call) if self._same_condition(call) else _unknown
        if rule is None:
            return call(*call.operands)
        if rule is _unknown:
            return tape.ruled(call, lambda grad, *after: _unknown(call, grad, after, ()))
        before = self.reference.operands(call)
        parts = self.parts.get(trace(call.operands[0]).maker) if call.kind == "activation" else None
        self.activations += call.kind == "activation"
        if parts is not None:
            self.revealed += 1
            return _revealed(call, tape, *parts)

        def back(grad: Tensor, *after: Tensor) -> tuple[Tensor, ...]:
            return rule(call, grad, after, before)

        return tape.ruled(call, back)

    def _same_condition(self, call: Call) -> bool:
        before, now = self.reference.conditions.get(call.index, []), _conditions(call)
        return len(before) == len(now) and all(torch.equal(b, n) for b, n in zip(before, now, strict=True))


def _conditions(call: Call) -> list[Tensor]:
    """Masks and factors of 0 and 1 among a call's constants, which may have been computed from the input."""
    if call.kind not in ("joined", "product"):
        return []
    return [t.detach() for t in tensors_in(call) if t.dtype == torch.bool]


#: From a call, the multiplier of its output, its operands at the input and at the reference: theirs.
Rule = Callable[[Call, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor, ...]]


def _rule(call: Call) -> Rule | None:
    """The rule of a nonlinear call; None for a linear one."""
    if call.kind in ("sum", "joined", "negation"):
        return None
    if call.name == "batch_norm":
        training = _arguments(call, "running_mean", "running_var", "weight", "bias", "training", training=False)[4]
        return _unknown if training else None  # in evaluation mode it is linear
    if call.kind in ("weighted", "average"):
        return None if len(call.operands) == 1 and not call.twice else _unknown
    if call.kind in ("product", "matmul"):
        return _product_rule(call)
    return {
        "activation": _activation if len(call.operands) == 1 else _unknown,
        "softmax": _softmax if call.name == "softmax" else _unknown,
        "norm": _NORMS.get(call.name, _unknown),
        "maximum": _MAXIMA.get(call.name, _unknown),
        "unknown": _length if call.name == "norm" else _unknown,
    }.get(call.kind, _unknown)


def _product_rule(call: Call) -> Rule | None:
    """Of two factors, or of one with itself; with a constant a product is linear unless the constant is divided."""
    if call.name == "div":
        return _quotient if len(call.operands) == 2 else _activation if _inverse(call) else None
    factors = len(call.operands) + call.twice
    if factors > 2 or len(tensors_in(call)) > 2:
        return _unknown
    return _midpoint if factors == 2 else None


def _inverse(call: Call) -> bool:
    """Whether the one operand divides."""
    if call.name != "div":
        return False
    first = call.args[0] if call.args else call.kwargs.get("input")
    return (first is not call.operands[0]) != call.reverse


def _slope(call: Call, *at: Tensor) -> tuple[Tensor, ...]:
    """The derivative of an operation whose outputs depend on one number each."""
    return _pulled(call, torch.ones((), dtype=at[0].dtype, device=at[0].device), at)


def _pulled(call: Callable[..., Tensor], grad: Tensor, at: Iterable[Tensor]) -> tuple[Tensor, ...]:
    with torch.enable_grad():
        leaves = [a.detach().requires_grad_(True) for a in at]
        output = call(*leaves)
        return torch.autograd.grad(output, leaves, grad.expand_as(output))


def _activation(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    (x,), (x0,) = after, before
    return (grad * _mean_slope(call, x0, x),)


def _mean_slope(call: Call, x0: Tensor, x: Tensor) -> Tensor:
    """(f(x) − f(x0)) / (x − x0), where they are near each other by the derivative."""
    step = x - x0
    if call.name in _PIECEWISE:
        small = step == 0
    elif call.name in _STEEP:  # near zero such a function bends within any fixed step
        small = step.abs() <= 1e-3 * torch.minimum(x.abs(), x0.abs())
    else:
        small = step.abs() < _SMALL.get(x.dtype, 0.05)
    quotient = (call(x) - call(x0)) / torch.where(step == 0, 1, step)
    if not bool(small.any()):
        return quotient
    if call.name in _PIECEWISE:
        return torch.where(small, _slope(call, x)[0], quotient)
    ends, middle = _slope(call, x)[0] + _slope(call, x0)[0], _slope(call, (x + x0) / 2)[0]
    return torch.where(small, (ends + 4 * middle) / 6, quotient)


def _midpoint(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Products of two operands are quadratic, for which the gradient at the midpoint is exact."""
    return _pulled(call, grad, [(a + b) / 2 for a, b in zip(after, before, strict=True)])


def _quotient(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    (a, b), (a0, b0) = after, before
    to_a = grad * (1 / b + 1 / b0) / 2
    to_b = -grad * (a + a0) / 2 / (b * b0)
    return to_a.sum_to_size(a.shape), to_b.sum_to_size(b.shape)


def _softmax(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    """Exact with the logarithmic mean L of the shares: Δp = L·(Δx − c), where Σ Δp = 0 gives c."""
    dim = _arguments(call, "dim")[0]
    if dim is None:  # torch's own choice where none is given
        dim = 0 if after[0].ndim in (0, 1, 3) else 1
    p, p0 = call(*after), call(*before)
    ratio = (p / p0.clamp(min=torch.finfo(p.dtype).tiny)).log()
    near = (p - p0).abs() <= 1e-4 * p
    mean = torch.where(near | ~torch.isfinite(ratio), (p + p0) / 2, (p - p0) / torch.where(near, 1, ratio))
    weighted = mean * grad
    return (weighted - mean * weighted.sum(dim, keepdim=True) / mean.sum(dim, keepdim=True),)


# -- norms ----------------------------------------------------------------------------------------


def _normalised(grad: Tensor, c: Tensor, c0: Tensor, r: Tensor, r0: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    """The multiplier of c·r with r = 1/√(mean c² + ε): half by c, half by r, whose own difference is exact too."""
    middle = (c + c0) / 2
    return grad * (r + r0) / 2 - 2 * middle * mean(grad * middle) * r.square() * r0.square() / (r + r0)


def _layer_norm(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    (x,), (x0,) = after, before
    shape, weight, _, eps = _arguments(call, "normalized_shape", "weight", "bias", "eps", eps=1e-5)
    dims = tuple(range(-len(shape), 0))
    return (_centred(grad if weight is None else grad * weight, x, x0, dims, eps),)


def _group_norm(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    (x,), (x0,) = after, before
    groups, weight, _, eps = _arguments(call, "num_groups", "weight", "bias", "eps", eps=1e-5)
    if weight is not None:
        grad = grad * weight.view(-1, *[1] * (x.ndim - 2))
    split = lambda t: t.reshape(len(t), groups, -1)  # noqa: E731
    return (_centred(split(grad), split(x), split(x0), (-1,), eps).view_as(x),)


def _centred(grad: Tensor, x: Tensor, x0: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    mean = lambda t: t.mean(dims, keepdim=True)  # noqa: E731
    c, c0 = x - mean(x), x0 - mean(x0)
    r, r0 = ((mean(t.square()) + eps).rsqrt() for t in (c, c0))
    to_c = _normalised(grad, c, c0, r, r0, mean)
    return to_c - mean(to_c)


def _rms_norm(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    (x,), (x0,) = after, before
    shape, weight, eps = _arguments(call, "normalized_shape", "weight", "eps", eps=None)
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    mean = lambda t: t.mean(tuple(range(-len(shape), 0)), keepdim=True)  # noqa: E731
    r, r0 = ((mean(t.square()) + eps).rsqrt() for t in (x, x0))
    return (_normalised(grad if weight is None else grad * weight, x, x0, r, r0, mean),)


def _normalize(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    """To unit length, as ``F.normalize`` does."""
    (x,), (x0,) = after, before
    power, dim, eps = _arguments(call, "p", "dim", "eps", p=2.0, dim=1, eps=1e-12)
    if power != 2:
        return (_unknown(call, grad, after, before)[0],)
    total = lambda t: t.sum(dim, keepdim=True)  # noqa: E731
    r, r0 = (1 / total(t.square()).sqrt().clamp(min=eps) for t in (x, x0))
    return (_normalised(grad, x, x0, r, r0, total),)


def _length(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    """‖x‖ changes by (‖x‖² − ‖x0‖²) / (‖x‖ + ‖x0‖)."""
    (x,), (x0,) = after, before
    power, dim, keep = _arguments(call, "p", "dim", "keepdim", keepdim=False)
    if (call.kwargs.get("ord", power) or 2) not in (2, 2.0, "fro"):
        return (_unknown(call, grad, after, before)[0],)
    both = call(x) + call(x0)
    share = grad / both.clamp(min=torch.finfo(x.dtype).tiny)
    if dim is not None and not keep:
        for d in sorted(d % x.ndim for d in ([dim] if isinstance(dim, int) else dim)):
            share = share.unsqueeze(d)
    return ((x + x0) * share,)


def _arguments(call: Call, *names: str, **defaults: Any) -> list[Any]:
    """A call's arguments behind its input, by name."""
    given = dict(zip(names, call.args[1:], strict=False)) | dict(call.kwargs)
    return [given.get(n, defaults.get(n)) for n in names]


_NORMS: dict[str, Rule] = {
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "rms_norm": _rms_norm,
    "normalize": _normalize,
}


# -- maxima ---------------------------------------------------------------------------------------


def _of_winner(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor, where: Tensor, where0: Tensor, grad: Tensor) -> Tensor:
    """The multipliers of maxima of flattened rows [..., n], whose places are ``where`` and ``where0``.

    A maximum that rose owes it to the number that is largest now, one that fell to the one that was largest; either
    changed at least as much, so the multiplier lies between 0 and 1.
    """
    place = torch.where(y >= y0, where, where0)
    step = (x - x0).gather(-1, place)
    multiplier = torch.where(step == 0, 1, (y - y0) / torch.where(step == 0, 1, step))
    return torch.zeros_like(x).scatter_add_(-1, place, grad * multiplier)


def _max_pool(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    (x,), (x0,) = after, before
    spatial = int(call.name[-2])
    pool = getattr(F, call.name)
    most = 2 if call.name.startswith("adaptive") else 6  # what follows is return_indices
    named = {k: v for k, v in call.kwargs.items() if k not in ("input", "return_indices")}
    run = lambda t: pool(t, *call.args[1:most], **named, return_indices=True)  # noqa: E731
    (y, where), (y0, where0) = run(x), run(x0)
    flat = lambda t: t.flatten(-spatial)  # noqa: E731
    return (_of_winner(*map(flat, (x, x0, y, y0, where, where0, grad))).view_as(x),)


def _amax(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor]:
    (x,), (x0,) = after, before
    dim, keep = _arguments(call, "dim", "keepdim", keepdim=False)
    if not isinstance(dim, int | tuple | list) or "max" not in call.name:
        return (_unknown(call, grad, after, before)[0],)
    dims = sorted(d % x.ndim for d in ([dim] if isinstance(dim, int) else dim))
    rest = [d for d in range(x.ndim) if d not in dims]
    front = lambda t: t.permute(*rest, *dims).flatten(len(rest))  # noqa: E731
    rows, rows0 = front(x), front(x0)
    (y, where), (y0, where0) = rows.max(-1, keepdim=True), rows0.max(-1, keepdim=True)
    grad = (front(grad) if keep else grad[..., None]).reshape(y.shape)
    found = _of_winner(rows, rows0, y, y0, where, where0, grad)
    back = [(rest + dims).index(d) for d in range(x.ndim)]
    return (found.unflatten(-1, [x.shape[d] for d in dims]).permute(back),)


_MAXIMA: dict[str, Rule] = {
    **{f"{a}max_pool{n}d": _max_pool for n in (1, 2, 3) for a in ("", "adaptive_")},
    "amax": _amax,
}


def _unknown(call: Call, grad: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """No rule: an error once a multiplier arrives."""
    if bool((grad != 0).any()):
        raise BadInput(f"no rule for {call}", cure="use lrp with fallback='gradient', or integrated_gradients")
    return tuple(torch.zeros_like(a) for a in after)


# -- reveal cancel --------------------------------------------------------------------------------


def _in_parts(self: Differences, call: Call, tape: Tape) -> Tensor:
    """A linear output: the reference's, plus the positive and the negative contributions to its change (§3.2)."""
    affine = affine_of(call)
    if affine is None or affine.weight is None:
        return call(*call.operands)
    (x,), (x0,) = call.operands, self.reference.operands(call)
    step = x - x0
    up, down = step.clamp(min=0), step.clamp(max=0)
    plus, minus = affine.weight.clamp(min=0), affine.weight.clamp(max=0)
    rise = affine.apply(up, plus) + affine.apply(down, minus)
    fall = affine.apply(up, minus) + affine.apply(down, plus)
    with torch.no_grad():
        start = call(x0)
    self.parts[call.index] = (start, rise, fall)
    return start + rise + fall


def _revealed(call: Call, tape: Tape, start: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """Each part's multiplier is the mean over both orders in which the two may happen (§3.5.2)."""

    def back(grad: Tensor, rise: Tensor, fall: Tensor) -> tuple[Tensor, Tensor]:
        by_rise = _mean_slope(call, start, start + rise) + _mean_slope(call, start + fall, start + fall + rise)
        by_fall = _mean_slope(call, start, start + fall) + _mean_slope(call, start + rise, start + rise + fall)
        return grad * by_rise / 2, grad * by_fall / 2

    return tape.ruled(call, back, inputs=(rise, fall))
