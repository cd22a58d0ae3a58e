"""The operation tape: every operation between the input and the output is met, named and given a rule.

Operations are met with ``torch.overrides``, so a functional, an in-place and a five times reused
activation all count, and no architecture is known by name. Autograd itself is the tape: an
interpretation (LRP, DeepLIFT, patterns) gives an operation a backward pass of its own, and what it leaves
alone keeps its gradient, as views and max-pooling do. What slips past (scripted modules, custom
autograd functions) is an error.
"""

from __future__ import annotations

import dataclasses
import types as python_types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as tree

from pellucid.attribution.passes import gradients_of
from pellucid.attribution.relevance.operations import GATES, KINDS, Call, spelled
from pellucid.attribution.relevance.rules import spread
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.models.network import Network
from pellucid.models.parts import Behind

#: The backward pass of a call: the output's relevance and the saved operands in, one relevance an operand out.
Back = Callable[..., tuple[Tensor, ...]]
Result = TypeVar("Result")


class Interpretation(Protocol):
    """What a method makes of an operation."""

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call's output; ``call(*call.operands)`` leaves its gradient as it is, ``tape.ruled`` gives it another."""


@dataclass(frozen=True)
class Trace:
    """What is known of a tensor on the tape.

    raw: no weights lie between the input and it. gate: a share between nothing and all. bounds: its smallest
    and largest possible value, each of its shape, where it is raw and they are known. maker: the index of the
    call that made it, or −1.
    """

    raw: bool = False
    gate: bool = False
    bounds: tuple[Tensor, Tensor] | None = None
    maker: int = -1


class Tape(TorchFunctionMode):
    """Within the block, what depends on ``begin``'s result goes through ``interpretation``.

    safe: keep copies of what backward passes need, for networks that overwrite it later.
    """

    def __init__(self, interpretation: Interpretation, *, safe: bool = False):
        super().__init__()
        self.interpretation, self.safe = interpretation, safe
        self.calls = 0
        self._path: list[str] = [""]

    def begin(self, x: Tensor, *, raw: bool = True, bounds: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """What enters [N, …] as the tape's first tensor; gradients can be taken to it. raw, bounds: as in Trace."""
        return self._marked(x.detach().clone().requires_grad_(True), Trace(raw=raw, bounds=bounds))

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[Tape]:
        """Within the block operations are met, and told apart by the innermost running layer of ``module``."""
        handles = []
        try:
            for name, each in module.named_modules():
                if not isinstance(each, torch.jit.ScriptModule):  # it takes no hooks, and is refused when it acts
                    handles.append(each.register_forward_pre_hook(lambda m, i, name=name: self._path.append(name)))
                    handles.append(each.register_forward_hook(lambda m, i, o: self._leave(), always_call=True))
            with self:
                yield self
        finally:
            for handle in handles:
                handle.remove()

    def _leave(self) -> None:
        self._path.pop()

    # -- meeting ----------------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operands = dynamic((args, kwargs)) if torch.is_grad_enabled() else ()
        if not operands:
            return func(*args, **kwargs)
        name, reverse, in_place = spelled(func, args, kwargs)
        kind = KINDS.get(name, "unknown")
        if kind == "unknown" and not in_place:
            found = func(*args, **kwargs)
            if not dynamic(found):
                return found  # a shape, a comparison, a detached copy
        self._known(operands, name)
        inherited = Trace(raw=all(trace(o).raw for o in operands), gate=all(trace(o).gate for o in operands))
        args, kwargs = tree.tree_map(lambda leaf: leaf, (args, kwargs))  # a list among them may grow later
        call = Call(name, func, args, kwargs, operands, self._path[-1], self.calls, reverse, in_place, inherited.raw)
        if kind == "view":
            output = func(*args, **kwargs)
            self._marked(args[0] if name in ("setitem", "copy") else output, _after(call, inherited))
            return output
        self.calls += kind != "compound"
        if not in_place:
            return self._met(call, inherited)
        # Some code discards the result of an in-place call, so the tensor itself must change as well.
        output = self._met(self._out_of_place(call), inherited)
        return self._marked(args[0].copy_(output), trace(output))

    def _met(self, call: Call, inherited: Trace) -> Any:
        if call.kind == "compound":
            with self:
                return _DECOMPOSED[call.name](*call.args, **call.kwargs)
        return self._marked(self.interpretation.meet(call, self), _after(call, inherited))

    def _out_of_place(self, call: Call) -> Call:
        """The call on a copy of what it overwrites."""
        target = call.args[0]
        copied = target.clone()
        if target.requires_grad:
            self._marked(copied, trace(target))
        swap = lambda leaf: copied if leaf is target else leaf  # noqa: E731
        args, kwargs = tree.tree_map(swap, (call.args, dict(call.kwargs)))
        return dataclasses.replace(call, args=args, kwargs=kwargs, operands=dynamic((args, kwargs)))

    def _marked(self, output: Any, made: Trace) -> Any:
        for tensor in dynamic(output):
            tensor._trace = made  # type: ignore[attr-defined]
        return output

    def _known(self, operands: tuple[Tensor, ...], name: str) -> None:
        """Refuse what an operation made that was not met."""
        for operand in operands:
            if not hasattr(operand, "_trace"):
                where = f"{name} in layer {self._path[-1] or '(the network itself)'}"
                if operand.grad_fn is None:
                    what = f"{where} takes a tensor that wants gradients but is no parameter of the module"
                    raise BadInput(what, cure="register it as a parameter, or call .requires_grad_(False) on it")
                what = f"{where} takes what was made out of sight by {type(operand.grad_fn).__name__}"
                cure = "scripted modules and custom autograd functions have no rules: use their plain Python form"
                raise BadInput(what, cure=cure)

    def output(self, network: Network, start: Tensor) -> Any:
        """The network's output for ``begin``'s result, with the interpretation's backward pass."""
        with torch.enable_grad(), self.watching(network.module):
            return self._seen(network, start)

    def score(self, network: Network, start: Tensor, target: Target) -> Tensor:
        """The target's values [N], itself under the interpretation."""
        with torch.enable_grad(), self.watching(network.module):
            return target(self._seen(network, start))

    def _seen(self, network: Network, start: Tensor) -> Any:
        found = network(start.clone())  # some networks write into what they are given
        self._known(dynamic(found), "the output")
        return found

    def ruled(self, call: Call, back: Back, *, inputs: tuple[Tensor, ...] | None = None, save: bool = True) -> Any:
        """The call's output with ``back(relevance, *inputs)`` as its backward pass.

        inputs: the operands by default. save: whether ``back`` needs them.
        """
        inputs = call.operands if inputs is None else inputs
        with torch.no_grad():
            output = call(*call.operands)
        if not isinstance(output, Tensor):
            raise BadInput(f"{call} gives several tensors", cure="use a gradient method, as integrated_gradients")
        if any(output is o for o in call.operands):
            output = output.clone()
        return _Ruled.apply([output], back, save, self.safe, *inputs)


def trace(tensor: Tensor) -> Trace:
    """What the tape knows of a tensor."""
    return tensor._trace  # type: ignore[attr-defined]


def _after(call: Call, inherited: Trace) -> Trace:
    """What is known of a call's output."""
    raw = inherited.raw and call.kind in ("view", "joined", "sum", "product", "norm")
    gate = inherited.gate and call.kind in ("view", "joined", "sum", "product", "average")
    bounds = _bounds_after(call) if raw and not call.in_place else None
    return Trace(raw, gate or call.name in GATES, bounds, -1 if call.kind == "view" else call.index)


def _bounds_after(call: Call) -> tuple[Tensor, Tensor] | None:
    """The bounds of what only moves or scales a bounded tensor."""
    bounds = trace(call.operands[0]).bounds
    if len(call.operands) > 1 or bounds is None or call.kind == "norm":
        return None
    with torch.no_grad():
        ends = [call(end) for end in bounds]
    if not all(isinstance(end, Tensor) for end in ends):
        return None
    return torch.minimum(*ends), torch.maximum(*ends)


def dynamic(values: Any) -> tuple[Tensor, ...]:
    """The tensors in a nested value that depend on the input, each once."""
    found = [t for t in tree.tree_leaves(values) if isinstance(t, Tensor) and t.requires_grad]
    return tuple({id(t): t for t in found}.values())


class _Ruled(torch.autograd.Function):
    """A value that is known, with a backward pass that is given."""

    @staticmethod
    def forward(ctx: Any, output: list[Tensor], back: Back, save: bool, safe: bool, *inputs: Tensor) -> Tensor:
        ctx.back, ctx.count = back, len(inputs)
        if save:
            ctx.save_for_backward(*(i.clone() if safe else i for i in inputs))
        return output.pop()

    @staticmethod
    def backward(ctx: Any, relevance: Tensor) -> Any:  # type: ignore[override]
        return None, None, None, None, *ctx.back(relevance, *ctx.saved_tensors)


def again_if_overwritten(run: Callable[[bool], Result]) -> Result:
    """``run(safe)``, a second time with copies where the network overwrote what its backward pass needs."""
    try:
        return run(False)
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
    return run(True)


def flow(
    network: Network,
    x: Tensor,
    target: Target,
    make: Callable[[], Interpretation],
    *,
    bounds: tuple[Tensor, Tensor] | None = None,
    times_score: bool = True,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """What flows back to ``x`` from the target's values; and those values [N].

    make: a fresh interpretation. bounds: of the input, as in Trace. times_score: each value sends itself
    back, as a relevance does; else each sends 1, as a gradient does. The target itself is not interpreted: what
    it takes from each output is the gradient times that output, so that in ``a - b`` each has its own. scale:
    what is sent is multiplied by it.
    """
    inside = any(isinstance(part, Behind) for part in network.parts)

    def run(safe: bool) -> tuple[Tensor, Tensor]:
        tape = Tape(make(), safe=safe)
        start = tape.begin(x, raw=not inside, bounds=bounds)
        output = tape.output(network, start)
        score, sent = _sent(output, target, times_score=times_score)
        outputs = [o for o, _ in sent]
        found = torch.autograd.grad(outputs, start, [s * scale for _, s in sent], allow_unused=True)[0]
        return torch.zeros_like(x) if found is None else found, score

    return again_if_overwritten(run)


def _sent(output: Any, target: Target, *, times_score: bool) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """The target's values [N], and what it sends back to each tensor of the network's output."""
    outputs = dynamic(output)
    leaves = {id(o): o.detach().requires_grad_(True) for o in outputs}
    with torch.enable_grad():
        score = target(tree.tree_map(lambda leaf: leaves.get(id(leaf), leaf), output))
        grads = gradients_of(score, list(leaves.values()), target)
    used = [(o, g) for o, g in zip(outputs, grads, strict=True) if g is not None]
    score = score.detach()
    if not times_score:
        return score, used
    if target.squash is not None:  # a softmax hands on what it gets
        (logits, _), *_ = used
        return score, [(logits, target.share_of(logits.detach()))]
    shares = [g * o.detach() for o, g in used]
    if all(len(s) == len(score) for s in shares):  # what the target does beyond a weighted sum
        total = torch.stack([s.flatten(1).sum(1) for s in shares]).sum(0)
        shares = [
            s.view_as(o) for s, (o, _) in zip(spread(score - total, [s.flatten(1) for s in shares]), used, strict=True)
        ]
    return score, [(o, s) for (o, _), s in zip(used, shares, strict=True)]


# -- attention ------------------------------------------------------------------------------------


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``F.scaled_dot_product_attention``, as its documentation spells it out."""
    if enable_gqa or dropout_p:
        raise BadInput("attention with grouped queries or with dropout has no rule", cure="use a gradient method")
    scores = torch.matmul(query, key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.matmul(scores.softmax(-1), value)


def _baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    return beta * input + alpha * torch.matmul(batch1, batch2)


def _addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    return input + value * (tensor1 * tensor2)


#: Torch's own Python code of multi-head attention; asked whether anybody overrides, it must say no, or it calls back.
_multi_head = python_types.FunctionType(
    F.multi_head_attention_forward.__code__,
    {**F.multi_head_attention_forward.__globals__, "has_torch_function": lambda _: False},
    "multi_head_attention_forward",
    F.multi_head_attention_forward.__defaults__,
)
_multi_head.__kwdefaults__ = F.multi_head_attention_forward.__kwdefaults__
_DECOMPOSED: dict[str, Callable[..., Any]] = {
    "multi_head_attention_forward": _multi_head,
    "scaled_dot_product_attention": _attention,
    "addcmul": _addcmul,
    "baddbmm": _baddbmm,
    "addmm": _baddbmm,
}
