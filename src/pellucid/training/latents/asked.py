"""Which items codes are learnt from and which are asked, of what classes they are, and which are normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.data.sets.opening import open_dataset
from pellucid.data.sets.splitting import split_rows
from pellucid.models.heads import code_place
from pellucid.models.layers import CODE
from pellucid.models.network import Network
from pellucid.models.units import one_layer
from pellucid.training.examples import Store
from pellucid.training.runs import Run
from pellucid.training.seen import seen

#: Items that are learnt from and asked at most, drawn with the seed; classes that are told apart at most.
LEARNT, ASKED, CLASSES = 5000, 5000, 100

#: Shares of items to learn from and to ask, where neither the run nor the data say.
SHARES = (0.7, 0.0, 0.3)


@dataclass(frozen=True, eq=False)
class Asked:
    """learnt, held: numbers of items. labels: a class number an item, −1 where none is known. normal: which items are
    normal, bool [items]; None where nobody says. unseen: whether the network has not learnt from the held ones.
    """

    run: Run | None
    network: Network
    layer: str
    data: Dataset
    store: Store
    learnt: np.ndarray
    held: np.ndarray
    column: str | None
    classes: tuple[str, ...]
    labels: np.ndarray
    normal: np.ndarray | None
    unseen: bool
    notes: tuple[str, ...]


def asked(
    given: Any,
    data: Any,
    layer: str,
    label: str | None,
    normal: str | Sequence[str] | None,
    image: str | None,
    seed: int,
) -> Asked:
    """What ``pellucid.latent`` is asked, checked; its arguments are those."""
    run = given if isinstance(given, Run) else None if isinstance(given, Network) else Run.open(given)
    if data is None and run is None:
        raise BadInput("no data were named", cure="pass pictures, as for pellucid.train")
    opened = open_dataset(data, image=image) if run is None else run.data(data, image=image)
    network = given if run is None else run.network
    column = label or _column(run, opened)
    if column is not None:
        opened.column(column)
    rows, unseen = _rows(run, opened, column, seed)
    store = Store(opened, network.input)
    notes = raise_or_warn(inspect(opened, None, (), each=store.put), opened.source)
    names, labels = _numbered(opened, column)
    wanted, learnt_normal = _normal(run, normal)
    if wanted is not None and column is None and normal is None:
        wanted = None  # as it was trained, which these pictures say nothing of
        notes = (*notes, "no column says which pictures are normal (--label): they are scored, and nothing judges that")
    flags = _flags(opened, column, wanted)
    learnt = rows["learnt"] if flags is None else rows["learnt"][flags[rows["learnt"]]]
    if len(learnt) < 2 or not len(rows["held"]):
        cure = "pass pictures of both kinds: such as the run learnt from, and others"
        raise BadInput(f"{len(learnt)} items to learn from, {len(rows['held'])} to ask", where=opened.source, cure=cure)
    if flags is not None and run is not None and not learnt_normal:
        notes = (*notes, "the network has learnt from what is not normal too: train it with normal= (--normal)")
    return Asked(
        run,
        network,
        one_layer(network, (code_place(network) or layer) if layer == CODE else layer),
        opened,
        store,
        _some(learnt, LEARNT, seed),
        _some(rows["held"], ASKED, seed),
        column,
        names,
        labels,
        flags,
        unseen,
        notes,
    )


def _column(run: Run | None, data: Dataset) -> str | None:
    """The column of classes: what the run was trained with, or the data's own."""
    named = [label for label in (run.plan.labels if run is not None else ()) if label in data.columns]
    return named[0] if named else data.label


def _rows(run: Run | None, data: Dataset, column: str | None, seed: int) -> tuple[dict[str, np.ndarray], bool]:
    """Items to learn from and to ask, and whether the network has not seen the latter."""
    labels = (column,) if column else ()
    if run is None:
        parted = split_rows(data, labels, shares=SHARES, seed=seed)
        return {"learnt": parted["train"], "held": parted["test"]}, True
    was = np.array(seen(run, data))
    held = np.flatnonzero((was != "train") & (was != "val"))
    if (was == "train").any() and len(held):
        return {"learnt": np.flatnonzero(was == "train"), "held": held}, True
    if not (was == "train").any():  # all of them are new
        parted = split_rows(data, labels, shares=SHARES, seed=seed)
        return {"learnt": parted["train"], "held": parted["test"]}, True
    if (was == "val").any():
        return {"learnt": np.flatnonzero(was == "train"), "held": np.flatnonzero(was == "val")}, True
    parted = split_rows(replace(data, split=None), labels, shares=SHARES, seed=seed)
    return {"learnt": parted["train"], "held": parted["test"]}, False


def _some(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def _numbered(data: Dataset, column: str | None) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes and each item's number; none where there is no column, or it holds too many different cells."""
    cells = data.columns[column] if column else ("",) * len(data)
    names = sorted({cell for cell in cells if cell})
    if not names or len(names) > CLASSES:
        return (), np.full(len(data), -1)
    number = {name: i for i, name in enumerate(names)}
    return tuple(names), np.array([number.get(cell, -1) for cell in cells])


def _normal(run: Run | None, normal: str | Sequence[str] | None) -> tuple[tuple[tuple[str, ...], bool] | None, bool]:
    """The classes that were named and whether these are the normal ones; whether the run learnt from normal items."""
    told = run.task.options if run is not None else {}
    trained = bool(told.get("normal") or told.get("anomalous"))
    if normal is not None:
        names = tuple(normal.split(",")) if isinstance(normal, str) else tuple(normal)
        return (tuple(name.strip() for name in names), True), trained
    if not trained:
        return None, False
    names = tuple(name.strip() for name in (told["normal"] or told["anomalous"]).split(","))
    return (names, bool(told["normal"])), True


def _flags(data: Dataset, column: str | None, wanted: tuple[tuple[str, ...], bool] | None) -> np.ndarray | None:
    """Which items are normal."""
    if wanted is None:
        return None
    if column is None:
        raise BadInput(
            "no column says which items are normal", where=data.source, cure="name one with label= (--label)"
        )
    names, mean_normal = wanted
    cells = data.columns[column]
    for name in names:
        if name not in cells:
            cure = near(name, sorted(set(cells)))
            raise BadInput(f"column {column!r} has no class {name!r}", where=data.source, cure=cure)
    return np.isin(np.array(cells), names) == mean_normal
