"""``pellucid.watch``: who makes the first NaN of a training, and how large activations and gradients are on the way."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from pellucid.core.errors import BadInput, near
from pellucid.core.types import View
from pellucid.models.network import Network, versions
from pellucid.training.clipping import gradient_norm
from pellucid.training.graph import BackwardPass, Node, watch_graph
from pellucid.training.history import History, Row
from pellucid.training.nonfinite import Finding, NonFinite, NonFiniteWarning, of_backward, of_forward, output_is_bad
from pellucid.training.passes import ForwardPass
from pellucid.training.tensors import floats_in, norm_of, read_all

Action = Literal["raise", "warn", "record"]
ACTIONS = ("raise", "warn", "record")

#: Findings that are kept; a training that goes on with NaN has one in every step.
MOST_FINDINGS = 100


def watch(
    model: nn.Module | Network,
    optimizer: Optimizer | Sequence[Optimizer] | None = None,
    *,
    loss: nn.Module | None = None,
    action: Action = "raise",
) -> Watch:
    """Watch a training loop: ``with pellucid.watch(model, optimizer) as w: …``.

    optimizer: where given, a bad gradient is told when the optimizer is about to use it, so the weights stay good, and
    steps are its steps; without it, when the backward pass ends, and steps are backward passes. loss: a module, to
    have its operations told apart too. action: "raise" a NonFinite, "warn" once, or only "record" it in
    ``w.findings``.

    Reads only: losses and weights come out the same, bit for bit. Raises BadInput for what cannot be watched.
    """
    if action not in ACTIONS:
        raise BadInput(f"action is {action!r}", where="watch", cure=near(str(action), ACTIONS))
    module = model.module if isinstance(model, Network) else model
    if not isinstance(module, nn.Module):
        raise BadInput(f"a {type(module).__name__} cannot be watched", where="watch", cure="pass an nn.Module")
    _refuse_unwatchable(module)
    if loss is not None and not isinstance(loss, nn.Module):
        cure = "pass a module such as nn.CrossEntropyLoss(), or leave loss= away"
        raise BadInput(f"the loss is a {type(loss).__name__}", where="watch", cure=cure)
    optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer or [])
    return Watch(module, optimizers, loss, action)


def _refuse_unwatchable(module: nn.Module) -> None:
    """Modules whose parts run where no hook is called."""
    if isinstance(module, nn.DataParallel):
        what = "DataParallel runs copies of the module, which nobody can watch"
        raise BadInput(what, where="watch", cure="watch a plain module on one device, or DistributedDataParallel's")
    if hasattr(module, "_orig_mod"):
        what = "torch.compile fuses the module's parts, and nothing can be seen in between"
        raise BadInput(what, where="watch", cure="watch the module before it is compiled, while you look for the cause")
    if isinstance(module, torch.jit.ScriptModule):
        raise BadInput(
            "a TorchScript module calls no hooks", where="watch", cure="watch the module that it was made of"
        )


class Watch:
    """A watched training.

    findings: what was not finite, in order. skipped: bad gradients that no step used, as a GradScaler sees to.
    contained: NaN or Inf inside of a pass whose output, or whose weights' gradients, were finite all the same.
    near: the largest number of each layer that came near its type's limit.
    """

    def __init__(self, module: nn.Module, optimizers: list[Optimizer], loss: nn.Module | None, action: Action):
        self.findings: list[Finding] = []
        self.skipped: list[Finding] = []
        self.contained: list[Finding] = []
        self.near: dict[str, float] = {}
        self.history = History()
        self.steps = 0
        self._module, self._optimizers, self._action = module, optimizers, action
        self._names = {each: name for name, each in module.named_modules()}
        if loss is not None:
            self._names |= {each: f"loss.{n}" if n else "loss" for n, each in loss.named_modules()}
        self._device = next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))
        self._at_once = self._device.type == "cpu"  # where reading a number does not wait for anything
        self._handles: list[RemovableHandle] = []
        self._graphs: list[list[RemovableHandle]] = []
        self._began = 0.0
        self._seconds = 0.0
        self._forget()

    def __repr__(self) -> str:
        """What it has seen, in one line."""
        seen = [f"{self.steps} step{'s' * (self.steps != 1)}"]
        for name, found in (("not finite", self.findings), ("skipped", self.skipped), ("contained", self.contained)):
            seen += [f"{len(found)} {name}"] if found else []
        seen += [] if self.findings else ["all good so far" if self.steps else "nothing seen yet"]
        first = f"; first: {self.findings[0].what}" if self.findings else ""
        return f"<Watch{' (watching)' * bool(self._handles)}: {', '.join(seen)}{first}>"

    def _forget(self) -> None:
        """Nothing is going on."""
        self._pass: ForwardPass | None = None
        self._draws: Callable[[], None] | None = None
        self._backward: dict[int, BackwardPass] = {}
        self._pending: Finding | None = None
        self._row = Row(1)
        self._warned: set[str] = set()

    # -- hooks come and go ------------------------------------------------------------------------

    def __enter__(self) -> Watch:
        if self._handles:
            raise BadInput("it is watching already", where="watch", cure="make another one")
        self._forget()
        self._row = Row(self.steps + 1)
        self._began = time.perf_counter()
        try:
            for module in self._names:
                self._handles += [
                    module.register_forward_pre_hook(self._enter, with_kwargs=True),
                    module.register_forward_hook(self._leave, with_kwargs=True, always_call=True),
                ]
            for optimizer in self._optimizers:
                self._handles += [
                    optimizer.register_step_pre_hook(self._before_step),
                    optimizer.register_step_post_hook(self._after_step),
                ]
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()
        self._seconds += time.perf_counter() - self._began
        if self._pending is not None:  # the block ended between backward and step
            self._keep(self._pending, self.findings)
        if self._row.activation:  # within a step
            self.history.add(self._row)
        self._forget()

    def _remove(self) -> None:
        for handle in (*self._handles, *(h for graph in self._graphs for h in graph)):
            handle.remove()
        self._handles, self._graphs = [], []

    # -- forward ----------------------------------------------------------------------------------

    def _enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if torch._C._current_graph_task_id() != -1:
            return  # checkpointing runs a part of the forward pass again within the backward pass
        if module is self._module and self._pass and self._pass.stack:
            self._pass = None  # an interrupt broke the last pass off
        if self._pass is None:
            self._backward.clear()
            self._pass = ForwardPass(at_once=self._at_once)
            self._draws = None if self._at_once else _rewind(self._device)
        self._pass.enter(self._names[module], module, (args, kwargs))

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if torch._C._current_graph_task_id() != -1 or not self._pass or not self._pass.stack:
            return
        self._pass.leave(output)
        if not self._pass.stack:
            seen, self._pass = self._pass, None
            self._end_of_forward(seen, lambda: module(*args, **kwargs))

    def _end_of_forward(self, seen: ForwardPass, again: Callable[[], Any]) -> None:
        if not seen.at_once:
            read_all(seen.observations)
        self._note_near(seen)
        learns = any(t.grad_fn is not None for t in seen.result)
        if learns:
            self._row.activation |= _by_layer(seen)
        try:
            if any(o.bad for o in seen.observations):
                self._judge(seen, again)
            outermost = seen.ended[-1]
            if learns:
                self._graphs = [g for g in self._graphs if any(h.hooks_dict_ref() is not None for h in g[:1])]
                self._graphs.append(watch_graph(seen, outermost.began, self._at_node))
        finally:
            seen.release()

    def _judge(self, seen: ForwardPass, again: Callable[[], Any]) -> None:
        """Something was not finite: who made it, and whether anybody will notice."""
        step, bad_output = self.steps + 1, output_is_bad(seen)
        finding = of_forward(seen if seen.at_once else self._repeated(again, seen), step)
        if finding is None:
            return
        if bad_output:
            self._tell(finding)
        else:
            self._keep(finding, self.contained)

    def _repeated(self, again: Callable[[], Any], seen: ForwardPass) -> ForwardPass:
        """The same pass with every number read on the spot, or the first one where it does not come out bad again."""
        assert self._draws is not None
        self._at_once, repeated = True, None

        def keep(done: ForwardPass, _: Any) -> None:
            nonlocal repeated
            repeated = done

        usual, self._end_of_forward = self._end_of_forward, keep  # type: ignore[method-assign]
        try:
            with _unchanged_buffers(self._names), _draws_as_now(self._device):
                self._draws()
                again()
        finally:
            self._at_once, self._end_of_forward = False, usual  # type: ignore[method-assign]
        return repeated if repeated and any(o.bad for o in repeated.observations) else seen

    def _note_near(self, seen: ForwardPass) -> None:
        """Numbers so large that the next product may overflow."""
        spoilt = any(o.bad for o in seen.observations)  # which is told, and says more
        for each in (o for o in seen.observations if o.look is not None and o.look.near and not o.bad):
            name = seen.name_of(each.call.key)
            peak = each.look.peak if each.look else 0.0
            self.near[name] = max(peak, self.near.get(name, 0.0))
            if not spoilt and name not in self._warned and self._action != "record":
                self._warned.add(name)
                limit = each.look.limit if each.look else 0.0
                text = f"step {self.steps + 1}: {name} holds {peak:.2g}, more than a tenth of the largest {limit:.2g}"
                warnings.warn(NonFiniteWarning(text), stacklevel=2)

    # -- backward ---------------------------------------------------------------------------------

    def _at_node(self, node: Node, made: Any, given: Any) -> None:
        task = torch._C._current_graph_task_id()
        if task not in self._backward:
            self._backward[task] = BackwardPass(at_once=self._at_once)
            torch.autograd.Variable._execution_engine.queue_callback(partial(self._end_of_backward, task))
        self._backward[task].observe(node, made, given)

    def _end_of_backward(self, task: int) -> None:
        seen = self._backward.pop(task, None)
        if seen is None:
            return
        if not seen.at_once:
            read_all(seen.gradients)
        self._note_gradients(seen)
        finding = of_backward(seen, self.steps + 1)
        if finding is not None and not seen.harmful:
            self._keep(finding, self.contained)
            finding = None
        if self._optimizers:
            self._pending = self._pending or finding
            return
        self._end_of_step()
        if finding is not None:
            self._tell(finding)

    def _note_gradients(self, seen: BackwardPass) -> None:
        for each in seen.gradients:
            if not each.made and each.at in each.of.layers:
                name = each.of.home.name_of(each.of.layers[each.at])
                self._row.gradient[name] = each.mean_square
        # With an optimizer a step may have several backward passes, whose gradients are summed up. They are measured
        # here, for before the optimizer's step they may have been clipped.
        norm = gradient_norm(self._module) if self._optimizers else seen.weight_norm
        self._row.gradient_norm = norm if math.isfinite(norm) else None

    # -- steps ------------------------------------------------------------------------------------

    def _before_step(self, optimizer: Optimizer, *_: Any) -> None:
        finding, self._pending = self._pending, None
        if finding is None:
            return
        if _has_bad_gradient(optimizer):
            self._tell(finding)
        else:  # a GradScaler has skipped that step, or somebody has replaced the numbers
            self._keep(finding, self.skipped)

    def _after_step(self, *_: Any) -> None:
        self._end_of_step()

    def _end_of_step(self) -> None:
        self.history.add(self._row)
        self.steps += 1
        self._row = Row(self.steps + 1)

    # -- telling ----------------------------------------------------------------------------------

    def _keep(self, finding: Finding, where: list[Finding]) -> None:
        if len(where) < MOST_FINDINGS:
            where.append(finding)

    def _tell(self, finding: Finding) -> None:
        first = not self.findings
        self._keep(finding, self.findings)
        if self._action == "raise":
            raise NonFinite.of(finding)
        if self._action == "warn" and first:
            warnings.warn(NonFiniteWarning(str(NonFinite.of(finding))), stacklevel=2)

    def report(self) -> View:
        """What was seen: sizes by layer and step, and the findings.

        activation, gradient: float64 [step, layer], the mean square of each layer's output and of its gradient (of
        the numbers that are finite; 0 where there was none), in the last forward and the last backward pass of the
        step. gradient_norm [step]: of all parameters together, before clipping (and before a GradScaler unscales):
        with an optimizer summed over the backward passes since they were set to zero, without one of the backward
        pass that is the step. step [step]: which steps. A row of the table is a layer, as in the last step.
        """
        rows, layers = self.history.rows, self.history.layers
        if not rows:
            cure = "run at least one forward and backward pass inside the block"
            raise BadInput("nothing was seen", where="watch", cure=cure)
        of = lambda kind: np.array([[_plain(getattr(r, kind).get(l)) for l in layers] for r in rows])  # noqa: E731
        arrays = {
            "activation": of("activation"),
            "gradient": of("gradient"),
            "gradient_norm": np.array([_plain(r.gradient_norm) for r in rows]),
            "step": np.array([r.step for r in rows]),
        }
        kinds = {name: type(module).__name__ for module, name in self._names.items()}
        last = rows[-1]
        table = tuple(
            {
                "layer": layer,
                "type": kinds.get(layer, kinds.get(layer.rpartition(":")[0], "")),
                "activation": last.activation.get(layer),
                "gradient": last.gradient.get(layer),
                "made_nonfinite": sum(f.layer == layer for f in self.findings),
                "near_limit": self.near.get(layer),
            }
            for layer in layers
        )
        return View(
            kind="watch",
            arrays=arrays,
            axes={n: ("step", "layer") if a.ndim == 2 else ("step",) for n, a in arrays.items()},
            table=table,
            options={"action": self._action, "steps": self.steps, "every": self.history.every},
            seconds=self._seconds,
            notes=self._notes(),
            provenance={"versions": versions()},
        )

    def _notes(self) -> tuple[str, ...]:
        told = [str(NonFinite.of(f)) for f in self.findings[:3]]
        told += [f"{f.what} (no step used it)" for f in self.skipped[:1]]
        told += [f"{f.what} (what came out at the end was finite all the same)" for f in self.contained[:1]]
        told += [f"{layer} came near its type's largest number: {peak:.2g}" for layer, peak in self.near.items()]
        return tuple(told)


def _plain(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0


def _by_layer(seen: ForwardPass) -> dict[str, float]:
    """The mean square of each leaf's output, by its name, in the order of execution."""
    leaves = [o for o in seen.observations if not o.inward and o.call.leaf]
    return {seen.name_of(o.call.key): o.mean_square for o in leaves}


def _has_bad_gradient(optimizer: Optimizer) -> bool:
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norms = [norm_of(g) for gradient in gradients for g in floats_in(gradient)]
    return not all(bool(torch.isfinite(n)) for n in norms)


# -- the same pass again --------------------------------------------------------------------------


def _rewind(device: torch.device) -> Callable[[], None]:
    """Remember the random numbers that come next; calling the result makes them come again."""
    state = torch.get_rng_state()
    own = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def rewind() -> None:
        torch.set_rng_state(state)
        if own is not None:
            torch.cuda.set_rng_state(own, device)

    return rewind


@contextmanager
def _draws_as_now(device: torch.device) -> Iterator[None]:
    """Whatever is drawn within the block, the next draw after it is the one that would have come anyway."""
    back = _rewind(device)
    try:
        yield
    finally:
        back()


@contextmanager
@torch.no_grad()
def _unchanged_buffers(modules: dict[nn.Module, str]) -> Iterator[None]:
    """Running statistics after the block are those before it."""
    buffers: list[Tensor] = [b for m in modules for b in m.buffers(recurse=False)]
    kept = [b.clone() for b in buffers]
    try:
        yield
    finally:
        for buffer, old in zip(buffers, kept, strict=True):
            buffer.copy_(old)
