"""What lies behind a layer, run for many other outputs of that layer, without what lies before it.

Who ablates a hundred units asks a hundred times with another output of one layer, and what comes before the
layer stays the same. So the calls of modules that ended before the layer began are answered from a recording.
Whether that holds is proven on two inputs, against the whole module with the layer's output replaced.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, near
from pellucid.models.capture import Enough, split_call
from pellucid.models.layers import Layer
from pellucid.models.memory import MOST, SHARE, free_bytes
from pellucid.models.network import Network, first_tensor
from pellucid.models.parts import _hooked
from pellucid.models.prepare import TOLERANCE, relative_difference

#: "free": nothing before the layer runs, and any number of outputs goes into one pass. "recorded": the modules before
#: it are answered from a recording of the same inputs, for what is behind it needs some of them (as in a U-Net).
#: "whole": everything runs.
How = Literal["free", "recorded", "whole"]

Run = Callable[[Tensor], Tensor]

#: Bytes of the largest output that stay in the processor's cache, and rows of which more gain nothing.
_CACHE, _MOST_ROWS = 1 << 23, 2048

#: Outputs as large as the largest that are alive at a time, with what an operation needs for itself.
_ALIVE = 6


@dataclass(frozen=True)
class Tail:
    """The part of a network behind ``layer``, as a function of the layer's output.

    random: it draws random numbers, so every run begins with the same seed and differs only by what it is given.
    """

    network: Network
    layer: str
    how: How = "whole"
    random: bool = True
    seed: int = 0
    stand_in: tuple[Tensor, Recording] | None = None

    @classmethod
    def of(cls, network: Network, layer: str, x: Tensor, *, seed: int = 0) -> Tail:
        """The cheapest way to run what is behind ``layer`` that gives the same as the whole network.

        x: inputs [N, C, H, W], of which the first two are the proof. Runs without gradients; the network's module
        should be ``untouched``. Raises BadInput for a layer that is not used, or gives no tensor of one row a sample.
        """
        noise = torch.randn(x[:1].shape, generator=torch.Generator().manual_seed(seed)).to(x)
        x = torch.cat([x[:2], noise])[:2]
        whole = cls(network, network._last_call(layer), seed=seed)
        with torch.no_grad():
            output, run = whole.at(x)
            given = output.flip(0)
            wanted, again = run(given), replace(whole, seed=seed + 1).at(x)[1](given)
            whole = replace(whole, random=relative_difference([wanted], [again]) > TOLERANCE)
            alone = (x[:1], _record(whole, x[:1], keep=True))
            for tail in (replace(whole, how="free", stand_in=alone), replace(whole, how="recorded")):
                if tail._agrees(x, given, wanted):
                    return tail
        return whole

    @property
    def together(self) -> bool:
        """Whether several sets of outputs may go into one pass: random numbers are the same only row by row."""
        return self.how == "free" and not self.random

    @property
    def cost(self) -> float:
        """Multiply-adds of one sample's run, about: what has weights uses each of them once a place."""
        return float(sum(l.own_parameters * _places(l) for l in self._running if l.shape))

    def rows(self, x: Tensor) -> int:
        """How many samples like ``x`` [N, C, H, W] go into one run: what fits, and still gains by it."""
        largest = max([math.prod(l.shape) for l in self._running if l.shape], default=x[0].numel())
        room = free_bytes(x.device) * SHARE / (_ALIVE * largest * x.element_size())
        worth = max(MOST.get(x.device.type, 8), _CACHE / (largest * x.element_size()))
        return max(1, int(min(room, worth, _MOST_ROWS)))

    @property
    def _running(self) -> list[Layer]:
        """The innermost layers that a run passes through."""
        tree = self.network.tree()
        own = next((l.order for l in tree if l.name == split_call(self.layer)[0]), -1)
        return [l for l in tree if l.leaf and l.calls and (self.how == "whole" or l.order >= own)]

    def output(self, x: Tensor) -> Tensor:
        """The layer's output for ``x`` [N, C, H, W]; what is behind it does not run."""
        return _record(self, x, keep=False).output

    def at(self, x: Tensor) -> tuple[Tensor, Run]:
        """The layer's output for ``x`` [N, C, H, W], and the function from such outputs to the network's output.

        The function takes N outputs, one for each of ``x``; if ``how`` is "free", any number.
        """
        recording = _record(self, x, keep=self.how == "recorded")
        if self.how == "whole":
            return recording.output, lambda h: self._replaced(x, h)
        return recording.output, functools.partial(self._answered, *(self.stand_in or (x, recording)))

    def _answered(self, x: Tensor, recording: Recording, h: Tensor) -> Tensor:
        with _answering(recording.before, h):
            return self._seeded(lambda: first_tensor(self.network(x)))

    def _replaced(self, x: Tensor, h: Tensor) -> Tensor:
        run = lambda: self.network(x)  # noqa: E731
        return self._seeded(lambda: first_tensor(_hooked(self.network.module, self.layer, lambda _: h.clone(), run)))

    def _seeded(self, run: Callable[[], Tensor]) -> Tensor:
        if not self.random:
            return run()
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return run()

    def _agrees(self, x: Tensor, given: Tensor, wanted: Tensor) -> bool:
        try:
            found = self.at(x)[1](given)
        except Exception:  # foreign code may raise anything where its batch changes its size: then more of it is run
            return False
        return relative_difference([wanted], [found]) <= TOLERANCE


def _places(layer: Layer) -> int:
    """How many places of its output a layer's weights are used for."""
    shape = layer.shape or ()
    if layer.grid is not None:
        return layer.grid.height * layer.grid.width
    return math.prod(shape[1:]) if len(shape) == 3 else math.prod(shape[:-1])


# -- recording ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """The layer's output, and what each module answered before it, call by call; ``_GIVEN`` at the layer's own."""

    output: Tensor
    before: Mapping[nn.Module, list[Any]]


_GIVEN = object()


@dataclass
class _Call:
    """A call of a module, and the calls within it that ended before the layer began."""

    module: nn.Module | None = None
    answer: Any = None
    inner: list[_Call] = field(default_factory=list)


def _record(tail: Tail, x: Tensor, *, keep: bool) -> Recording:
    """Run up to the layer. keep: also remember what the outermost modules that ended before it gave."""
    module, (base, wanted) = tail.network.module, split_call(tail.layer)
    known = dict(module.named_modules())
    if base not in known:
        raise BadInput(f"unknown layer {base!r}", cure=near(base, filter(None, known)))
    running, found, enough = [_Call()], [], Enough()
    calls = 0

    def begins(each: nn.Module, _: Any) -> None:
        call = _Call(each)
        running[-1].inner.append(call)
        running.append(call)

    def ends(each: nn.Module, _: Any, output: Any) -> None:
        nonlocal calls
        call = running.pop()
        call.inner.clear()  # who is answered for as a whole does not call anybody
        calls += each is known[base]
        if each is known[base] and wanted in (None, calls):
            found.append(_checked(output, len(x), tail.layer))
            call.answer = _GIVEN
            raise enough
        call.answer = _copied(output) if keep else None

    handles = []
    try:
        for each in known.values() if keep else [known[base]]:
            handles.append(each.register_forward_pre_hook(begins))
            handles.append(each.register_forward_hook(ends))
        tail._seeded(lambda: tail.network(x))
    except Enough as raised:
        if raised is not enough:  # somebody else's, who takes another layer's output
            raise
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise BadInput(f"layer {tail.layer!r} is not used in this forward pass", cure="choose another layer")
    return Recording(found[0], _before(running))


def _before(running: list[_Call]) -> dict[nn.Module, list[Any]]:
    """The answers of the calls that had ended, in their order; each within one that was still running."""
    before: dict[nn.Module, list[Any]] = {}
    open_calls = {id(call) for call in running}
    for outer in running:
        for call in outer.inner:
            if id(call) not in open_calls and call.module is not None:
                before.setdefault(call.module, []).append(call.answer)
    return before


def _checked(output: Any, count: int, layer: str) -> Tensor:
    if not isinstance(output, Tensor) or output.ndim < 2 or len(output) != count:
        given = tuple(output.shape) if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise BadInput(f"layer {layer!r} gives {given}, not one row a sample", cure="choose another layer")
    return output.detach()


def _copied(output: Any) -> Any:
    """A copy that a later in-place operation cannot reach."""
    if isinstance(output, Tensor):
        return output.detach().clone()
    if isinstance(output, dict):
        return type(output)((k, _copied(v)) for k, v in output.items())
    if isinstance(output, tuple | list):
        parts = [_copied(v) for v in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


@contextmanager
def _answering(before: Mapping[nn.Module, list[Any]], given: Tensor) -> Iterator[None]:
    """Within the block the recorded calls are answered without being made, the layer's own with ``given``."""
    own = {module: module.__dict__.get("forward") for module in before}
    try:
        for module, answers in before.items():
            module.forward = _answers(module.forward, answers, given)
        yield
    finally:
        for module, forward in own.items():
            if forward is not None:
                module.forward = forward
            elif "forward" in module.__dict__:
                del module.forward


def _answers(forward: Callable[..., Any], answers: list[Any], given: Tensor) -> Callable[..., Any]:
    left = iter(answers)

    def answer(*args: Any, **kwargs: Any) -> Any:
        for said in left:
            return given.clone() if said is _GIVEN else _copied(said)
        return forward(*args, **kwargs)

    return answer
