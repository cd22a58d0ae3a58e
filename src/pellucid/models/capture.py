"""Take layers' outputs out of a forward pass, stopping after the last one that is wanted.

Hooks live inside a context manager and are gone after an exception too. A tensor is cloned only
where a later in-place operation would overwrite it; which ones those are is found on the first run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, near


class Enough(Exception):
    """All wanted outputs are there; the rest of the forward pass is not needed."""


def tensors_in(output: Any) -> list[Tensor]:
    """All tensors in a nested output, in order."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        return [t for v in output.values() for t in tensors_in(v)]
    if isinstance(output, tuple | list):
        return [t for v in output for t in tensors_in(v)]
    return []


@contextmanager
def hooks(module: nn.Module, names: Sequence[str], hook: Callable[[str, nn.Module, Any, Any], Any]) -> Iterator[None]:
    """Call ``hook(name, module, inputs, output)`` after each named module; nothing is left afterwards."""
    known = dict(module.named_modules())
    handles = []
    try:
        for name in names:
            if name not in known:
                raise BadInput(f"unknown layer {name!r}", cure=near(name, filter(None, known)))
            handles.append(known[name].register_forward_hook(lambda m, i, o, name=name: hook(name, m, i, o)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def capture(
    module: nn.Module, x: Tensor, names: Sequence[str], *, run: Callable[[Tensor], Any] | None = None
) -> dict[str, Tensor]:
    """Run ``module(x)`` (or ``run(x)``, which calls it) and return the named layers' outputs, keyed as asked.

    A name may be ``layer`` (its last call in the pass) or ``layer:2`` (its second call), for modules
    that are used several times. The pass ends early where every name says its call, which
    ``Network.capture`` sees to.
    Runs without gradients; for gradients use ``with_gradient``.
    """
    with torch.no_grad():
        taken, spoilt = _run(module, run or module, x, names, clone=frozenset())
        if spoilt:
            taken, _ = _run(module, run or module, x, names, clone=spoilt)
    return taken


def _run(
    module: nn.Module, run: Callable[[Tensor], Any], x: Tensor, names: Sequence[str], clone: frozenset[str]
) -> tuple[dict[str, Tensor], frozenset[str]]:
    """One pass: what was taken, and which of it was overwritten after it was taken."""
    wanted = {name: split_call(name) for name in names}
    calls: dict[str, int] = {}
    taken: dict[str, Tensor] = {}
    versions: dict[str, int] = {}

    def take(layer: str, _: nn.Module, inputs: Any, output: Any) -> None:
        calls[layer] = calls.get(layer, 0) + 1
        for name, (base, call) in wanted.items():
            if base == layer and call in (None, calls[layer]):
                tensor = _only(output, name)
                taken[name] = tensor.clone() if name in clone else tensor
                versions[name] = taken[name]._version
        # A layer that may be called again is only complete at the end of the pass.
        if len(taken) == len(wanted) and all(call is not None for _, call in wanted.values()):
            raise Enough

    with hooks(module, sorted({base for base, _ in wanted.values()}), take), suppress(Enough):
        run(x)
    missing = [n for n in names if n not in taken]
    if missing:
        where = f"layer {missing[0]!r} was called {calls.get(wanted[missing[0]][0], 0)} times in this forward pass"
        raise BadInput(where, cure="choose a layer that the network uses")
    return taken, frozenset(n for n in names if taken[n]._version != versions[n])


def split_call(name: str) -> tuple[str, int | None]:
    """``layer:2`` → the layer and which of its calls; ``layer`` → None, any."""
    base, colon, call = name.rpartition(":")
    return (base, int(call)) if colon and call.isdigit() else (name, None)


def _only(output: Any, name: str) -> Tensor:
    found = tensors_in(output)
    if not found:
        raise BadInput(f"layer {name!r} gives no tensor", cure="choose another layer")
    return found[0]


@contextmanager
def with_gradient(module: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """Within the block, collect the outputs of ``layer`` or ``layer:2``, each a node that gradients can be taken to.

    The rest of the pass goes on with a clone, so an in-place activation behind the layer cannot
    change what was collected.
    """
    kept: list[Tensor] = []
    base, call = split_call(name)
    calls = itertools.count(1)

    def keep(_: str, __: nn.Module, inputs: Any, output: Any) -> Any:
        if next(calls) != call and call is not None:
            return output
        if not isinstance(output, Tensor):
            raise BadInput(
                f"layer {name!r} gives a {type(output).__name__}", cure="choose a layer that gives one tensor"
            )
        tensor = output
        if not tensor.requires_grad:
            tensor = tensor.detach().requires_grad_(True)
        kept.append(tensor)
        return tensor.clone()

    with hooks(module, [base], keep):
        yield kept
