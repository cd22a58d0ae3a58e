"""What a task is: from the cells of a table to targets, from a network's outputs to decisions and their worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Generator, Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame
from pellucid.data.augment import Moves
from pellucid.data.dataset import Dataset
from pellucid.data.regions import regions_of
from pellucid.models.heads import Head
from pellucid.models.inputs import InputSpec
from pellucid.tasks.table import Learns

#: A table's cells by column, one text an item.
Columns = Mapping[str, Sequence[str]]

#: A missing label among class numbers; among floats it is NaN.
MISSING = -1

#: So many sizes of boxes are remembered.
SIZES = 256

#: The type of points where the data name none.
ONE_KIND = "point"


@dataclass(frozen=True)
class Vocabulary:
    """What the labels' columns can hold, found once in all the data: plain values, so that a run's config keeps it.

    values: the different cells of each column without the empty one, numbers in their order, else by the alphabet.
    rows: how many cells of each are filled. combinations: the different rows of these columns among the training
    items, with how often each is there; of masks the training pixels that were counted of each region. most: the
    largest number of boxes or points in a picture. numbers: how label images write the regions of masks. sizes: of some
    training boxes width and height, as shares of their pictures'.
    """

    values: Mapping[str, tuple[str, ...]]
    rows: int
    combinations: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    most: int = 0
    numbers: tuple[int, ...] = ()
    sizes: tuple[tuple[float, float], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The labels' columns, in the order in which they were named."""
        return tuple(self.values)

    def only(self, what: str) -> str:
        """The one column of a task that takes one; an error where there are several."""
        if len(self.columns) != 1:
            cure = "name one with --label, or use --task multigroup for several"
            raise BadInput(f"{what} learns one column, and {len(self.columns)} were named", cure=cure)
        return self.columns[0]


@dataclass(frozen=True)
class Metric:
    """How good decisions are. compute: ``compute(truth, probabilities, decisions)`` → a number, all three numpy arrays
    [n, …] as the task makes them; NaN where it is not defined. higher: whether more is better. words: what it is.
    of: of a score from 0 to 1, truth and decisions → by how many items it could have been less than perfect.
    """

    compute: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    words: str
    higher: bool = True
    of: Callable[[np.ndarray, np.ndarray], int] | None = None


@dataclass(frozen=True)
class Scene:
    """What a task needs besides whose answers lie in the picture: masks, points, boxes.

    target: ``target(data, i, frame, spec)`` → item i's target in the pixels of what enters the network, each of one
    shape. moved: ``moved(targets, moves)`` → the batch's targets after its pictures were moved.
    """

    target: Callable[[Dataset, int, Frame, InputSpec], Tensor]
    moved: Callable[[Tensor, Moves], Tensor]


@dataclass(frozen=True)
class Task:
    """A task, made for what the labels of one data set can be. All functions are pure; n is the number of items.

    kind: its registered name. classes: what each column of ``probabilities`` is about. head: the network's last layer.
    output, outputs: the kind and the names of the network's outputs, as ``Network`` has them (None: no names); groups:
    how many of them each softmax has, where there are several.
    encode: columns → targets [n] (class numbers, MISSING) or [n, k] (floats, NaN where missing).
    loss: outputs [n, O], targets → [n], each item's own loss (0 where its label is missing).
    probabilities: outputs [n, O] → [n, len(classes)], for whatever is decided from them.
    rule: what decisions need besides, in its untuned form (thresholds, say); plain values.
    tune: probabilities, targets → a rule, from validation items alone; None where there is nothing to tune.
    decide: probabilities, rule → decisions, int [n] or [n, k].
    say: one item's decisions [k] or () → words; of its target too, which is of the same form.
    decided: what each column of [n, k] decisions is about (tags, groups), whose probabilities come first; () of [n].
    metrics: by name; primary: the one by which the best epoch is kept, and alternatives are compared.
    scene: where targets are places in the picture. summary: outputs, targets → [n, …], all that scores need of each
    item, where the outputs themselves would be too many; ``probabilities`` and the metrics then take summaries, and
    the metrics leave their first argument alone. objective: run, x, targets → each item's loss [n] and its summary,
    for a task that does more than run the network once. views: ``views(x, generator)`` → what the objective gets in
    place of x, drawn anew each time; items are then judged beside others, in batches. constant: the targets of what is
    learnt from → the output [1, …] of who answers always the same, where a target is more than a class or a number.
    unlearnt: targets → the summaries of who answers always the same, where the targets themselves tell what that costs.
    begin: what the network's module is told before it learns (anchors, say), in place.
    notes: what a user should know (a shifted logit, a rare class).
    """

    kind: str
    options: Mapping[str, Any]
    vocabulary: Vocabulary
    classes: tuple[str, ...]
    head: Head
    output: str
    outputs: tuple[str, ...] | None
    encode: Callable[[Columns], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    probabilities: Callable[[Tensor], Tensor]
    decide: Callable[[np.ndarray, Mapping[str, Any]], np.ndarray]
    say: Callable[[np.ndarray], str]
    metrics: Mapping[str, Metric]
    primary: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    tune: Callable[[np.ndarray, np.ndarray], Mapping[str, Any]] | None = None
    groups: tuple[int, ...] = ()
    decided: tuple[str, ...] = ()
    scene: Scene | None = None
    summary: Callable[[Tensor, Tensor], Tensor] | None = None
    objective: Callable[[Callable[[Tensor], Any], Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    views: Callable[[Tensor, Generator], Tensor] | None = None
    constant: Callable[[Tensor], Tensor] | None = None
    unlearnt: Callable[[np.ndarray], np.ndarray] | None = None
    begin: Callable[[nn.Module], None] | None = None
    notes: tuple[str, ...] = ()

    @property
    def negative(self) -> str | None:
        """Of two classes with one output, what that output says where it is unlikely; None where each has its own."""
        return self.classes[0] if len(self.classes) == 2 and self.outputs == self.classes[1:] else None

    def tuned(self, probabilities: np.ndarray, targets: np.ndarray) -> Mapping[str, Any]:
        """The rule for decisions, tuned on validation items where the task can be tuned."""
        return self.rule if self.tune is None or not len(targets) else self.tune(probabilities, targets)

    def scores(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        rule: Mapping[str, Any] | None = None,
        *,
        only: str | None = None,
    ) -> dict[str, float]:
        """Every metric by name, or one of them."""
        decisions = self.decide(probabilities, self.rule if rule is None else rule)
        wanted = self.metrics if only is None else {only: self.metrics[only]}
        return {name: m.compute(targets, probabilities, decisions) for name, m in wanted.items()}


def vocabulary_of(data: Dataset, labels: Sequence[str], training: Sequence[int]) -> Vocabulary:
    """What the columns ``labels`` hold; training: the numbers of the items that combinations are counted among.

    Raises BadInput for an unknown column, or one without a single filled cell.
    """
    values, filled = {}, 0
    for label in labels:
        cells = [c for c in data.column(label) if c]
        if not cells:
            raise BadInput(f"column {label!r} is empty", where=data.source, cure="name another with --label")
        values[label], filled = in_order(set(cells)), filled + len(cells)
    combinations: dict[tuple[str, ...], int] = {}
    for i in training:
        row = tuple(data.columns[label][i] for label in labels)
        combinations[row] = combinations.get(row, 0) + 1
    return Vocabulary(values, filled, combinations)


def scene_vocabulary(data: Dataset, learns: Learns, training: Sequence[int]) -> Vocabulary:
    """What is told of places in the pictures: the regions of masks, the kinds of boxes or of points.

    Raises BadInput where nothing of the kind is told.
    """
    drawn = data.outlines if data.masks is None else data.masks
    told = {"masks": drawn, "boxes": data.boxes, "points": data.points}.get(learns)
    if learns == "pictures":
        return Vocabulary({}, len(data))
    if told is None or all(each is None for each in told):
        cure = f"name a data set that has {learns} (see docs/data.md)"
        raise BadInput(f"the data tell of no {learns}", where=data.source, cure=cure)
    known = sum(each is not None for each in told)
    if learns == "masks":
        found = regions_of(data, training)
        pixels = {(name,): count for name, count in zip(found.names, found.pixels, strict=True)}
        return Vocabulary({"mask": found.names}, known, pixels, numbers=found.numbers)
    if learns == "boxes":
        boxes = [b for b in data.boxes or () if b is not None]
        kinds = in_order({kind for b in boxes for kind, one in zip(b.kinds, b.single(), strict=True) if one})
        if not kinds:
            first = next((f"; {p.where}: {p.what}" for p in data.problems), "")
            cure = "pass pictures with boxes (see docs/detection.md)"
            raise BadInput(f"no picture has a box{first}", where=data.source, cure=cure)
        most = max((len(b.kinds) for b in boxes), default=0)
        return Vocabulary({"box": kinds}, known, most=most, sizes=_sizes(data, training))
    named = [kinds for kinds in data.point_kinds or () if kinds is not None]
    types = in_order({kind for kinds in named for kind in kinds}) if named else (ONE_KIND,)
    shown = [int((~np.isnan(p).any(1)).sum()) for p in data.points or () if p is not None]
    return Vocabulary({"point": types}, known, most=max(shown, default=0))


def _sizes(data: Dataset, training: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Evenly drawn from the training boxes, by area: width and height as shares of the picture's."""
    found: list[np.ndarray] = []
    for i in training:
        asked = data.asked_corners(i)
        if len(asked):
            height, width = data[i].array.shape[:2]
            found.append((asked[:, 2:] - asked[:, :2]) / [width, height])
    if not found:
        return ()
    sizes = np.concatenate(found)
    sizes = sizes[(sizes > 0).all(1)]
    sizes = sizes[np.lexsort((sizes[:, 0], sizes.prod(1)))]
    places = np.unique(np.linspace(0, len(sizes) - 1, min(SIZES, len(sizes))).round().astype(int))
    return tuple((round(float(w), 5), round(float(h), 5)) for w, h in sizes[places])


def in_order(values: set[str]) -> tuple[str, ...]:
    """Numbers by size, texts by the alphabet."""
    try:
        return tuple(sorted(values, key=lambda v: (float(v), v)))
    except ValueError:
        return tuple(sorted(values))
