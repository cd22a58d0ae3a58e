"""What is explained: one number a sample, chosen by a class's name, an index, "top" or any function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.attribution.targets import peaked, won
from pellucid.core.errors import BadInput
from pellucid.models.grid import FIRST_CLASS, OBJECT, GridDetector
from pellucid.models.maps import shares_of_maps
from pellucid.models.network import Network, first_tensor

Of = Literal["logit", "probability"]

#: What the explained number is: as asked, the network's plain value, or what a function made.
Kind = Literal["logit", "probability", "value", "function"]
Wanted = str | int | Callable[[Any], Tensor] | Sequence[str | int] | Tensor | np.ndarray


@dataclass(frozen=True)
class Target:
    """A resolved target: call it on the module's output and get one number a sample, [N].

    names: what it is called, one a sample. indices: [N] output indices; or weights: [classes], of a sum of
    outputs; or places: [N, classes, H, W], of a sum over maps; or ``function``, which computes the number. of: what
    the number is. squash: makes probabilities of the logits, where those are asked for.
    """

    names: tuple[str, ...]
    indices: Tensor | None = None
    weights: Tensor | None = None
    places: Tensor | None = None
    function: Callable[[Any], Tensor] | None = None
    of: Kind = "logit"
    squash: Callable[[Tensor], Tensor] | None = None

    def __call__(self, output: Any) -> Tensor:
        if self.function is not None:
            return self._finite(_one_number(self.function(output), output, self.names[0]))
        scores = first_tensor(output)
        if self.places is not None:
            return self._finite((scores * self.places).sum((1, 2, 3)))
        if self.squash is not None:
            scores = self.squash(scores)
        if self.weights is not None:
            return self._finite((scores * self.weights).sum(1))
        return self._finite(scores.gather(1, self.indices[:, None])[:, 0])

    def share_of(self, scores: Tensor) -> Tensor:
        """What each output [N, classes] has in the value, where that is made of probabilities."""
        shares = scores if self.squash is None else self.squash(scores)
        if self.weights is not None:
            return shares * self.weights
        return torch.zeros_like(shares).scatter_(1, self.indices[:, None], shares.gather(1, self.indices[:, None]))

    def _finite(self, scores: Tensor) -> Tensor:
        if not torch.isfinite(scores).all():
            cure = "check the weights and the input's range"
            raise BadInput(f"the network's output for {self.names[0]} is NaN or infinite", cure=cure)
        return scores

    def rows(self, which: Tensor) -> Target:
        """The target of a batch made of the samples ``which`` (indices, repeats allowed)."""
        names = tuple(self.names[i] for i in which.tolist())
        own = lambda each: None if each is None else each[which.to(each.device)]  # noqa: E731
        return replace(self, names=names, indices=own(self.indices), places=own(self.places))


def resolve(network: Network, x: Tensor, wanted: Wanted, *, of: Of) -> Target:
    """Turn what the user asked for into a Target for the batch ``x`` [N, C, H, W].

    wanted: a class's name, an index, "top" (each sample's own best class), one of these a sample, a sum or
    difference of classes ("tiger cat + tabby - lynx"), or a function of the module's output that gives [N].
    Where the output is a map [N, classes, H, W], a class means its mean score over the pixels that it wins in ``x``
    (of a heatmap of landmarks over its peaks).
    """
    if of not in ("logit", "probability"):
        raise BadInput(f"of is {of!r}", cure="pass 'logit' or 'probability'")
    if callable(wanted):
        if of != "logit":
            cure = "let the function return it (output.softmax(1)[:, i])"
            raise BadInput(f"of={of!r} does not apply to a target that is a function", cure=cure)
        name = getattr(wanted, "__name__", type(wanted).__name__)
        return Target((name,) * len(x), function=wanted, of="function")
    with torch.no_grad():
        scores = first_tensor(network(x[:1]))
    if isinstance(network.module, GridDetector):
        return _of_boxes(network, x, wanted, of)
    if scores.ndim == 4:
        return _of_map(network, x, scores, wanted, of)
    network.check_output(scores)
    best_one = isinstance(wanted, str) and wanted == "top" and scores.shape[1] > 1
    if network.output == "values" and (of == "probability" or best_one):
        cure = "name the output that you mean, and its value is explained"
        raise BadInput("values have neither a best one nor a probability", where=network.name, cure=cure)
    terms = _terms(network, wanted)
    if terms:
        return _of_terms(network, scores, terms, str(wanted), len(x), of)
    each = _one_each(wanted, len(x))
    if len(each) != len(x):
        raise BadInput(f"{len(each)} targets for {len(x)} samples", cure="pass one, or one a sample")
    best = _best(network, x) if "top" in [e for e in each if isinstance(e, str)] else None
    indices = [int(best[i]) if e == "top" else _index(network, e, scores.shape[1]) for i, e in enumerate(each)]
    names = tuple(network.class_name(i) for i in indices)
    indexed = torch.tensor(indices, device=x.device)
    return Target(names, indexed, of=_kind(network, of), squash=_squash(network, of))


def _kind(network: Network, of: Of) -> Kind:
    """A network that already ends in a softmax, or predicts plain values, has nothing to normalise."""
    own: dict[str, Kind] = {"probabilities": "probability", "values": "value"}
    return own.get(network.output, of)


def _squash(network: Network, of: Of) -> Callable[[Tensor], Tensor] | None:
    logits = network.output in ("logits", "multilabel", "groups")
    return network.probabilities if logits and of == "probability" else None


def _terms(network: Network, wanted: Any) -> list[tuple[int, str]]:
    """``"tiger cat + tabby - lynx"`` as signs and names; empty where it is a class's own name, or no sum."""
    if not isinstance(wanted, str) or not re.search(r" [+-] ", wanted):
        return []
    try:
        network.class_index(wanted)
    except BadInput:
        first, *rest = re.split(r" ([+-]) ", wanted)
        return [
            (1, first.strip()),
            *((1 if sign == "+" else -1, name.strip()) for sign, name in zip(rest[::2], rest[1::2], strict=True)),
        ]
    return []


def _of_terms(network: Network, scores: Tensor, terms: list[tuple[int, str]], name: str, count: int, of: Of) -> Target:
    """A sum of classes' scores, or of their probabilities."""
    weights = torch.zeros_like(scores[0])
    for sign, term in terms:
        weights[_index(network, term, scores.shape[1])] += sign
    return Target((name,) * count, weights=weights, of=_kind(network, of), squash=_squash(network, of))


def _of_map(network: Network, x: Tensor, scores: Tensor, wanted: Any, of: Of) -> Target:
    """A class of a segmentation map, over the pixels that it wins: found once, so that they stay when ``x`` is changed.

    scores: the maps of the first sample.
    """
    apart = network.output == "multilabel"
    if of != "logit" or not isinstance(wanted, str | int) or wanted == "top":
        if network.gives_heatmaps:
            known = ", ".join(map(network.class_name, range(scores.shape[1])))
            cure = "pass one's name or index, or pellucid.targets.keypoint(index, near=(x, y)) for one of several"
            raise BadInput(
                f"the output is a heatmap for each type of landmark ({known})", where=network.name, cure=cure
            )
        if network.output == "values":  # a picture, as of an autoencoder: its channels are no classes
            network.check_output(scores)
        shares = shares_of_maps(scores, apart=apart).mean(0)
        seen = ", ".join(f"{network.class_name(int(i))} {shares[i]:.0%}" for i in shares.argsort(descending=True)[:3])
        cure = "pass one class's name or index, or pellucid.targets.segmentation(index, mask)"
        raise BadInput(f"the output is a map of classes (mostly {seen})", where=network.name, cure=cure)
    heat = network.gives_heatmaps
    terms = _terms(network, wanted) or [(1, wanted)]
    parts = [(sign, _index(network, term, scores.shape[1])) for sign, term in terms]
    name = str(wanted) if len(parts) > 1 else network.class_name(parts[0][1])
    with torch.no_grad():
        passes = x.split(network.batch_size(x, gradient=False))
        places = torch.cat([_places(first_tensor(network(each)), parts, apart, heat) for each in passes])
    return Target((name,) * len(x), places=places, of="function")


def _of_boxes(network: Network, x: Tensor, wanted: Any, of: Of) -> Target:
    """A class of a grid detector: log P(object) · P(class) of the box where that is highest in ``x``, found once."""
    if of != "logit" or not isinstance(wanted, str | int) or wanted == "top":
        known = ", ".join(map(repr, network.classes or ()))
        cure = f"pass the name of what is in the box ({known})"
        raise BadInput("the output is many boxes", where=network.name, cure=cure)
    kind = _index(network, wanted, len(network.classes or ()) or int(network.module.classes))  # type: ignore[arg-type]

    def sure(output: Any) -> Tensor:
        found = first_tensor(output)
        return F.logsigmoid(found[..., OBJECT]) + found[..., FIRST_CLASS:].log_softmax(-1)[..., kind]

    with torch.no_grad():
        passes = x.split(network.batch_size(x, gradient=False))
        places = torch.cat([sure(network(each)).argmax(1) for each in passes])

    def best(output: Any) -> Tensor:
        own = sure(output)
        if len(own) == len(places):
            return own.gather(1, places[:, None])[:, 0]
        if len(places) == 1:
            return own[:, int(places[0])]
        return own.amax(1)

    return Target((f"box of {network.class_name(kind)}",) * len(x), function=best, of="function")


def _places(maps: Tensor, parts: Sequence[tuple[int, int]], apart: bool, heat: bool) -> Tensor:
    """What each place of each map counts in the sum of means, [N, classes, H, W].

    heat: maps are heatmaps of landmarks, whose places are the peaks, as far down as half of the highest.
    """
    weights = torch.zeros_like(maps)
    for sign, index in parts:
        there = peaked(maps, index) if heat else won(maps, index, overlapping=apart)
        weights[:, index] += sign * there / there.sum((1, 2), keepdim=True)
    return weights


def _one_each(wanted: Any, count: int) -> list[Any]:
    """One target a sample: as given, or the same for all."""
    if isinstance(wanted, Tensor | np.ndarray):
        wanted = wanted.tolist()
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted] * count


@torch.no_grad()
def _best(network: Network, x: Tensor) -> Tensor:
    size = network.batch_size(x, gradient=False)
    scores = torch.cat([first_tensor(network(part)) for part in x.split(size)])
    # Scores of different groups cannot be compared, their probabilities can.
    return (network.probabilities(scores) if network.output == "groups" else scores).argmax(1)


def _index(network: Network, wanted: Any, outputs: int) -> int:
    if hasattr(wanted, "__index__"):
        index = int(wanted)
    elif isinstance(wanted, str):
        index = network.class_index(wanted)
    else:
        raise BadInput(
            f"a {type(wanted).__name__} is no target", cure="pass a class's name, an index, 'top' or a function"
        )
    if not 0 <= index < outputs:
        raise BadInput(f"class index {index} is out of range", where=network.name, cure=f"pass 0 to {outputs - 1}")
    return index


def _one_number(scores: Any, output: Any, name: str) -> Tensor:
    boxes = isinstance(output, list | tuple) and all(isinstance(o, Mapping) for o in output)
    rows = len(output) if boxes else len(first_tensor(output))
    if not isinstance(scores, Tensor) or scores.ndim != 1 or len(scores) != rows:
        shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        cure = "reduce everything but the first axis, for example output[:, 3] or output.flatten(1).sum(1)"
        raise BadInput(f"target {name} gives {shape}, not one number a sample", cure=cure)
    return scores
