"""The losses by name, each put together for one scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.heads import Head
from pellucid.tasks.grading import coral, corn, cumulative, distance, emd, regression, soft
from pellucid.tasks.grading.cross_entropy import cross_entropy
from pellucid.tasks.grading.scale import Scale
from pellucid.tasks.grading.way import Way


@dataclass(frozen=True)
class Asked:
    """What a way is made for: the scale, each level's count among the training items, and the loss's own options."""

    scale: Scale
    counts: np.ndarray
    column: str
    sharpness: float
    share: float
    power: float

    def distances(self, power: float) -> np.ndarray:
        """|place − place|^power between levels, neighbours 1 apart on average: [levels, levels]."""
        places = self.scale.even
        return np.abs(places[:, None] - places) ** power


def _classes(asked: Asked, loss: Callable[[Tensor, Tensor], Tensor], **more) -> Way:
    """A score for each level, and the softmax of them."""
    names = asked.scale.names
    return Way(Head("linear", len(names)), "logits", names, loss, lambda output: output.softmax(1), **more)


def _thresholds(
    asked: Asked,
    head: str,
    loss: Callable[[Tensor, Tensor], Tensor],
    probabilities: Callable[[Tensor], Tensor] = cumulative.cumulative_probabilities,
    *notes: str,
) -> Way:
    """A score for each "is it above this level?"."""
    names = tuple(f"above {name}" for name in asked.scale.names[:-1])
    return Way(Head(head, len(names)), "multilabel", names, loss, probabilities, notes=notes)


def _soft(asked: Asked, labels: np.ndarray) -> Way:
    loss = partial(soft.soft_labels, labels=torch.from_numpy(labels))
    note = "soft labels: the probabilities are the true ones, blurred as the labels are"
    return _classes(asked, loss, certain=labels, notes=(note,))


def _only_ranks(asked: Asked, labels: np.ndarray) -> np.ndarray:
    if not np.allclose(asked.scale.even, np.arange(len(asked.scale))):
        raise BadInput("these soft labels know ranks alone", cure="use spacing='ranks', or loss='soft_exponential'")
    return labels


def _by_class(asked: Asked) -> Way:
    distances = torch.from_numpy(asked.distances(asked.power))
    note = (
        "distance-weighted: the outputs are no probabilities of the levels; "
        f"the most likely one has the smallest expected distance^{asked.power:g}, so it is decided by 'mode'"
    )
    return _classes(asked, partial(distance.distance_by_class, distances=distances), rule="mode", notes=(note,))


def _by_decision(asked: Asked) -> Way:
    distances = torch.from_numpy(asked.distances(asked.power))
    note = "distance-weighted: the probabilities are too large far from the decision, by 1 + distance"
    return _classes(asked, partial(distance.distance_by_decision, distances=distances), notes=(note,))


def _regression(asked: Asked, loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Way:
    places = np.array(asked.scale.places)
    counts = asked.counts if np.count_nonzero(asked.counts) > 1 else np.ones(len(places))
    centre = np.average(places, weights=counts)
    standard = torch.from_numpy((places - centre) / np.sqrt(np.average((places - centre) ** 2, weights=counts)))
    note = "regression: the probabilities say between which two levels the number lies, and are no belief"
    return Way(
        Head("linear", 1),
        "values",
        (f"{asked.column} (deviations from the mean)",),
        partial(loss, standard=standard),
        partial(regression.by_neighbours, standard=standard),
        notes=(note,),
    )


def _coral(asked: Asked) -> Way:
    note = "CORAL: where P(above) rises with the level, the negative share is cut off and the rest made to sum to 1"
    return _thresholds(asked, "coral", coral.coral, cumulative.cumulative_probabilities, note)


#: What puts a loss together, by its name.
WAYS: dict[str, Callable[[Asked], Way]] = {
    "cross_entropy": lambda asked: _classes(asked, cross_entropy),
    "distance_by_class": _by_class,
    "distance_by_decision": _by_decision,
    "soft_exponential": lambda asked: _soft(asked, soft.exponential(asked.distances(1), asked.sharpness)),
    "soft_gaussian": lambda asked: _soft(asked, soft.exponential(asked.distances(2), asked.sharpness)),
    "soft_binomial": lambda asked: _soft(asked, _only_ranks(asked, soft.binomial(len(asked.scale)))),
    "soft_triangular": lambda asked: _soft(asked, _only_ranks(asked, soft.triangular(len(asked.scale), asked.share))),
    "coral": _coral,
    "corn": lambda asked: _thresholds(asked, "linear", corn.corn, corn.corn_probabilities),
    "cumulative": lambda asked: _thresholds(asked, "cumulative", cumulative.cumulative),
    "emd": lambda asked: _classes(asked, partial(emd.squared_emd, gaps=torch.from_numpy(np.diff(asked.scale.even)))),
    "regression": lambda asked: _regression(asked, regression.squared_error),
    "regression_l1": lambda asked: _regression(asked, regression.absolute_error),
}
