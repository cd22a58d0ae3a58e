"""Which pictures explanations are judged on, and what is known of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.target import resolve
from pellucid.core.errors import BadInput, near
from pellucid.core.types import Sample
from pellucid.data.batches import as_batch
from pellucid.data.dataset import Dataset
from pellucid.data.folders import pictures_in
from pellucid.data.masks import UNJUDGED, read_mask
from pellucid.data.sets.opening import FORMS, dataset
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.truth.at_input import at_input
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.prove.question import Question
from pellucid.prove.rendered import with_parts


def bench_of(network: Network, data: Any, asked: Question) -> tuple[Bench, str]:
    """The pictures that are judged on, as the network is fed them, each with the output that is explained; and what is
    to be said of rendered ones that cannot be rendered again.

    data: a data set (or its path), a folder of plain pictures, files, Samples; they are drawn from the test split where
    there is one, else from validation, and among those with a mask where there are masks. Without names in
    ``asked.mask`` all of a mask's regions count that are not 0.
    """
    pictures, repeats = asked.counts
    if pictures < 1 or repeats < 1:
        raise BadInput(f"{pictures} pictures, {repeats} of them explained again", cure="pass at least 1")
    opened = opened_data(data)
    masks = groups = None
    if isinstance(opened, Dataset):
        chosen = _drawn(opened, pictures, asked.seed)
        samples: list[Any] = [chosen[i] for i in range(len(chosen))]
        masks = None if chosen.masks is None else _masks(network, samples, chosen, asked.mask)
        groups = None if chosen.group is None else np.unique(chosen.group, return_inverse=True)[1]
    else:
        order = np.random.default_rng(asked.seed).permutation(len(opened))[:pictures]
        samples = [opened[i] for i in sorted(order)]
    if asked.mask and masks is None:
        raise BadInput("regions are named, and the data have no masks", cure="leave --mask away")
    batch = as_batch(network.input, samples, network.device, network.dtype)
    bench = Bench(
        network.prepared(),
        batch.x,
        _targets(network, batch.x, asked),
        batch.names,
        of=asked.of,
        pictures=batch.pictures,
        masks=masks,
        groups=groups,
        original=network,
        shuffled=_twin(network, asked.shuffled),
        repeats=repeats,
        seed=asked.seed,
    )
    if asked.parts == "no" or not isinstance(opened, Dataset):
        return bench, ""
    try:
        return with_parts(bench, chosen, asked.mask)
    except BadInput as error:
        if asked.parts == "yes":
            raise
        return bench, str(error)


def _targets(network: Network, x: Tensor, asked: Question) -> Tensor:
    """The output that is explained of each picture: int64 [n]."""
    ready = network.prepared()
    with untouched(ready.module):
        goal = resolve(ready, x, asked.target, of=asked.of)
    if goal.indices is None:
        cure = "name one class (--target), or 'top'"
        raise BadInput("explanations are judged for one output a picture", where=network.name, cure=cure)
    return goal.indices.cpu().long()


def _twin(network: Network, shuffled: Network | None) -> Network | None:
    """The network of shuffled labels, if it is fed what the network is."""
    if shuffled is not None and shuffled.input.shape != network.input.shape:
        cure = "train it as the network was, on shuffled labels"
        raise BadInput("the network of shuffled labels takes another input", where=shuffled.name, cure=cure)
    return shuffled


def opened_data(data: Any) -> Dataset | list[Any]:
    """A data set where it is one, else a list of pictures."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        data = [data]
    if isinstance(data, list | tuple) and data and all(isinstance(d, str | os.PathLike) for d in data):
        paths = [Path(d).expanduser() for d in data]
        if len(paths) == 1 and _is_set(paths[0]):
            return dataset(paths[0])
        return list(pictures_in([os.fspath(d) for d in data]))
    if isinstance(data, Sample | np.ndarray | torch.Tensor):
        return [data] if isinstance(data, Sample) else list(data)
    return list(data)


def _is_set(path: Path) -> bool:
    """Whether something is known of the pictures there; one array alone is one matrix."""
    return path.exists() and path.suffix != ".npy" and any(form.recognises(path) for form in FORMS)


def _drawn(data: Dataset, count: int, seed: int) -> Dataset:
    splits = set(data.split or ())
    wanted = next((s for s in ("test", "val") if s in splits), None)
    rows = [i for i in range(len(data)) if wanted is None or data.split[i] == wanted]
    marked = [i for i in rows if data.masks is not None and data.masks[i] is not None]
    rows = marked or rows
    if not rows:
        raise BadInput("there is no picture", where=data.source, cure="pass data with pictures")
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    return data.take([rows[i] for i in sorted(order)])


def _masks(network: Network, samples: Sequence[Sample], data: Dataset, names: Sequence[str]) -> np.ndarray:
    """What the masks mark, where the network looks: bool [n, H, W]."""
    numbers = _numbers(data, names)
    found = np.zeros((len(samples), *network.input.size), bool)
    for i, (sample, path) in enumerate(zip(samples, data.masks or (), strict=True)):
        if path is None:
            continue
        drawn = read_mask(path)
        marked = np.isin(drawn, numbers) if numbers else (drawn != 0) & (drawn != UNJUDGED)
        if marked.shape != sample.array.shape[:2]:
            what = f"a mask of {marked.shape[0]} × {marked.shape[1]} for a picture of {sample.array.shape[:2]}"
            raise BadInput(what, where=path, cure="draw it at the picture's size")
        found[i] = at_input(marked, network.input)
    return found


def _numbers(data: Dataset, names: Sequence[str]) -> list[int]:
    known = {name: number for number, name in data.mask_names.items()}
    for name in names:
        if name not in known and not name.isdecimal():
            cure = near(name, known) if known else "pass its number"
            raise BadInput(f"no region of the masks is called {name!r}", where=data.source, cure=cure)
    return [known[n] if n in known else int(n) for n in names]
