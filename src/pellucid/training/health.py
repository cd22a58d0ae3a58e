"""``pellucid.health``: whether a network can be trained as it is, which layer stands in the way, and what helps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Batch, Inputs, as_batch
from pellucid.data.stream import Stream
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.training import answers, clipping
from pellucid.training.answers import Task
from pellucid.training.clipping import Clipping
from pellucid.training.initialise import initialise
from pellucid.training.lr_range import MOMENTUM, lr_range
from pellucid.training.probe import Measured, measure
from pellucid.training.scratch import failures, scratch
from pellucid.training.trial import Trial, try_advice
from pellucid.training.verdict import Problem, problems

Made = TypeVar("Made")

#: What the network is held against: the same architecture with these weights.
REFERENCES = ("he", "xavier", "default")

#: How many inputs are one batch: many of small ones, few of large ones.
SMALL, MANY, FEW = 64 * 64, 64, 8

#: A first loss beyond this many times that of chance calls for a small last layer.
TOO_LARGE = 2.0

#: He's weights are advised unless others keep the scales within so many decades less.
BETTER = 2.0


def health(
    network: Network,
    inputs: Inputs | None = None,
    *,
    labels: Sequence[int | str] | Tensor | None = None,
    rate: float = 0.01,
    trial: bool | None = None,
    rates: bool = False,
    count: int | None = None,
    seed: int = 0,
) -> View:
    """A training step of a copy, layer by layer, beside what usual initial weights would give at this architecture.

    inputs: as for ``explain``, or a folder; None for seeded noise. labels: class numbers or names, one an input; None
    takes the classes of a folder's folders, the inputs themselves where the output is of their shape, or draws them
    with the seed. rate: the learning rate that you use. trial: train a copy as it is and one as advised for a moment;
    None does so where something is wrong that new weights would mend. rates: a learning-rate range test too. count:
    inputs in the batch (64 small ones or 8 otherwise).

    Gives, a place a layer in the order of execution, activation and gradient [layer], mean squares of its output and
    of its gradient (of the numbers that are finite; 0 where there is none), the same as activation/he, …/xavier,
    …/default and gradient/…; trial/as_is and trial/advised [step], losses up to the last one that is finite;
    lr_range/lr, lr_range/loss [step]. ``options["problems"]`` are what is wrong, the gravest first: kind, layer, text,
    cure. The network itself is not touched. Raises BadInput for what cannot be used.
    """
    began = time.perf_counter()
    _check(rate, count)
    stream = None if inputs is None else Stream.of(network, inputs)
    chosen = _chosen(network, stream, count, seed)
    given = _batch(network, stream, chosen, seed)
    asked = _Asked(network, given, *_question(network, given.x, stream, chosen, labels, seed), rate, seed)
    available = None if stream is None else len(stream)
    return _view(asked, _look(asked, trial, rates), available, time.perf_counter() - began)


# -- what is asked --------------------------------------------------------------------------------


def _check(rate: float, count: int | None) -> None:
    if not 0 < rate < math.inf:
        raise BadInput(f"a learning rate of {rate}", where="health", cure="pass a positive number")
    if count is not None and count < 1:
        raise BadInput(f"count is {count}", where="health", cure="pass at least 1")


def _chosen(network: Network, stream: Stream | None, count: int | None, seed: int) -> np.ndarray:
    """Which inputs are the batch: drawn with the seed, in their order."""
    height, width = network.input.size
    most = count or (MANY if height * width <= SMALL else FEW)
    if stream is None:
        return np.arange(most)
    return np.sort(np.random.default_rng(seed).permutation(len(stream))[:most])


def _batch(network: Network, stream: Stream | None, chosen: np.ndarray, seed: int) -> Batch:
    if stream is None:
        return Batch(network.probe(len(chosen), seed=seed), None, None, tuple(f"noise {i}" for i in chosen))
    items = stream.samples()
    if items:
        return as_batch(network.input, [items[i] for i in chosen], network.device, network.dtype)
    whole = stream.take(slice(0, len(stream)))
    return Batch(whole.x[chosen], None, None, tuple(whole.names[i] for i in chosen))


def _question(
    network: Network,
    x: Tensor,
    stream: Stream | None,
    chosen: np.ndarray,
    labels: Sequence[int | str] | Tensor | None,
    seed: int,
) -> tuple[Task, Tensor, str]:
    """The loss, its targets, and where those come from."""
    with torch.no_grad(), untouched(network.module):
        output = first_tensor(network(x))
    task = answers.task_of(network, output)
    if labels is not None:
        every = answers.given(labels, network, task, len(chosen) if stream is None else len(stream))
        target = every[torch.as_tensor(chosen, device=every.device)]
        with torch.no_grad(), failures("labels", "they do not fit the output"):
            task.compute(output, target)
        return task, target, "given"
    if network.output == "values" and output.shape == x.shape:
        return task, x, "held against themselves"  # an autoencoder
    known = None
    if stream is not None and stream.samples() and task.loss == "cross entropy" and output.ndim == 2:
        known = answers.from_folders(stream.sources, network, task)
    if known is not None:
        numbers = [known[i] for i in chosen]
        return task, answers.given(numbers, network, task, len(chosen)), "from the folders"
    return task, answers.drawn(task, output, seed), "drawn at random"


# -- what is measured -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """The batch, the loss and its targets, which come from ``labels``."""

    network: Network
    batch: Batch
    task: Task
    target: Tensor
    labels: str
    rate: float
    seed: int

    @property
    def train(self) -> bool:
        """In training mode, for which batch norm needs more than one input."""
        return len(self.batch.x) > 1

    def measured(self, *, norms: bool = False) -> Measured:
        """The network as it is."""
        return self._measured(self.network.module, norms)

    def fresh(self, scheme: str, *, norms: bool = False) -> Measured:
        """The same architecture with new weights."""
        with scratch(self.network.module, self.seed, train=self.train) as made:
            return self._measured(initialise(made, scheme, seed=self.seed), norms)

    def _measured(self, module: nn.Module, norms: bool) -> Measured:
        compute = self.task.compute
        return measure(module, self.batch.x, self.target, compute, train=self.train, seed=self.seed, norms=norms)

    def tried(self, scheme: str, norms: Sequence[float]) -> Trial:
        """The advice."""
        data = self.batch.x, self.target, self.task.compute
        return try_advice(self.network.module, *data, scheme, norms, rate=self.rate, seed=self.seed)

    def ranged(self, scheme: str | None) -> View:
        """A learning-rate range test, with new weights where those are advised."""
        with scratch(self.network.module, self.seed, train=self.train) as made:
            if scheme is not None:
                initialise(made, scheme, seed=self.seed)
            batches = [(self.batch.x, self.target)]
            return lr_range(made, self.task.compute, batches, train=self.train, seed=self.seed)


@dataclass(frozen=True)
class _Looked:
    """Everything that was measured. mend: whether new weights, of ``scheme``, would help. failed: what could not be
    tried, and why.
    """

    own: Measured
    others: dict[str, Measured]
    wrong: list[Problem]
    scheme: str
    mend: bool
    clip: Clipping
    tried: Trial | None
    ranged: View | None
    failed: tuple[str, ...]


def _look(asked: _Asked, trial: bool | None, rates: bool) -> _Looked:
    own = asked.measured(norms=True)
    others = {scheme: asked.fresh(scheme) for scheme in track(REFERENCES, "initialisations")}
    wrong = problems(asked.network.module, own, others["he"], asked.rate)
    scheme = _advised(others, asked.task)
    mend = any(p.trains for p in wrong)
    norms = asked.fresh(scheme, norms=True).norms if mend or trial else own.norms
    failed: list[str] = []
    tried = ranged = None
    if trial or (trial is None and mend):
        tried = _or_told(lambda: asked.tried(scheme, norms), "no training for a moment", failed)
    if rates:
        ranged = _or_told(lambda: asked.ranged(scheme if mend else None), "no learning-rate range test", failed)
    clip = clipping.advise(norms if mend else own.norms)
    return _Looked(own, others, wrong, scheme, mend, clip, tried, ranged, tuple(failed))


def _or_told(run: Callable[[], Made], what: str, failed: list[str]) -> Made | None:
    """What ``run`` gives; where it cannot be done, the rest of the report is still worth having, and it says why."""
    try:
        return run()
    except BadInput as error:
        failed.append(f"{what}: {error.what}")
        return None


def _advised(others: dict[str, Measured], task: Task) -> str:
    """He's weights unless others keep the scales much better; a small last layer too where the first loss is large."""
    spread = {scheme: _decades(each) for scheme, each in others.items()}
    best = min(spread, key=spread.__getitem__)
    if spread[best] < spread["he"] - BETTER:
        return best
    loss = others["he"].loss
    large = task.chance is not None and not loss <= TOO_LARGE * task.chance
    return "small_last" if large else "he"


def _decades(seen: Measured) -> float:
    """By how many powers of ten the activations' mean squares differ; infinite where something is not finite."""
    if seen.findings:
        return math.inf
    sizes = [v for v in list(seen.activation.values())[:-1] if v > 0]
    return math.log10(max(sizes) / min(sizes)) if sizes else math.inf


# -- what is told ---------------------------------------------------------------------------------


def _view(asked: _Asked, looked: _Looked, available: int | None, seconds: float) -> View:
    """available: how many inputs there are; None for noise."""
    own, he, ranged = looked.own, looked.others["he"], looked.ranged
    arrays = _arrays(own, looked.others, looked.tried, ranged)
    return View(
        kind="health",
        arrays=arrays,
        axes={n: ("step",) if n.startswith(("trial/", "lr_range/")) else ("layer",) for n in arrays},
        table=_table(asked.network, own, he, looked.wrong, asked.rate),
        options={
            "inputs": "noise" if available is None else "given",
            "available": available,
            "count": len(asked.batch.x),
            "labels": asked.labels,
            "loss_name": asked.task.loss,
            "loss": _finite(own.loss),
            "loss_of_chance": asked.task.chance,
            "loss_he": _finite(he.loss),
            "classes": asked.task.classes,
            "problems": tuple(asdict(p) for p in looked.wrong),
            "scheme": looked.scheme,
            "clip": looked.clip.threshold,
            "clip_python": looked.clip.python,
            "gradient_norms": looked.clip.norms,
            "trial": None if looked.tried is None else _summary(looked.tried),
            "lr_scheme": looked.scheme if looked.mend else None,
            "lr_suggested": None if ranged is None else ranged.options["suggested"],
            "lr_diverged": None if ranged is None else ranged.options["diverged"],
            "rate": asked.rate,
        },
        names=asked.batch.names,
        seconds=seconds,
        notes=(*_notes(asked.network, asked.train, own), *looked.failed),
        provenance={**asked.network.facts(), "seed": asked.seed},
    )


def _arrays(
    own: Measured, others: dict[str, Measured], tried: Trial | None, ranged: View | None
) -> dict[str, np.ndarray]:
    layers = list(own.activation)
    arrays = {}
    for kind in ("activation", "gradient"):
        for scheme, seen in {"": own, **others}.items():
            sizes = getattr(seen, kind)
            arrays[f"{kind}/{scheme}".rstrip("/")] = np.array([_finite(sizes.get(l)) or 0.0 for l in layers])
    if tried is not None:
        for name, losses in (("as_is", tried.as_is), ("advised", tried.advised)):
            arrays[f"trial/{name}"] = np.array([l for l in losses if math.isfinite(l)])
    if ranged is not None:
        arrays |= {"lr_range/lr": ranged["lr"], "lr_range/loss": ranged["loss"]}
    return arrays


def _table(
    network: Network, own: Measured, he: Measured, wrong: list[Problem], rate: float
) -> tuple[dict[str, Any], ...]:
    modules = dict(network.module.named_modules())
    marks: dict[str, str] = {}
    for problem in wrong:
        marks.setdefault(problem.layer, problem.kind)
    rows = []
    for layer in own.activation:
        plain = layer if layer in modules else layer.rpartition(":")[0]
        module = modules.get(plain, network.module)
        dead, units = own.dead.get(layer, (None, None))
        rows.append(
            {
                "layer": layer,
                "type": type(module).__name__,
                "activation": _finite(own.activation[layer]),
                "activation_he": _finite(he.activation.get(layer)),
                "gradient": _finite(own.gradient.get(layer)),
                "gradient_he": _finite(he.gradient.get(layer)),
                "varies": own.varies.get(layer),
                "dead": dead,
                "units": units,
                "weight": _rms(getattr(module, "weight", None)),
                "step": _times(own.update.get(plain), rate),
                "problem": marks.get(layer) or marks.get(plain),
            }
        )
    return tuple(rows)


def _times(value: float | None, rate: float) -> float | None:
    return None if value is None else value * rate


def _rms(weight: Any) -> float | None:
    """The root mean square of a layer's weights."""
    if not isinstance(weight, Tensor) or not weight.dtype.is_floating_point:
        return None
    return _finite(float(weight.detach().double().square().mean().sqrt()))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _summary(tried: Trial) -> dict[str, Any]:
    ends = lambda losses: [_finite(losses[0]), _finite(losses[-1])]  # noqa: E731
    return {
        "as_is": ends(tried.as_is),
        "as_is_steps": len(tried.as_is),
        "advised": ends(tried.advised),
        "steps": len(tried.advised),
        "rate": tried.rate,
        "momentum": MOMENTUM,
        "optimizer_python": tried.optimizer_python,
        "scheme": tried.scheme,
        "advised_rate": tried.advised_rate,
        "clip": tried.clip.threshold,
        "clip_python": tried.clip.python,
        "helps": tried.helps,
    }


def _notes(network: Network, train: bool, own: Measured) -> tuple[str, ...]:
    notes = []
    if not train:
        notes.append("a single input: measured in eval mode, and what differs between inputs is not known")
    for layer, peak in own.near.items():
        notes.append(f"{layer} holds {peak:.2g}, near the largest number of its type")
    if not network.module.training and any(p.requires_grad for p in network.module.parameters()) is False:
        notes.append("all parameters are frozen; the copy was measured as if they were not")
    return tuple(notes)
