"""The loop: plain torch, epoch by epoch, the same again from any step where it was interrupted.

Whatever is drawn (the order, augmentation, dropout) is drawn from (seed, epoch, step), so a state is the weights, the
optimizer and two numbers.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, PellucidError
from pellucid.core.progress import track
from pellucid.data.augment import augmented
from pellucid.models.network import Network
from pellucid.tasks.task import Task
from pellucid.training.answering import assess, assessed
from pellucid.training.clipping import norm_of
from pellucid.training.examples import Codes, Examples
from pellucid.training.nonfinite import CLIP, SHRINK, NonFinite, NonFiniteWarning
from pellucid.training.plan import RATE, Plan
from pellucid.training.transfer import Learners, freeze, groups, training_mode
from pellucid.training.watch import watch

#: Momentum of SGD; the share of the steps over which the learning rate rises at first.
MOMENTUM, WARMUP = 0.9, 0.05

#: Fused: one pass over each parameter instead of a dozen.
_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": lambda groups: torch.optim.AdamW(groups, fused=True),
    "adam": lambda groups: torch.optim.Adam(groups, fused=True),
    "sgd": lambda groups: torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True, fused=True),
}

#: Learning rates beyond these break any network, sooner or later.
LARGE = {"adamw": 0.1, "adam": 0.1, "sgd": 1.0}

#: What helps, as lines of somebody's own loop, and as choices of this one.
_CURES = {SHRINK: "init='he' (--init he), a smaller lr, or clip=1 (--clip 1)", CLIP: "clip=1 (--clip 1)"}

Row = dict[str, Any]


@dataclass
class State:
    """Where a training stands: what comes next (epoch and step, from 0), what was seen, the best so far.

    loss, norm: the running sum of the epoch's loss, and the last gradient's norm. seen: what scores need of its
    training items, by place, NaN where none was made yet. best_epoch counts from 1; 0 is before any.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    norm: float = 0.0
    seen: Tensor = field(default_factory=lambda: torch.empty(0))
    rows: list[Row] = field(default_factory=list)
    best: float = -math.inf
    best_epoch: int = 0
    stopped: str = ""


class Loop:
    """A training under way. module: learns, in place. kept: the weights of the best epoch so far. probe: what else an
    epoch's row should tell, read off the module alone.

    on_step: called after each step, on_epoch with each epoch's row; either may raise to end it, and ``state`` is then
    whole.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        chosen: Learners,
        plan: Plan,
        train: Examples | Codes,
        val: Examples | Codes,
        probe: Callable[[], Row] | None = None,
    ):
        self.network, self.task, self.chosen, self.plan = network, task, chosen, plan
        self.train, self.val, self.module, self.probe = train, val, network.module, probe
        self.layout = layout_of(self.module)
        self.module.to(memory_format=self.layout)
        self.state = State()
        self.device = network.device
        epochs = plan.epochs or 0
        self.steps = max(1, math.ceil(len(train) / plan.batch))
        self.total = epochs * self.steps
        rate = plan.lr if isinstance(plan.lr, float | int) else RATE
        found = groups(self.module, chosen, rate, plan.backbone_lr, plan.weight_decay)
        self.optimizer = _OPTIMIZERS[plan.optimizer](found)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self._learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.kept = weights_of(self.module)
        self.mixed = mixed_type(plan, self.device)
        self._batches: Sequence[Tensor] = ()
        self._seeds: Sequence[int] = ()
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.mixed is torch.float16)

    # -- one step -----------------------------------------------------------------------------------

    @property
    def probing(self) -> bool:
        """Whether the head alone learns in this epoch."""
        return self.state.epoch < self.plan.probe_epochs

    def _loss(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """The batch's mean loss and what scores need of its items, everything drawn from (seed, epoch, step)."""
        number = self._seeds[self.state.step]
        draw_from(number, self.device)
        x = self.train.x(places, self.device)
        target = self.train.targets[places].to(self.device)
        if self.plan.augment:
            x, moves = augmented(x, self.plan.augment, torch.Generator().manual_seed(number))
            if moves is not None and self.task.scene is not None:
                target = self.task.scene.moved(target, moves)
        x = x.contiguous(memory_format=self.layout) if x.ndim == 4 else x
        with torch.autocast(self.device.type, self.mixed) if self.mixed is not None else contextlib.nullcontext():
            drawn = None if self.task.views is None else torch.Generator().manual_seed(number)
            losses, seen = assess(self.task, self.module, x, target, drawn)
        return losses.mean(), seen

    def _backward(self, places: Tensor) -> tuple[float, Tensor, float]:
        """Loss, what scores need, and the gradient's norm; the gradients are in place."""
        for parameter in self._learning:
            parameter.grad = None
        loss, seen = self._loss(places)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        if self.plan.clip is None:
            norm = norm_of(self._learning)
        else:
            norm = float(nn.utils.clip_grad_norm_(self._learning, self.plan.clip))
        return float(loss.detach()), seen.detach(), norm

    def _step(self, places: Tensor) -> None:
        """One step of the optimizer. A number that is not finite is told before any is used."""
        state, factor = self.state, self._factor(self.state.step)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        loss, seen, state.norm = self._backward(places)
        sound = math.isfinite(loss) and (math.isfinite(state.norm) or self.scaler.is_enabled())
        if self.plan.watch and not sound:
            self._explain(places, loss)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        state.loss += loss * len(places)
        seen = seen.to("cpu", torch.float32)
        if len(state.seen) != len(self.train):
            state.seen = torch.full((len(self.train), *seen.shape[1:]), torch.nan)
        state.seen[places] = seen
        state.step += 1

    def _factor(self, step: int) -> float:
        return rate_factor(self.plan.schedule, self.state.epoch * self.steps + step, self.total)

    def _explain(self, places: Tensor, loss: float) -> None:
        """Run the step again under watch, which names who made the first number that is not finite.

        Where every gradient is finite and only their norm is too large for its type, the training goes on.
        """
        where = f"epoch {self.state.epoch + 1}, step {self.state.step + 1}"
        with untouched_buffers(self.module), warnings.catch_warnings(), watch(self.module, action="raise"):
            warnings.simplefilter("ignore", NonFiniteWarning)  # large numbers are expected here
            self.optimizer.zero_grad(set_to_none=True)
            try:
                self._loss(places)[0].backward()
            except NonFinite as found:
                told = found.what.removeprefix("step 1, ")  # which is this one's own only step
                cure = found.finding.cure if found.finding else found.cure
                raise NonFinite(told, where=where, cure=self._rate_is_large() or _CURES.get(cure, cure)) from found
        if not math.isfinite(loss):
            cure = self._rate_is_large() or "see pellucid health, lower lr, or clip the gradient (--clip 1)"
            raise PellucidError("the loss is not finite", where=where, cure=cure)

    def _rate_is_large(self) -> str:
        """The cure where the learning rate is to blame before all else; "" where it is not."""
        rate = max(self._rates)
        large = rate > LARGE[self.plan.optimizer]
        return f"lr is {rate:g}, which is the likely cause: try 0.001 (--lr 0.001), or --lr find" if large else ""

    # -- epochs -------------------------------------------------------------------------------------

    def run(self, *, on_step: Callable[[], None] | None = None, on_epoch: Callable[[Row], None] | None = None) -> None:
        """Train to the end, or until a callback raises."""
        state = self.state
        with _own_draws(self.device):
            if state.step == self.steps:  # interrupted after an epoch's last step
                self._begin_epoch()
                self._end_epoch(on_epoch)
            for _ in track(range(state.epoch * self.steps + state.step, self.total), "training"):
                if state.stopped:
                    break
                if state.step == 0 or not self._batches:
                    self._begin_epoch()
                self._step(self._batches[state.step])
                if on_step is not None:
                    on_step()
                if state.step == self.steps:
                    self._end_epoch(on_epoch)
            state.stopped = state.stopped or "all epochs are done"

    def _begin_epoch(self) -> None:
        """Set the module's modes and the order of the items, also where an epoch is taken up in its middle."""
        state = self.state
        freeze(self.module, self.chosen, head_only=self.probing)
        training_mode(self.module, self.chosen, head_only=self.probing)
        first, *self._seeds = seeds_of(self.plan.seed, state.epoch, 1 + self.steps)
        generator = torch.Generator().manual_seed(first)
        order = torch.randperm(len(self.train), generator=generator)
        # Steps of nearly the same size: a last one of a single item would have no batch statistics.
        self._batches = order.tensor_split(self.steps)
        if state.step == 0:
            state.loss, state.seen = 0.0, torch.empty(0)
        self._began = time.perf_counter()

    def _end_epoch(self, on_epoch: Callable[[Row], None] | None) -> None:
        state = self.state
        row: Row = {"epoch": state.epoch + 1, "loss": state.loss / len(self.train)}
        row |= {f"train_{n}": v for n, v in self._scores(self.train.targets, state.seen, self.task.primary).items()}
        if len(self.val):
            losses, seen = assessed(self.network, self.task, self.val)
            row["val_loss"] = float(losses.mean())
            row |= {f"val_{n}": v for n, v in self._scores(self.val.targets, seen).items()}
        row |= {} if self.probe is None else self.probe()
        row |= {"lr": self._rates[0] * self._factor(self.steps - 1), "gradient_norm": state.norm}
        row["seconds"] = time.perf_counter() - self._began
        state.rows.append(row)
        self._judge(row)
        state.epoch, state.step = state.epoch + 1, 0
        if on_epoch is not None:
            on_epoch(row)

    def _scores(self, targets: Tensor, seen: Tensor, only: str | None = None) -> dict[str, float]:
        probabilities = self.task.probabilities(seen).numpy()
        return self.task.scores(targets.numpy(), probabilities, only=only)

    def _judge(self, row: Row) -> None:
        """Keep the epoch if it is the best so far; stop where none was for long."""
        state, metric = self.state, self.task.metrics[self.task.primary]
        value = row.get(f"val_{self.task.primary}", -row["loss"])
        score = value if metric.higher or not len(self.val) else -value
        if math.isnan(score):
            score = -row.get("val_loss", math.inf)
        tie = score == state.best and row.get("val_loss", 0.0) < state.rows[state.best_epoch - 1].get("val_loss", 0.0)
        if score > state.best or tie or not state.best_epoch:
            state.best, state.best_epoch = score, row["epoch"]
            self.kept = weights_of(self.module)
        patience = self.plan.patience
        if patience is not None and row["epoch"] - max(state.best_epoch, self.plan.probe_epochs) >= patience:
            state.stopped = f"no epoch was better for {patience}"

    # -- the best -----------------------------------------------------------------------------------

    def restore_best(self) -> None:
        """Put the best epoch's weights onto the module."""
        self.module.load_state_dict(self.kept)
        self.module.eval()


def layout_of(module: nn.Module) -> torch.memory_format:
    """How a module's numbers lie best: channels last where it convolves maps.

    On one core a step of a small CNN at 64 × 64 then takes 0.6 of the time, of EfficientNet-Lite0 0.7.
    """
    maps = any(isinstance(each, nn.Conv2d) for each in module.modules())
    return torch.channels_last if maps else torch.preserve_format


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def seeds_of(seed: int, epoch: int, count: int) -> list[int]:
    """Seeds for an epoch's draws, as different for neighbours as any (by numpy's SeedSequence)."""
    return [int(n) >> 1 for n in np.random.SeedSequence((seed, epoch)).generate_state(count, np.uint64)]


def draw_from(number: int, device: torch.device) -> None:
    """What ``torch.manual_seed`` does for this device, without the stack trace that it takes at each call for CUDA."""
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)


def rate_factor(schedule: str, step: int, total: int) -> float:
    """What the learning rate is multiplied by: a linear rise, then constant or half a cosine (arXiv:1608.03983)."""
    warm = max(1, round(WARMUP * total))
    if step < warm:
        return (step + 1) / warm
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def mixed_type(plan: Plan, device: torch.device) -> torch.dtype | None:
    """The type of mixed precision; None for plain float32."""
    if plan.precision == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if plan.precision == "float16" and device.type == "cpu":
        raise BadInput("float16 is not for the processor", cure="pass --precision bfloat16 or float32")
    return {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[plan.precision]


@contextlib.contextmanager
def _own_draws(device: torch.device) -> Iterator[None]:
    """The user's random numbers after the block are those that would have come anyway."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        yield


@contextlib.contextmanager
def untouched_buffers(module: nn.Module) -> Iterator[None]:
    """Running statistics after the block are those before it."""
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                buffer.copy_(kept[name])
