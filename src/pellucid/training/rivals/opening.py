"""From a data set to the bench: checked, read once, and with a task that all rivals can answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pellucid.core.errors import BadInput
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.models.inputs import InputSpec
from pellucid.models.memory import free_bytes
from pellucid.models.sources.small_ import plain_pixels
from pellucid.models.sources.table import sources
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.examples import SHARE, Store
from pellucid.training.plan import Plan
from pellucid.training.rivals.bench import Bench
from pellucid.training.rivals.parting import Parting
from pellucid.training.scoring import known
from pellucid.training.setup import make_task, naming

#: The longest side of what is learnt from as pixels, where nobody says: 80 × 80 = 6400 of them.
LARGEST = 80

#: The backbone that is stacked on the first where nobody names another, if its package is there.
SECOND = "efficientnet_lite1"

#: Metrics that decisions alone settle, for SVMs have no probabilities.
METRICS = {
    "multiclass": ("accuracy", "balanced_accuracy", "macro_f1"),
    "binary": ("accuracy", "balanced_accuracy", "f1", "expected_cost"),
    "ordinal": ("mae", "accuracy", "mse", "qwk"),
    "regression": ("r2", "mae", "rmse"),
}


def labelled(data: Dataset, task: str, options: Mapping[str, Any], labels: Sequence[str]) -> tuple[Dataset, Task]:
    """The items that have a label, and the task of learning it.

    Raises BadInput for tasks that want several answers, and where the data do not say what to learn.
    """
    if tasks[task].name not in METRICS:
        cure = (
            "choose one column with --task multiclass --label NAME (one tag with --task binary --tags --positive TAG)"
        )
        raise BadInput(f"baselines learn one class, grade or number a picture, and {task} asks for several", cure=cure)
    named = tuple(labels) or ((data.label,) if data.label else ())
    if len(named) != 1:
        what = "the data do not say what to learn" if not named else f"{len(named)} columns were named, not one"
        raise BadInput(what, where=data.source, cure=naming(data))
    found = make_task(data, Plan(task=task, options=options), named, np.arange(len(data)))
    targets = found.encode({named[0]: data.columns[named[0]]}).numpy()
    taken = data.take(np.flatnonzero(known(targets)).tolist())
    return dataclasses.replace(taken, problems=data.problems), found  # what could not be read is still to be told


def second_backbone(also: Sequence[str] | None) -> tuple[str, ...]:
    """The backbones to stack on the first: those that were named, else the usual one where its package is there."""
    if also is not None:
        return tuple(also)
    return (SECOND,) if SECOND in sources["builtin"].facts.names() else ()


def bench_of(
    data: Dataset, task: Task, parted: Sequence[Parting], *, size: tuple[int, int] | None = None, **own: Any
) -> tuple[Bench, tuple[str, ...]]:
    """Everything read and checked, and what a user should know of the data. own: the bench's other fields."""
    spec = pixel_spec(data, size)
    store = Store(data, spec)
    splits = {"train": parted[0].learn, "test": parted[0].test} if len(parted) == 1 else None
    label = task.vocabulary.columns[0]
    notes = raise_or_warn(inspect(data, splits, [label], each=store.put), data.source)
    x = store.x(np.arange(len(data)), torch.device("cpu"), torch.float32).numpy()
    targets = task.encode({label: data.columns[label]}).numpy()
    bench = Bench(
        data=data,
        small=dataclasses.replace(data, items=_in_memory(x, spec, data.source), boxes=None, points=None, masks=None),
        task=task,
        pixels=x.reshape(len(x), -1),
        shape=spec.shape,
        targets=targets.reshape(len(targets)).astype(np.float64 if targets.dtype.kind == "f" else np.int64),
        pictures=not spec.is_matrix or bool(min(spec.size) > 1 and x.min() >= 0 and x.max() <= 1),
        **own,
    )
    return bench, (*notes, *task.notes)


def pixel_spec(data: Dataset, size: tuple[int, int] | None) -> InputSpec:
    """What rivals learn from: pictures at most ``LARGEST`` on a side, matrices as they are.

    Raises BadInput where all of them do not fit into memory.
    """
    first = as_sample(data[0]).array
    height, width = first.shape[:2]
    channels = first.shape[2] if first.ndim == 3 else 1
    matrix = first.dtype != np.uint8
    if matrix and size not in (None, (height, width)):
        raise BadInput("--size is for pictures, and these are matrices", where=data.source, cure="leave it away")
    scale = min(1.0, LARGEST / max(height, width))
    fed = size or (max(1, round(height * scale)), max(1, round(width * scale)))
    spec = InputSpec.matrix(height, width, channels) if matrix else plain_pixels(fed, channels)
    wanted = 4 * len(data) * int(np.prod(spec.shape))
    if wanted > SHARE * free_bytes(torch.device("cpu")):
        cure = "make the matrices smaller before" if matrix else "pass a smaller --size"
        raise BadInput(f"{wanted / 1e9:.1f} GB of numbers do not fit into memory", where=data.source, cure=cure)
    return spec


def _in_memory(x: np.ndarray, spec: InputSpec, source: str) -> Stack:
    """[n, C, H, W] as items: bytes of pixels, or a matrix's numbers."""
    last = np.moveaxis(x, 1, -1)
    last = last[..., 0] if spec.channels == 1 else last
    return Stack.of(last.copy() if spec.is_matrix else (last * 255).round().astype(np.uint8), source)
