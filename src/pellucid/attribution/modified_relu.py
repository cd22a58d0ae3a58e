"""DeconvNet and Guided Backprop: the gradient with another rule at every rectifier.

Rectifiers are met as operations on the tape, not as modules, so a functional, an in-place and a five
times reused ReLU are all changed. A network without any is an error, not a plain gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pellucid.attribution.relevance.operations import Call, tensors_in
from pellucid.attribution.relevance.tape import Tape, flow
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
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
    met: set[str] = set()
    make = partial(Rectified, guided, met)
    parts = torch.arange(len(x)).split(network.batch_size(x, gradient=True))
    maps = [flow(network, x[r], target.rows(r), make, times_score=False)[0] for r in track(parts, "gradients")]
    if not met:
        cure = "the result would be the plain gradient: use method gradient"
        raise BadInput("the network has no rectifier (ReLU, GELU, SiLU …)", where=network.name, cure=cure)
    smooth = sorted(met & _SMOOTH)
    notes = (f"{', '.join(smooth)}: not a ReLU, for which the rule was made",) if smooth else ()
    return Attribution(torch.cat(maps), notes=notes)


_LEAKY = {"leaky_relu", "prelu", "rrelu", "elu", "selu", "celu"}
_SMOOTH = _LEAKY | {"silu", "gelu", "mish", "hardswish", "softplus"}


@dataclass
class Rectified:
    """Every rectifier's backward pass is the rule's. ``met``: the rectifiers' names."""

    guided: bool
    met: set[str] = field(default_factory=set)

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call's output, under the rule if it is a rectifier."""
        if not _is_rectifier(call):
            return call(*call.operands)
        self.met.add(call.name)
        if not self.guided:
            return tape.ruled(call, lambda grad: (grad.clamp(min=0),), save=False)

        def back(grad: Tensor, x: Tensor) -> tuple[Tensor, ...]:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_(True)
                return torch.autograd.grad(call(leaf), leaf, grad.clamp(min=0))

        return tape.ruled(call, back)


def _is_rectifier(call: Call) -> bool:
    """A ReLU by any name, or a smooth activation of its kind; a clamp only where it cuts at zero."""
    if len(call.operands) != 1:
        return False
    if call.name in ("clamp", "clamp_min", "clip", "hardtanh"):
        low = "min_val" if call.name == "hardtanh" else "min"
        return call.kwargs.get(low, call.args[1] if len(call.args) > 1 else None) == 0
    if call.name == "maximum":
        return not any(bool(t.any()) for t in tensors_in(call) if t is not call.operands[0])
    return call.name in ("relu", "relu6", "threshold") or call.name in _SMOOTH
