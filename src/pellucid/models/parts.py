"""A network from or up to one of its layers, run in place: the whole module runs, a hook takes or gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.models.capture import Enough, hooks, split_call

Run = Callable[[Tensor], Any]


class Part(Protocol):
    """Another way to run a module: ``run`` is the way that it changes, ``layer`` where."""

    @property
    def layer(self) -> str: ...

    def __call__(self, module: nn.Module, run: Run, x: Tensor, /) -> Any:
        """The output for ``x``."""


@dataclass(frozen=True)
class Until:
    """The output of ``layer``, with gradients; the rest does not run."""

    layer: str

    def __call__(self, module: nn.Module, run: Run, x: Tensor, /) -> Any:
        """The layer's output for ``x``."""
        found: list[Any] = []
        enough = Enough()  # its own, for whoever takes another layer's output breaks off by the same means

        def take(output: Any) -> None:
            found.append(output)
            raise enough

        try:
            _hooked(module, self.layer, take, lambda: run(x))
        except Enough as raised:
            if raised is not enough:
                raise
            return found[0]
        raise BadInput(f"layer {self.layer!r} is not used in this forward pass", cure="choose another layer")


@dataclass(frozen=True)
class Behind:
    """What follows ``layer``: its output is given, for the one sample ``x`` [1, C, H, W] that enters the network."""

    layer: str
    x: Tensor

    def __call__(self, module: nn.Module, run: Run, h: Tensor, /) -> Any:
        """The output with ``h`` [n, …] as the layer's output."""

        def give(output: Any) -> Tensor:
            if not isinstance(output, Tensor) or output.shape[1:] != h.shape[1:]:
                raise BadInput(f"layer {self.layer!r} gives no tensor of one shape", cure="choose another layer")
            return h.clone()  # the next activation may overwrite it

        return _hooked(module, self.layer, give, lambda: run(self.x.expand(len(h), *self.x.shape[1:])))


def _hooked(module: nn.Module, layer: str, hook: Callable[[Any], Any], run: Callable[[], Any]) -> Any:
    """``run()`` with ``hook(output)`` at the layer, or at one of its calls (``layer:2``)."""
    base, wanted = split_call(layer)
    calls = itertools.count(1)

    def at_call(_: str, __: nn.Module, inputs: Any, output: Any) -> Any:
        return hook(output) if next(calls) == wanted or wanted is None else output

    with hooks(module, [base], at_call):
        return run()
