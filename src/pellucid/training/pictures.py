"""Trainings whose pictures are what is learnt: which items, what they are held against, and by which scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.models.layers import CODE
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.tasks.reconstruction.scores import METRICS
from pellucid.tasks.task import Task
from pellucid.training.components import BLOCK, components
from pellucid.training.examples import Store

#: The split of the classes that are not learnt from.
ANOMALOUS = "anomalous"


def normal_rows(
    data: Dataset, rows: Mapping[str, np.ndarray], labels: Sequence[str], options: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The splits with normal items alone, the others as a split of their own, where options say which are which."""
    flags = are_normal(data, labels, options)
    if flags is None:
        return dict(rows)
    found = {split: own[flags[own]] for split, own in rows.items()}
    if not len(found["train"]):
        raise BadInput("no training item is normal", where=data.source, cure="name other classes")
    return {**found, ANOMALOUS: np.sort(np.concatenate([own[~flags[own]] for own in rows.values()]))}


def are_normal(data: Dataset, labels: Sequence[str], options: Mapping[str, Any]) -> np.ndarray | None:
    """Which items are of the normal classes: bool [n]; None where all are meant."""
    wanted = options.get("normal") or options.get("anomalous")
    if not wanted:
        return None
    if not labels:
        raise BadInput("no column says which items are normal", where=data.source, cure="name one with --label")
    cells = data.column(labels[0])
    names = [name.strip() for name in str(wanted).split(",")]
    for name in names:
        if name not in set(cells):
            cure = near(name, sorted(set(cells)))
            raise BadInput(f"column {labels[0]!r} has no class {name!r}", where=data.source, cure=cure)
    there = np.isin(np.array(cells), names)
    return there if options.get("normal") else ~there


def of_pictures(
    task: Task, network: Network, store: Store, rows: Mapping[str, np.ndarray], *, seed: int
) -> tuple[Task, Tensor]:
    """The task as it is for this network, and the items' targets: zeros where answers are held against nothing."""
    if task.unlearnt is None:
        return task, torch.zeros(len(store.data))
    return fitted_to(task, network), held_against(store, rows, units_of(network), seed=seed)


def others_of(rows: Mapping[str, np.ndarray], batch: int | None, count: int) -> Tensor:
    """How many other views each view is held against where its split is judged, float32 [count]; NaN in no split.

    They are those of a batch, or of the smallest split where that is less: of all splits alike, for a loss among fewer
    is less.
    """
    sizes = [len(own) for own in rows.values() if len(own)]
    together, found = max(2, min([*sizes, batch or max(sizes)])), torch.full((count,), torch.nan)
    for own in rows.values():
        found[torch.from_numpy(own)] = 2.0 * min(together, len(own)) - 1
    return found


def alone(rows: Mapping[str, np.ndarray], source: str) -> tuple[str, ...]:
    """What to tell of splits of one picture, which has no other to be told from; of training items an error."""
    if len(rows["train"]) < 2:
        cure = "give more: 64 a step are usual, and the more the better"
        raise BadInput("one picture to learn from has no other to be told from", where=source, cure=cure)
    single = [split for split, own in rows.items() if len(own) == 1]
    return tuple(
        f"the only picture of {split} has no other to be told from: its scores say nothing" for split in single
    )


def fitted_to(task: Task, network: Network) -> Task:
    """The task with the scores that the network has: only a drawn code says something of KL.

    Raises BadInput where the network gives no picture of the input's shape.
    """
    x = network.probe()
    with untouched(network.module), torch.no_grad():
        output = network(x)
    if first_tensor(output).shape != x.shape:
        given, wanted = tuple(first_tensor(output).shape[1:]), tuple(x.shape[1:])
        cure = "pass model='autoencoder' (--model), or a network whose output has its input's shape"
        raise BadInput(f"it gives {given} for {wanted}, which is no reconstruction", where=network.name, cure=cure)
    drawn = isinstance(output, tuple) and len(output) == 3
    if not drawn and task.options["beta"] != 1:
        cure = "pass a variational network, such as model='vae:conv-32-32' (--model), or leave beta away"
        raise BadInput("beta weighs what a drawn code says, and this one draws none", where=network.name, cure=cure)
    return task if drawn else dataclasses.replace(task, metrics=METRICS, primary="mse")


def units_of(network: Network, layer: str = CODE) -> int:
    """How many numbers a picture's code has."""
    shape = next((each.shape for each in network.tree() if each.name == layer), None)
    if shape is None:
        cure = f"call its narrowest layer {CODE!r}, so that everything finds it"
        raise BadInput(f"it has no layer {layer!r}", where=network.name, cure=cure)
    return int(np.prod(shape))


def held_against(store: Store, rows: Mapping[str, np.ndarray], units: int, *, seed: int) -> Tensor:
    """What the training items' mean picture, and ``units`` of their principal components, miss of each item.

    Float32 [n, 2], squared errors a value; NaN for items of no split.
    """
    known = components(store, rows["train"], units, seed=seed)
    found = torch.full((len(store.data), 2), torch.nan)
    every = np.sort(np.concatenate(list(rows.values())))
    for some in np.array_split(every, max(1, -(-len(every) // BLOCK))):
        x = store.x(some, torch.device("cpu"), torch.float32)
        found[torch.from_numpy(some)] = torch.stack(known.missed(x), 1).float()
    return found
