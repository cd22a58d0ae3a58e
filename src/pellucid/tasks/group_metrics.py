"""How good decisions on several exclusive groups are. Groups that are not known count for nothing.

truth, decisions: class numbers within each group, int [n, groups], MISSING where not known; probabilities: the groups'
classes one behind the other, [n, Σ widths or more].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from pellucid.tasks import metrics
from pellucid.tasks.metrics import of_known
from pellucid.tasks.task import MISSING, Metric

Compute = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def subset_accuracy(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The share of items of which all groups that are known were decided right."""
    unknown = truth == MISSING
    known = ~unknown.all(1)
    return float(((truth == decisions) | unknown).all(1)[known].mean()) if known.any() else float("nan")


def group_metrics(names: Sequence[str], widths: Sequence[int]) -> dict[str, Metric]:
    """Accuracy over all groups and in each, all groups right, macro F1 and log loss."""
    starts = np.cumsum([0, *widths])
    parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(starts)]

    def of(compute: Compute, group: int) -> Compute:
        return lambda t, p, d: compute(t[:, group], p[:, parts[group]], d[:, group])

    def mean(compute: Compute) -> Compute:
        each = [of(compute, group) for group in range(len(names))]
        return lambda t, p, d: _mean([one(t, p, d) for one in each])

    found = {
        "mean_accuracy": Metric(mean(metrics.accuracy), "the mean of the groups' shares decided right", of=of_known),
        "subset_accuracy": Metric(subset_accuracy, "the share of pictures with all groups right", of=of_known),
        "log_loss": Metric(mean(metrics.log_loss), "the mean of the groups' mean −log p(right class)", higher=False),
    }
    for i, name in enumerate(names):
        words = f"the share of pictures with {name} right"
        found[f"accuracy: {name}"] = Metric(of(metrics.accuracy, i), words, of=partial(_of_group, i))
    for i, name in enumerate(names):
        found[f"macro_f1: {name}"] = Metric(of(metrics.macro_f1, i), f"the mean of the F1 of the classes of {name}")
    return found


def _of_group(group: int, truth: np.ndarray, decisions: np.ndarray) -> int:
    return of_known(truth[:, group], decisions[:, group])


def _mean(values: list[float]) -> float:
    there = [v for v in values if not np.isnan(v)]
    return float(np.mean(there)) if there else float("nan")
