"""Why an operation gives NaN or Inf, read off what autograd saved of it; and the lines that cure it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pellucid.training.graph import GATHERS, operation_of


class Cause(NamedTuple):
    """operation: its name (``log``). why: what it was given. cure: lines of Python."""

    operation: str
    why: str
    cure: str


LOG = "torch.log(x.clamp(min=1e-12)), or log_softmax for the logarithm of a softmax"
DIVIDE = "x / (y + 1e-8), or y.clamp(min=1e-8) where y is never negative"
ROOT = "torch.sqrt(x + 1e-12): at 0 the slope of the root is infinite"
EXPONENTIAL = "torch.exp(x.clamp(max=80)), or softmax, logsumexp, BCEWithLogitsLoss, which cannot overflow"
SOFTMAX = "see to it that no row is masked as a whole: a softmax over nothing is 0 / 0"
ARC = "torch.acos(x.clamp(-1 + 1e-6, 1 - 1e-6))"


def _some(saved: Tensor, test: Callable[[Tensor], Tensor], said: str) -> str:
    """``said`` with how many of the saved numbers pass the test, or nothing."""
    count = int(test(saved).sum())
    verb = "is" if count == 1 else "are"
    return f"{count} of the {saved.numel()} numbers that it took {verb} {said}" if count else ""


#: What to look at in the saved tensors of an operation that gives something not finite: (which, test, words, cure).
_FORWARD: dict[str, tuple[str, Callable[[Tensor], Tensor], str, str]] = {
    "log": ("self", lambda x: x <= 0, "0 or less", LOG),
    "log2": ("self", lambda x: x <= 0, "0 or less", LOG),
    "log10": ("self", lambda x: x <= 0, "0 or less", LOG),
    "log1p": ("self", lambda x: x <= -1, "−1 or less", LOG),
    "div": ("other", lambda x: x == 0, "0, below the fraction line", DIVIDE),
    "reciprocal": ("result", torch.isinf, "0", DIVIDE),
    "rsqrt": ("result", lambda x: ~torch.isfinite(x), "0 or less", "torch.rsqrt(x + 1e-12)"),
    "sqrt": ("result", torch.isnan, "less than 0", "torch.sqrt(x.clamp(min=0) + 1e-12)"),
    "exp": ("result", torch.isinf, "too large for exp", EXPONENTIAL),
    "softmax": ("result", torch.isnan, "in a row without a finite number", SOFTMAX),
    "acos": ("self", lambda x: x.abs() > 1, "outside −1 … 1", ARC),
    "asin": ("self", lambda x: x.abs() > 1, "outside −1 … 1", ARC.replace("acos", "asin")),
}

#: The same for gradients: operations whose slope is infinite somewhere.
_BACKWARD: dict[str, tuple[str, str]] = {
    "sqrt": ("the slope of the root at 0 is infinite", ROOT),
    "log": ("the slope of the logarithm, 1/x, is infinite at 0", LOG),
    "log2": ("the slope of the logarithm, 1/x, is infinite at 0", LOG),
    "log10": ("the slope of the logarithm, 1/x, is infinite at 0", LOG),
    "pow": ("the slope of a power below 1 is infinite at 0", "(x + 1e-12) ** p"),
    "div": ("its slope divides by a number that is 0, or by its square", DIVIDE),
    "reciprocal": ("its slope, 1/x², is infinite at 0", DIVIDE),
    "rsqrt": ("its slope is infinite at 0", "torch.rsqrt(x + 1e-12)"),
    "acos": ("its slope at ±1 is infinite", ARC),
    "asin": ("its slope at ±1 is infinite", ARC.replace("acos", "asin")),
    "std": ("the slope of a standard deviation is infinite where all numbers are the same", "(x.var() + 1e-12).sqrt()"),
    "exp": ("what it gave was infinite", EXPONENTIAL),
}


def of_forward(node: Any, began: int, ended: int) -> Cause | None:
    """The operation recorded from ``began`` up to ``ended``, and before ``node``, that was given what it cannot take.

    Where none is caught at it, the last operation, without a reason. None where autograd recorded nothing.
    """
    recorded = sorted(_recorded(node, began, ended), key=lambda n: n._sequence_nr())
    for each in recorded:
        operation = operation_of(each.name())
        if operation in _FORWARD:
            which, test, said, cure = _FORWARD[operation]
            saved = _saved(each, which)
            why = _some(saved, test, said) if saved is not None else ""
            if why:
                return Cause(operation, why, cure)
    return Cause(operation_of(recorded[-1].name()), "", "") if recorded else None


def of_backward(operation: str) -> Cause:
    """Why the gradient of an operation can be infinite, where that is known."""
    return Cause(operation, *_BACKWARD.get(operation, ("", "")))


def _recorded(node: Any, began: int, ended: int) -> Iterator[Any]:
    seen: set[Any] = set()
    waiting = [node] if node is not None else []
    while waiting:
        each = waiting.pop()
        number = each._sequence_nr()
        if each in seen or number == GATHERS or number < began:
            continue
        seen.add(each)
        if number < ended:
            yield each
        waiting += [source for source, _ in each.next_functions if source is not None]


def _saved(node: Any, which: str) -> Tensor | None:
    """What autograd saved; None where it was not needed, or has been overwritten by an in-place operation."""
    try:
        saved = getattr(node, f"_saved_{which}", None)
    except RuntimeError:
        return None
    return saved if isinstance(saved, Tensor) else None
