"""What enters the activation that a layer ends in: the same numbers before it cuts the negative ones off.

An activation has no gradient where it is closed, so what is sought for a closed unit has to climb on its input.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.models.capture import Enough
from pellucid.models.network import Network
from pellucid.models.parts import Run

#: Functions of one number each (and the softmaxes), by torch's names, also those of in-place calls.
_ACTIVATION = re.compile(
    "(relu6?|leaky_relu|[pr]relu|elu|celu|selu|gelu|silu|mish|hardtanh|hardsigmoid|hardswish"
    "|softplus|softsign|tanh|sigmoid|clamp|softmax|log_softmax)_?"
)


class _Calls(TorchFunctionMode):
    """Tells every call of an activation to ``met(input, call)``, whether a module makes it or a function."""

    def __init__(self, met: Callable[[Tensor, Callable[[], Any]], Any]):
        super().__init__()
        self._met = met

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        call = lambda: func(*args, **given)  # noqa: E731
        if not _ACTIVATION.fullmatch(getattr(func, "__name__", "")):
            return call()
        return self._met(args[0] if args else given["input"], call)


@dataclass(frozen=True)
class BeforeActivation:
    """What enters the activation that ``layer`` ends in: the pass's number ``index``. The rest does not run."""

    layer: str
    index: int

    def __call__(self, module: nn.Module, run: Run, x: Tensor, /) -> Any:
        """The activation's input for ``x``."""
        found: list[Tensor] = []
        enough = Enough()
        met = iter(range(self.index + 1))

        def stop(entering: Tensor, call: Callable[[], Any]) -> Any:
            if next(met) < self.index:
                return call()
            found.append(entering)
            raise enough

        try:
            with _Calls(stop):
                run(x)
        except Enough as raised:
            if raised is not enough:
                raise
        return found[0]


@torch.no_grad()
def before_activation(network: Network, layer: str, x: Tensor) -> Network | None:
    """The part of ``network`` up to what enters the activation that ``layer`` ends in; None where it ends in none.

    Which call of which function that is, is read off a run on ``x``, so functional code counts as modules do.
    """
    outputs: list[tuple[Tensor, int]] = []

    def note(entering: Tensor, call: Callable[[], Any]) -> Any:
        output = call()
        outputs.append((output, output._version))
        return output

    with _Calls(note):
        end = network.until(layer)(x)
    if not isinstance(end, Tensor):
        return None
    same = lambda o, version: o.data_ptr() == end.data_ptr() and o.shape == end.shape and version == end._version  # noqa: E731
    index = next((i for i, (o, version) in enumerate(outputs) if same(o, version)), None)
    if index is None:
        return None
    return dataclasses.replace(network, parts=(*network.parts, BeforeActivation(layer, index)))
