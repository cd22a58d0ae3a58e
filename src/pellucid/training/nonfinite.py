"""Who made the first NaN or Inf of a pass: told apart from who was handed it, and from who only passed it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from pellucid.core.errors import PellucidError
from pellucid.training import causes
from pellucid.training.causes import Cause
from pellucid.training.graph import BackwardPass, Gradient, Node
from pellucid.training.passes import Call, ForwardPass, Observation
from pellucid.training.tensors import Look, bad_state, look

CLIP = "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)  # before optimizer.step()"
SHRINK = (
    "pellucid.initialise(model, 'he'), a smaller learning rate, and after loss.backward(): "
    "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)"
)

#: The mean square beyond which numbers count as having grown out of hand.
HUGE = 1e12


@dataclass(frozen=True)
class Finding:
    """The first number of a pass that is not finite.

    phase: "forward" or "backward". cause: "input" (it came from outside), "parameter" (the layer's own weights were
    bad already), "layer", "function" (an operation in a container's forward) or "loss" (what follows the network).
    place: in words, where. layer: the module's name with its call (``relu:2``), or the container's. look: what
    came out. parameter: the bad one's name. operation: the function's name. why, cure: in words or lines of Python.
    propagators: who passed it on, in order.
    """

    step: int
    phase: Literal["forward", "backward"]
    cause: Literal["input", "parameter", "layer", "function", "loss"]
    place: str
    layer: str
    look: Look | None
    parameter: str = ""
    operation: str = ""
    why: str = ""
    cure: str = ""
    propagators: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The diagnosis in one line, without the cure."""
        counts = str(self.look) if self.look else "numbers that are not finite"
        numbers = counts if self.phase == "forward" else f"a gradient with {counts}"
        gave = f"gave {numbers}, though all that it took was finite"
        said = {
            "input": f"the network was given {counts}",
            "parameter": f"{self.place} has a bad parameter: {self.parameter} holds {counts}",
            "layer": f"{self.place} {gave}",
            "function": f"{self.operation or 'an operation'} in {self.place} {gave}",
            "loss": f"what follows the network (the loss) sent back {numbers}",
        }[self.cause]
        why = f": {self.why}" if self.why else ""
        passed = f"; {_passed(self.propagators)}" if self.propagators else ""
        return f"step {self.step}, {self.phase} pass: {said}{why}{passed}"


def _passed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} only passed it on"


class NonFinite(PellucidError):
    """Training met a NaN or an Inf. ``finding`` says who made it."""

    finding: Finding | None = None

    @classmethod
    def of(cls, finding: Finding) -> NonFinite:
        """The error that tells the finding."""
        error = cls(finding.what, cure=f"cure: {finding.cure}" if finding.cure else "")
        error.finding = finding
        return error


class NonFiniteWarning(UserWarning):
    """The same as a warning."""


# -- forward --------------------------------------------------------------------------------------


def of_forward(seen: ForwardPass, step: int) -> Finding | None:
    """The first bad tensor in the order of time, and whose it is; None where all are finite."""
    bad = [o for o in seen.observations if o.bad]
    first = next((o for o in bad if not _is_mask(o, bad)), None)
    if first is None:
        return None
    found = _made_by(first, seen, step)
    passed = dict.fromkeys(seen.name_of(o.call.key) for o in bad if o is not first and not o.inward)
    own = seen.name_of(first.call.key)
    return replace(found, propagators=tuple(n for n in passed if n != own or first.inward))


def _is_mask(seen: Observation, bad: Sequence[Observation]) -> bool:
    """−Inf alone, given to a layer that stays finite, is how attention is told what not to look at."""
    only = seen.inward and seen.look is not None and seen.look.minus == seen.look.bad
    return only and not any(o.call is seen.call and not o.inward for o in bad)


def _made_by(first: Observation, seen: ForwardPass, step: int) -> Finding:
    call, parent = first.call, first.call.parent
    blank = Finding(step, "forward", "layer", "", seen.name_of(call.key), first.look)
    if first.inward and parent is None:
        cure = "look at the data: numpy.isfinite(array).all() before it becomes a batch"
        return replace(blank, cause="input", place="the input", cure=cure)
    home = parent if first.inward and parent else call
    spoilt = _bad_own(home)
    if spoilt:
        name, counts = next(iter(spoilt.items()))
        return _parameter(blank, home, seen, name, counts)
    if call.leaf and not first.inward:
        cause = causes.of_forward(first.node, call.began, call.ended or 2**63)
        return _caused(replace(blank, place=_named(call, seen)), cause, seen, first)
    after = first.before
    place = _between(home, after, call if first.inward else None, seen)
    cause = causes.of_forward(first.node, (after.ended or 0) if after else home.began, 2**63)
    found = replace(blank, cause="function", layer=seen.name_of(home.key), place=place)
    return _caused(found, cause, seen, first)


def _parameter(blank: Finding, call: Call, seen: ForwardPass, name: str, counts: Look) -> Finding:
    full = f"{call.key[0]}.{name}" if call.key[0] else name
    cure = f"model.load_state_dict(an earlier checkpoint): {full} was spoilt by an earlier update"
    if not isinstance(getattr(call.module, name, None), nn.Parameter):
        cure = f"reset the buffer {full} (model.{call.key[0]}.reset_running_stats() for a batch norm)"
    named = _named(call, seen)
    return replace(
        blank, cause="parameter", place=named, layer=seen.name_of(call.key), look=counts, parameter=full, cure=cure
    )


def _bad_own(call: Call) -> dict[str, Look]:
    own = {**dict(call.module.named_parameters(recurse=False)), **dict(call.module.named_buffers(recurse=False))}
    return bad_state(own)


def _caused(found: Finding, cause: Cause | None, seen: ForwardPass, first: Observation) -> Finding:
    """With the reason that autograd's record gives, or else the one that the sizes give."""
    if cause is not None and cause.why:
        return replace(found, operation=cause.operation, why=cause.why, cure=cause.cure)
    operation = cause.operation if cause is not None and found.cause == "function" else ""
    why, cure = _grown(seen, first)
    return replace(found, operation=operation, why=why, cure=cure)


def _grown(seen: ForwardPass, first: Observation) -> tuple[str, str]:
    """Whether the numbers had grown out of hand before."""
    if first.look is not None and first.look.dtype == "float16":
        why = f"float16 ends at {first.look.limit:.0f}"
        return why, "torch.autocast(…, dtype=torch.bfloat16), or leave this layer in float32"
    before = [o for o in seen.observations[: seen.observations.index(first)] if o.mean_square > 0]
    if not before or before[-1].mean_square < HUGE:
        return "", "look at what this layer computes: logarithm, division, root and exponential need a safe argument"
    start, end = before[0].mean_square ** 0.5, before[-1].mean_square ** 0.5
    why = f"the numbers had grown from {start:.2g} at the input to {end:.2g} before it"
    return why, SHRINK


def _named(call: Call, seen: ForwardPass) -> str:
    return f"{seen.name_of(call.key)} ({type(call.module).__name__})" if call.key[0] else seen.name_of(call.key)


def _between(home: Call, after: Call | None, before: Call | None, seen: ForwardPass) -> str:
    inside = f"{type(home.module).__name__}.forward"
    inside = f"{inside} (of {seen.name_of(home.key)})" if home.key[0] else inside
    if after and before:
        return f"{inside}, between {seen.name_of(after.key)} and {seen.name_of(before.key)},"
    if after or before:
        return f"{inside}, {'after' if after else 'before'} {seen.name_of((after or before).key)},"  # type: ignore[union-attr]
    return inside


# -- backward -------------------------------------------------------------------------------------


def of_backward(seen: BackwardPass, step: int) -> Finding | None:
    """The first bad gradient in the order of time, and whose operation made it; None where all are finite."""
    bad = [g for g in seen.gradients if g.bad]
    if not bad:
        return None
    first = bad[0]
    maker = first.of if first.made else _only_user(first)
    found = _gradient_made_by(maker, first, step)
    passed = dict.fromkeys(_layer_of(g.of) for g in bad)
    return replace(found, propagators=tuple(n for n in passed if n and n != found.layer))


def _only_user(first: Gradient) -> Node | None:
    """Who took the output whose gradient is bad: several would have been measured each, so there is one, or none."""
    users = first.of.users.get(first.at, [])
    return users[0] if users else None


def _layer_of(node: Node) -> str:
    call = node.call
    return node.home.name_of(call.key) if call else ""


def _gradient_made_by(maker: Node | None, first: Gradient, step: int) -> Finding:
    blank = Finding(step, "backward", "loss", "the loss", "", first.look)
    call = maker.call if maker else None
    if maker is None or call is None:
        cure = "make the loss safe: loss functions with logits, clamped logarithms; or clip: " + CLIP
        return replace(blank, cure=cure)
    home, cause = maker.home, causes.of_backward(maker.operation)
    spoilt = _bad_own(call)
    if spoilt:
        name, counts = next(iter(spoilt.items()))
        return _parameter(blank, call, home, name, counts)
    if call.leaf:
        place, kind = _named(call, home), "layer"
    else:
        after = max((c for c in call.children if (c.ended or 0) <= maker.number), key=_end, default=None)
        before = min((c for c in call.children if c.began > maker.number), key=_end, default=None)
        place, kind = _between(call, after, before, home), "function"
    cure = cause.cure or SHRINK
    why = cause.why or _gradient_grown(first)
    values: dict[str, Any] = {"operation": maker.operation, "why": why, "cure": cure}
    return replace(blank, cause=kind, place=place, layer=home.name_of(call.key), **values)  # type: ignore[arg-type]


def _end(call: Call) -> int:
    return call.ended or 0


def _gradient_grown(first: Gradient) -> str:
    if first.look is not None and first.look.dtype == "float16":
        return f"float16 ends at {first.look.limit:.0f}"
    return "the gradient had grown beyond the type's range" if first.look and not first.look.nan else ""


def output_is_bad(seen: ForwardPass) -> bool:
    """Whether something not finite has come out at the end."""
    return any(look(t).bad for t in seen.result)
