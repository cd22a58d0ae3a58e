"""What is lost when a network's answer changes, one number a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from pellucid.core.errors import BadInput, near
from pellucid.models.groups import log_softmax_of_groups
from pellucid.models.network import Network

Kind = Literal["reconstruction", "classes", "output"]
KINDS: tuple[Kind, ...] = ("reconstruction", "classes", "output")

#: The least probability whose logarithm is taken.
_TINY = 1e-12


@dataclass(frozen=True)
class Loss:
    """How far an answer lies from what it should be.

    "reconstruction": the mean squared error against the input, in the network's own input values. "classes": the
    cross-entropy in nats with labels; without, the Kullback-Leibler divergence from the network's own probabilities,
    which is the cross-entropy beyond that of the untouched answer. "output": the mean squared error against labels,
    or against the network's own output.
    """

    kind: Kind
    labelled: bool
    network: Network

    @property
    def name(self) -> str:
        """What to call it."""
        if self.kind == "classes":
            return "cross-entropy" if self.labelled else "divergence from its own answer"
        return "mean squared error" if self.kind == "reconstruction" or self.labelled else "mean squared change"

    def target(self, x: Tensor, labels: Tensor | None, answer: Tensor) -> Tensor:
        """What the answers to ``x`` are held against; answer: the untouched network's."""
        if self.kind == "reconstruction":
            return x.flatten(1)
        if labels is not None:
            return labels.to(answer.device)
        return self._logs(answer) if self.kind == "classes" else answer.flatten(1)

    def values(self, answer: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, float64 [n]."""
        if self.kind != "classes":
            return (answer.flatten(1).double() - target.double()).square().mean(1)
        logs = self._logs(answer)
        if self.labelled:
            return -logs[:, :, 0].gather(1, target[:, None])[:, 0]
        return (target.exp() * (target - logs)).sum(1).mean(1)

    def hits(self, answer: Tensor, target: Tensor) -> Tensor | None:
        """Which answers name the label, or the same class as before: float64 [n]; None without classes."""
        if self.kind != "classes":
            return None
        best = self._logs(answer).argmax(1)
        wanted = target[:, None] if self.labelled else target.argmax(1)
        return (best == wanted).double().mean(1)

    def embedded(self, answer: Tensor) -> Tensor:
        """The answer as a vector [n, D] whose squared change is the loss of that change, to second order.

        Of probabilities √(2p), for the divergence is half the Fisher metric; of values themselves, by √D.
        """
        if self.kind == "classes":
            shares = (self._logs(answer) / 2).exp()
            return shares.flatten(1) * math.sqrt(2 / shares.shape[2])
        flat = answer.flatten(1)
        return flat / math.sqrt(flat.shape[1])

    def _logs(self, answer: Tensor) -> Tensor:
        """Log-probabilities [n, classes, questions]: places of a map, labels that do not exclude each other, groups."""
        if self.network.output == "groups":
            return log_softmax_of_groups(answer, self.network.groups)
        independent = self.network.output == "multilabel" or answer.shape[1] == 1
        answer = answer.flatten(2) if answer.ndim > 2 else answer[:, :, None]
        if self.network.output == "probabilities":
            logs = answer.clamp_min(_TINY).log()
            return torch.stack([(1 - answer).clamp_min(_TINY).log(), logs], 1).flatten(2) if independent else logs
        if independent:
            return torch.stack([logsigmoid(-answer), logsigmoid(answer)], 1).flatten(2)
        return answer.log_softmax(1)


def choose_loss(network: Network, x: Tensor, answer: Tensor, *, kind: str, labelled: bool) -> Loss:
    """The loss that fits the network's output, or the one that was asked for."""
    if kind not in ("auto", *KINDS):
        raise BadInput(f"loss is {kind!r}", cure=near(kind, ("auto", *KINDS)))
    shaped = answer.shape == x.shape or (answer.ndim == 2 and network.output == "values")
    alike = shaped and answer[0].numel() == x[0].numel()
    if kind == "auto":
        kind = _usual(network, alike, labelled)
    if kind == "reconstruction" and answer[0].numel() != x[0].numel():
        what = f"the output {tuple(answer.shape[1:])} has not the input's shape {tuple(x.shape[1:])}"
        raise BadInput(f"{what}, so it is no reconstruction", where=network.name, cure="leave loss= away")
    if kind == "reconstruction" and labelled:
        raise BadInput("a reconstruction is held against the input, not against labels", cure="leave the labels away")
    loss = Loss(kind, labelled, network)  # type: ignore[arg-type]
    if labelled and (answer.ndim != 2 or (kind == "classes" and network.output in ("multilabel", "groups"))):
        what = f"the output {tuple(answer.shape[1:])} answers more than one question a sample, and labels answer one"
        raise BadInput(what, where=network.name, cure="leave the labels away: the network's own answer is then kept")
    return loss


def _usual(network: Network, alike: bool, labelled: bool) -> Kind:
    if alike and not labelled and network.output in ("values", "logits"):
        return "reconstruction"
    return "output" if network.output == "values" else "classes"


def label_numbers(labels: Sequence[Any], loss: Loss, outputs: int) -> Tensor:
    """Labels as class numbers (by name or number), or as the values that a regression should give."""
    if loss.kind == "output":
        return torch.tensor([[_number(label)] for label in labels], dtype=torch.float64).expand(-1, outputs)
    classes = 2 if outputs == 1 else outputs
    numbers = [loss.network.class_index(_text(label)) for label in labels]
    wrong = next((n for n in numbers if not 0 <= n < classes), None)
    if wrong is not None:
        what = f"label {wrong}, but the network has the classes 0 to {classes - 1}"
        raise BadInput(what, where="labels", cure="count the classes from 0")
    return torch.tensor(numbers)


def _text(label: Any) -> str:
    """``3.0`` and numpy's 3 as ``3``."""
    value = label.item() if hasattr(label, "item") else label
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(label: Any) -> float:
    try:
        value = float(label)
    except (TypeError, ValueError) as error:
        raise BadInput(f"label {label!r} is no number", where="labels", cure="a regression needs numbers") from error
    if not math.isfinite(value):
        raise BadInput(f"label {label!r} is not finite", where="labels", cure="leave that picture out")
    return value
