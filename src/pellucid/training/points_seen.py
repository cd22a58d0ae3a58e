"""What a network sees of landmarks: peaks above their thresholds, and what its density holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.models.network import Network
from pellucid.tasks.landmarks.scores import most_of
from pellucid.tasks.task import Task
from pellucid.training.answering import output_of

#: Of a found landmark: the number of its type, x and y in pixels of what entered the network, the peak's height.
Found = tuple[int, float, float, float]


@dataclass(frozen=True)
class Pointed:
    """The landmarks of one picture, the highest of each type first, and what the density of each type counts."""

    found: tuple[Found, ...]
    density: tuple[float, ...]


def summaries_of(task: Task, network: Network, x: Tensor, targets: Tensor) -> np.ndarray:
    """What scores need of a batch, [N, types, rows, 3]."""
    assert task.summary is not None
    return task.summary(output_of(network, x), targets).numpy()


def pointed(task: Task, network: Network, x: Tensor) -> list[Pointed]:
    """What a batch shows, by the task's tuned rule."""
    nobody = torch.full((len(x), 1, 3), torch.nan)
    return [read_off(task, summary) for summary in summaries_of(task, network, x, nobody)]


def read_off(task: Task, summary: np.ndarray) -> Pointed:
    """What one picture's summary [types, rows, 3] says."""
    most = most_of(task.vocabulary)
    found: list[Found] = []
    for kind, threshold in enumerate(task.rule["thresholds"]):
        peaks = summary[kind, 1 : 1 + most]
        found += [(kind, float(x), float(y), float(height)) for x, y, height in peaks[peaks[:, 2] > threshold]]
    density = [float(area * own[0, 0]) for area, own in zip(task.rule["area"], summary, strict=True)]
    return Pointed(tuple(found), tuple(density))


def counts_of(names: Sequence[str], seen: Pointed) -> list[dict[str, object]]:
    """A row a type: how many peaks, and what the density holds."""
    return [
        {"type": name, "peaks": sum(kind == place for kind, *_ in seen.found), "density": seen.density[place]}
        for place, name in enumerate(names)
    ]
