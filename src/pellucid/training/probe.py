"""One training step of a copy, measured: sizes of activations and gradients, what is dead, what varies at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.features.units.watch import activation_of, function_name
from pellucid.models.network import first_tensor
from pellucid.training.answers import Loss
from pellucid.training.clipping import gradient_norm
from pellucid.training.initialise import WEIGHTED
from pellucid.training.nonfinite import Finding
from pellucid.training.scratch import failures, scratch
from pellucid.training.tensors import floats_in
from pellucid.training.watch import watch

#: How many gradients are measured for the advice on clipping.
DRAWS = 8


@dataclass
class Measured:
    """What a forward and a backward pass showed, by the layers' names in the order of execution.

    activation, gradient: mean squares of each leaf's output and of its gradient. varies: the share of the activation's
    mean square that differs between inputs. dead: (units that are 0 for every input and place, units), of rectifiers;
    of a functional one at the layer before it. places: how many numbers each unit has. update: by module, the size of
    its weights' gradient beside that of the weights. norms: of the gradients of parts of the batch.
    """

    activation: dict[str, float] = field(default_factory=dict)
    gradient: dict[str, float] = field(default_factory=dict)
    varies: dict[str, float] = field(default_factory=dict)
    dead: dict[str, tuple[int, int]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    loss: float = math.nan
    update: dict[str, float] = field(default_factory=dict)
    norms: tuple[float, ...] = ()
    findings: tuple[Finding, ...] = ()
    near: dict[str, float] = field(default_factory=dict)


def measure(
    module: nn.Module, x: Tensor, target: Tensor, loss: Loss, *, train: bool, seed: int = 0, norms: bool = False
) -> Measured:
    """Run a copy of ``module`` forward and backward on the batch. norms: those too, which takes as long again."""
    with scratch(module, seed, train=train) as trainee:
        found = Measured()
        watched = watch(trainee, action="record")
        units = _Units(trainee, found)
        with failures("health"), watched, units, _Rectifiers(units):
            value = loss(first_tensor(trainee(x)), target)
            if value.requires_grad:
                value.backward()
        found.loss, found.update = float(value.detach()), _updates(trainee)
        last = watched.history.last
        if last is not None:
            found.activation, found.gradient = last.activation, last.gradient
        found.findings, found.near = tuple(watched.findings), watched.near
        if norms and not found.findings:
            found.norms = _norms(trainee, x, target, loss)
    return found


def _updates(module: nn.Module) -> dict[str, float]:
    weights = {n: getattr(m, "weight", None) for n, m in module.named_modules() if isinstance(m, WEIGHTED)}
    moved = {n: w for n, w in weights.items() if isinstance(w, nn.Parameter) and w.grad is not None}
    sizes = {n: (float(w.grad.norm()), float(w.detach().norm())) for n, w in moved.items() if w.grad is not None}
    return {n: g / w for n, (g, w) in sizes.items() if w > 0 and math.isfinite(g / w)}


def _norms(module: nn.Module, x: Tensor, target: Tensor, loss: Loss) -> tuple[float, ...]:
    """The gradient's norm on parts of the batch of two or more (which batch norm needs)."""
    parts = max(1, min(DRAWS, len(x) // 2))
    norms = []
    for some, wanted in zip(x.tensor_split(parts), target.tensor_split(parts), strict=True):
        module.zero_grad(set_to_none=True)
        value = loss(first_tensor(module(some)), wanted)
        if value.requires_grad:
            value.backward()
        norms.append(gradient_norm(module))
    return tuple(norms)


class _Units:
    """Hooks that look at the units of every leaf within the block."""

    def __init__(self, module: nn.Module, found: Measured):
        self._module, self._found = module, found
        self._names = {m: n for n, m in module.named_modules() if next(m.children(), None) is None}
        self._calls: dict[str, int] = {}
        self._lowest = 0.0  # of what the leaf that runs was given
        self._running: str | None = None  # the leaf that runs
        self._last: str | None = None  # the leaf that ran last
        self._handles: list[Any] = []

    def __enter__(self) -> None:
        for module in self._names:
            self._handles += [module.register_forward_pre_hook(self._before), module.register_forward_hook(self._after)]

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        # A module that ran once goes by its plain name.
        for each in (self._found.varies, self._found.dead, self._found.places):
            plain = {n if self._calls[n.rpartition(":")[0]] > 1 else n.rpartition(":")[0]: v for n, v in each.items()}
            each.clear()
            each.update(plain)  # type: ignore[arg-type]

    @torch.no_grad()
    def _before(self, module: nn.Module, args: Any) -> None:
        given = next(iter(floats_in(args)), None)
        base = self._names[module]
        self._running = f"{base}:{self._calls.get(base, 0) + 1}"
        self._lowest = float(given.min()) if given is not None else 0.0

    @torch.no_grad()
    def _after(self, module: nn.Module, args: Any, output: Any) -> None:
        out = next(iter(floats_in(output)), None)
        base = self._names[module]
        self._calls[base] = self._calls.get(base, 0) + 1
        self._running = None
        if out is None:
            return
        self._last = name = f"{base}:{self._calls[base]}"
        share = _share_that_varies(out)
        if share is not None:
            self._found.varies[name] = share
        if self._lowest < 0 <= float(out.min()) and bool((out == 0).any()):
            self._note_dead(name, out)  # a rectifier of the user's own making

    @torch.no_grad()
    def rectified(self, output: Tensor) -> None:
        """A rectifying function ran: within a leaf, or behind the one that ran last."""
        name = self._running or self._last
        if name is not None:
            self._note_dead(name, output)

    def _note_dead(self, name: str, rectified: Tensor) -> None:
        axis = 1 if rectified.ndim in (2, 4) else rectified.ndim - 1
        if rectified.ndim < 2 or name in self._found.dead:  # the first one is the layer's own
            return
        alive = (rectified != 0).movedim(axis, 0).flatten(1).any(1)
        self._found.dead[name] = int((~alive).sum()), len(alive)
        self._found.places[name] = rectified.numel() // len(alive)


class _Rectifiers(TorchFunctionMode):
    """Meets the calls of functions that pass nothing on below zero, whatever the numbers are."""

    def __init__(self, units: _Units):
        super().__init__()
        self._units = units

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        activation = activation_of(function_name(func), args, kwargs)
        if activation is not None and activation.rectifies and not activation.dip and isinstance(output, Tensor):
            self._units.rectified(output)
        return output


def _share_that_varies(out: Tensor) -> float | None:
    """How much of the mean square is not the same for all inputs; None for a single one and where it is not finite."""
    if out.ndim < 1 or len(out) < 2:
        return None
    wide = out.detach() if out.dtype is torch.float64 else out.detach().float()
    moved = float(torch.linalg.vector_norm(wide - wide.mean(0)))  # var(0) takes a hundred times as long
    whole = float(torch.linalg.vector_norm(wide))
    if not math.isfinite(whole) or not math.isfinite(moved):
        return None
    return (moved / whole) ** 2 if whole else 0.0
