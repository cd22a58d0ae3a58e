"""A fast copy of a module that gives the same output, proven on a probe; and a guard for the original.

What makes it fast: batch norm folded into the convolution or linear layer before it, channels-last
memory, no gradients for parameters. Each variant is tried on the probe and kept only where its
output agrees with the original's; the difference goes into the receipt.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fusion

from pellucid.models.capture import tensors_in

#: Largest relative difference that still counts as the same output (float32; rounding gives about 1e-6).
TOLERANCE = 1e-4

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Prepared:
    """The module that methods run: ``difference`` and ``steps`` say what was done to it."""

    module: nn.Module
    difference: float | None
    steps: tuple[str, ...]
    notes: tuple[str, ...] = ()


def prepare(module: nn.Module, probe: Tensor, *, keep: tuple[str, ...] = ()) -> Prepared:
    """The fastest copy of ``module`` whose output on ``probe`` equals the original's.

    keep: names of layers whose own outputs are wanted, so nothing is folded into them.
    """
    with untouched(module), torch.no_grad():
        try:
            wanted = tensors_in(module(probe))
        except Exception as error:  # foreign code: it may raise anything
            reason = f"the module does not run on a probe input ({type(error).__name__})"
            return Prepared(module, None, (), (f"the fast copy was skipped: {reason}",))
        for steps in (("folded", "channels_last"), ("channels_last",), ("folded",), ()):
            ready = _try(module, probe, wanted, steps, keep)
            if ready is not None:
                return ready
    return Prepared(module, None, (), ("the fast copy was skipped: it could not be made, or its output differs",))


def _try(
    module: nn.Module, probe: Tensor, wanted: list[Tensor], steps: tuple[str, ...], keep: tuple[str, ...]
) -> Prepared | None:
    """One variant, or None where it cannot be made or differs."""
    try:
        twin = copy.deepcopy(module).eval().requires_grad_(False)
        if "folded" in steps and not fold_batch_norm(twin, probe, keep=keep):
            return None  # nothing to fold: the next variant is the same without the name
        if "channels_last" in steps:
            if probe.ndim != 4:
                return None
            twin = twin.to(memory_format=torch.channels_last)
            probe = probe.contiguous(memory_format=torch.channels_last)
        found = tensors_in(twin(probe))
    except Exception:
        # deepcopy refuses non-leaf tensors and open handles, views refuse channels-last, foreign code may raise
        # anything: a slower way remains, and where none does the receipt says so.
        return None
    difference = relative_difference(wanted, found)
    return Prepared(twin, difference, steps) if difference <= TOLERANCE else None


def relative_difference(wanted: list[Tensor], found: list[Tensor]) -> float:
    """The largest difference, relative to how much the output changes from one probe to the next.

    Relative to the output's size alone, a network that hardly looks at its input would prove
    anything equal. Infinite where the outputs do not match at all.
    """
    if len(wanted) != len(found) or any(a.shape != b.shape for a, b in zip(wanted, found, strict=True)):
        return float("inf")
    worst = 0.0
    for a, b in zip(wanted, found, strict=True):
        gap = float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
        spread = float((a[:1].double() - a[1:].double()).abs().max()) if len(a) > 1 and gap else 1.0
        worst = max(worst, gap / spread if spread else float("inf")) if gap == gap else float("inf")
    return worst


# -- folding --------------------------------------------------------------------------------------


class Folded(nn.Module):
    """What stays of a batch norm whose arithmetic moved into the layer before it.

    A plain one becomes the identity; one with a dropout and an activation of its own keeps those.
    """

    def __init__(self, norm: nn.Module):
        super().__init__()
        for name, child in norm.named_children():
            self.add_module(name, child)

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


@torch.no_grad()
def fold_batch_norm(module: nn.Module, probe: Tensor, *, keep: tuple[str, ...] = ()) -> int:
    """Fold, in place, every batch norm that directly follows a convolution or linear layer; how many.

    Which follows which is read off a run on ``probe``, so functional and nested code count alike.
    A convolution whose output is also used elsewhere would change: the proof in ``prepare`` finds that.
    """
    pairs = _pairs(module, probe, keep)
    names = {m: n for n, m in module.named_modules()}
    for norm, layer in pairs.items():
        _absorb(layer, norm)
        parent, _, child = names[norm].rpartition(".")
        setattr(module.get_submodule(parent), child, Folded(norm))
    return len(pairs)


def _pairs(module: nn.Module, probe: Tensor, keep: tuple[str, ...]) -> dict[nn.Module, nn.Module]:
    """Batch norm → the layer whose output it takes, both called once in a run, and nobody wants to see that output."""
    makers: dict[int, tuple[nn.Module, Tensor]] = {}  # the tensor is held so that its id is not given to another
    calls: dict[nn.Module, int] = {}
    pairs: dict[nn.Module, nn.Module] = {}

    def made(layer: nn.Module, args: Any, output: Tensor) -> None:
        calls[layer] = calls.get(layer, 0) + 1
        makers[id(output)] = (layer, output)

    def takes(norm: nn.Module, args: tuple) -> None:
        calls[norm] = calls.get(norm, 0) + 1
        if args and id(args[0]) in makers:
            pairs[norm] = makers[id(args[0])][0]

    wanted: list[Tensor] = []  # outputs of kept layers, which may be containers that end in a convolution

    handles = []
    for name, each in module.named_modules():
        if name in keep:
            handles.append(each.register_forward_hook(lambda m, i, o: wanted.extend(tensors_in(o))))
        if isinstance(each, (*_CONVOLUTIONS, nn.Linear)):
            handles.append(each.register_forward_hook(made))
        elif isinstance(each, _NORMS) and each.running_mean is not None:
            handles.append(each.register_forward_pre_hook(takes))
    try:
        module(probe)
    finally:
        for handle in handles:
            handle.remove()
    ids = set(map(id, wanted))
    shown = {layer for made_id, (layer, _) in makers.items() if made_id in ids}
    layers = list(pairs.values())
    once = {n: l for n, l in pairs.items() if calls[n] == calls[l] == 1 and layers.count(l) == 1}
    return {n: l for n, l in once.items() if l not in shown}


def _absorb(layer: Any, norm: Any) -> None:
    """W' = w·γ/σ and b' = (b − μ)·γ/σ + β, computed in float64."""
    double = lambda t: None if t is None else t.double()  # noqa: E731
    old = [double(t) for t in (layer.weight, layer.bias, norm.running_mean, norm.running_var)]
    affine = double(norm.weight), double(norm.bias)
    fold: Any = fusion.fuse_linear_bn_weights if isinstance(layer, nn.Linear) else fusion.fuse_conv_bn_weights
    turned = {} if isinstance(layer, nn.Linear) else {"transpose": layer.transposed}
    weight, bias = fold(*old, norm.eps, *affine, **turned)
    dtype = layer.weight.dtype
    layer.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    layer.bias = nn.Parameter(bias.to(dtype), requires_grad=False)


# -- the user's own module ------------------------------------------------------------------------


@contextmanager
def untouched(module: nn.Module) -> Iterator[nn.Module]:
    """Evaluation mode and no parameter gradients within the block; everything as found after it.

    Restored also after an exception: the mode of each submodule, each parameter's ``requires_grad``.
    """
    modes = [(m, m.training) for m in module.modules()]
    wants = [(p, p.requires_grad) for p in module.parameters()]
    try:
        module.eval()
        for parameter, _ in wants:
            # Only a leaf can change its mind; parameters always are, unless a user swapped in a computed tensor.
            if parameter.is_leaf:
                parameter.requires_grad_(False)
        yield module
    finally:
        for each, mode in modes:
            each.training = mode
        for parameter, want in wants:
            if parameter.is_leaf:
                parameter.requires_grad_(want)
