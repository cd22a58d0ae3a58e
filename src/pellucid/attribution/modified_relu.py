"""DeconvNet and Guided Backprop: the gradient with another rule at every rectifier.

Rectifiers are met as operations (``torch.overrides``), not as modules, so a functional, an in-place
and a five times reused ReLU are all changed. A network without any is an error, not a plain gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from pellucid.attribution.passes import gradients
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.models.network import Network


@methods.register("guided_backprop", group="signal", source="arXiv:1412.6806", cost="1 gradient")
def guided_backprop(network: Network, x: Tensor, target: Target) -> Attribution:
    """The gradient, with only its positive part let back through each rectifier that was open (fig. 1).

    A smooth activation (GELU, SiLU …) lets the positive part through its own derivative.
    """
    return _with_rule(network, x, target, guided=True)


@methods.register("deconvnet", group="signal", source="arXiv:1311.2901", cost="1 gradient")
def deconvnet(network: Network, x: Tensor, target: Target) -> Attribution:
    """The gradient, with its positive part let back through each rectifier, open or not (§2.1)."""
    return _with_rule(network, x, target, guided=False)


def _with_rule(network: Network, x: Tensor, target: Target, *, guided: bool) -> Attribution:
    with RectifierRule(guided=guided) as rule:
        grad, _ = gradients(network, x, target)
    if not rule.met:
        cure = "the result would be the plain gradient: use method gradient"
        raise BadInput("the network has no rectifier (ReLU, GELU, SiLU …)", where=network.name, cure=cure)
    smooth = sorted(rule.met - _RECTIFIERS)
    notes = (f"{', '.join(smooth)}: not a ReLU, for which the rule was made",) if smooth else ()
    return Attribution(grad, notes=notes)


_RECTIFIERS = {"relu", "relu_", "relu6", "hardtanh", "hardtanh_", "clamp", "clamp_", "clamp_min", "clamp_min_"}
_SMOOTH = {
    "leaky_relu",
    "leaky_relu_",
    "elu",
    "elu_",
    "selu",
    "celu",
    "silu",
    "gelu",
    "mish",
    "hardswish",
    "softplus",
    "prelu",
    "rrelu",
}


class RectifierRule(TorchFunctionMode):
    """Within the block every activation's backward pass is the rule's. ``met``: the activations' names."""

    def __init__(self, *, guided: bool):
        super().__init__()
        self.guided, self.met = guided, set[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if not _is_activation(name, func, args, kwargs):
            return func(*args, **kwargs)
        self.met.add(name)
        x, *rest = args
        in_place = (
            name.endswith("_") or bool(kwargs.get("inplace")) or (func in (F.relu, F.relu6) and rest[:1] == [True])
        )
        y = _Ruled.apply(x, lambda t: func(t, *rest, **kwargs), self.guided)
        # Some code discards the result of an in-place call, so the tensor itself must change as well.
        return x.copy_(y) if in_place else y


def _is_activation(name: str, func: Any, args: Any, kwargs: Any) -> bool:
    if name not in _RECTIFIERS | _SMOOTH or not args or not isinstance(args[0], Tensor):
        return False
    if name.startswith("clamp"):
        low = kwargs.get("min", args[1] if len(args) > 1 else None)
        return isinstance(low, int | float) and low == 0
    if name.startswith("hardtanh"):
        return kwargs.get("min_val", args[1] if len(args) > 1 else -1.0) == 0
    return True


class _Ruled(torch.autograd.Function):
    """An activation's own forward pass, and the rule's backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, activation: Callable[[Tensor], Tensor], guided: bool) -> Tensor:
        ctx.activation, ctx.guided = activation, guided
        ctx.save_for_backward(x.clone())
        return activation(x.clone())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        positive = grad.clamp_min(0)
        if not ctx.guided:
            return positive, None, None
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            (through,) = torch.autograd.grad(ctx.activation(x.clone()), x, positive)
        return through, None, None
