"""A data set: pictures or matrices, what is known of each, and which belong together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.types import Sample
from pellucid.data.outlines import Outline
from pellucid.data.reading import read

#: The names of splits, in their order; rows of another name are kept out of training and may be evaluated by name.
SPLITS = ("train", "val", "test")


class Items(Protocol):
    """Pictures or matrices by number, each read when it is asked for. Files and Stack are the two kinds."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> Sample: ...

    def name(self, i: int) -> str:
        """Where number ``i`` is: a path, or a place in a file of many."""


@dataclass(frozen=True)
class Files:
    """One file an item."""

    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Sample:
        return read(self.paths[i])

    def name(self, i: int) -> str:
        """The file's path."""
        return self.paths[i]

    def take(self, rows: Sequence[int]) -> Files:
        """Those of these numbers, in this order."""
        return Files(tuple(self.paths[r] for r in rows))


@dataclass(frozen=True, eq=False)
class Stack:
    """Many in one array: [item, height, width] or [item, height, width, channel], uint8 pixels or a matrix's numbers.

    whole: the array, which may be a file's that is mapped into memory. numbers: which of its entries these items are,
    so that a split of many gigabytes is a list of numbers and no copy.
    """

    whole: np.ndarray
    source: str
    numbers: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray, source: str) -> Stack:
        """All of an array."""
        return cls(array, source, np.arange(len(array)))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i: int) -> Sample:
        axes = ("height", "width", "channel")[: self.whole.ndim - 1]
        # An array mapped from a file may lie at an odd byte, which not every library can read.
        return Sample(np.require(self.whole[self.numbers[i]], requirements="A"), axes, source=self.name(i))

    def name(self, i: int) -> str:
        """``digits.npz[17]``."""
        return f"{self.source}[{self.numbers[i]}]"

    def take(self, rows: Sequence[int]) -> Stack:
        """Those of these numbers, in this order."""
        return Stack(self.whole, self.source, self.numbers[np.asarray(rows, dtype=np.int64)])

    @property
    def array(self) -> np.ndarray:
        """These items alone, [item, …]: a view where they lie side by side in ``whole``, else copied at every call."""
        first = int(self.numbers[0]) if len(self) else 0
        if np.array_equal(self.numbers, np.arange(first, first + len(self))):
            return self.whole[first : first + len(self)]
        return self.whole[self.numbers]


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one picture: [k, 4] as x0, y0, x1, y1 in its pixels, and what is in each.

    crowds: the numbers of those that hold many of their kind in one mark, so that nobody can tell one box from another.
    unpointed: of those whose points nobody marked, though points of their kind are marked elsewhere.
    """

    corners: np.ndarray
    kinds: tuple[str, ...]
    crowds: frozenset[int] = frozenset()
    unpointed: frozenset[int] = frozenset()

    def single(self) -> np.ndarray:
        """Which boxes are of one thing: bool [k]."""
        return np.array([k not in self.crowds for k in range(len(self.kinds))], bool)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a data set. where: the table's row or the file. fatal: training cannot begin with it.

    several: how many of this kind are told in one line, behind their count. leak: the split in which the item is, where
    another split holds the same picture.
    """

    where: str
    what: str
    fatal: bool = True
    several: str = ""
    leak: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures or matrices with what is known of each; every sequence has one entry an item.

    source: what was opened. columns: the cells of the table as text, "" where nothing is known. label: the column that
    says what to learn where nobody names one. split: "train", "val", "test" or another name; None where the data do
    not say. group: what may not be parted between splits (a patient, an original and its mirror image); None where
    each stands alone. rows: where each is told of ("labels.csv, row 12"). boxes, points [k, 2] in pixels, masks
    (paths, ``file.npz:mask`` for an array): None where there are none at all, an entry of None where nothing is known
    of one. outlines: one a box, None where it has none. problems: those that were found while reading; what they are
    about is not among the items. point_kinds: what each point is, None where all are of one type. features: what
    the numbers of each [1, F] matrix are, where it was a table's row. mask_names: what the numbers in masks mean.
    unasked: the numbers of each one's boxes or points that are there, but are neither taught nor taken for background.
    """

    source: str
    items: Files | Stack
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label: str | None = None
    split: tuple[str, ...] | None = None
    group: tuple[str, ...] | None = None
    rows: tuple[str, ...] = ()
    boxes: tuple[Boxes | None, ...] | None = None
    points: tuple[np.ndarray | None, ...] | None = None
    point_kinds: tuple[tuple[str, ...] | None, ...] | None = None
    masks: tuple[str | None, ...] | None = None
    outlines: tuple[tuple[Outline | None, ...], ...] | None = None
    problems: tuple[Problem, ...] = ()
    features: tuple[str, ...] = ()
    mask_names: Mapping[int, str] = field(default_factory=dict)
    unasked: tuple[frozenset[int], ...] | None = None

    def __post_init__(self) -> None:
        per_item = {"split": self.split, "group": self.group, "rows": self.rows or None, **self.columns}
        per_item |= {"boxes": self.boxes, "points": self.points, "masks": self.masks, "outlines": self.outlines}
        per_item |= {"point_kinds": self.point_kinds, "unasked": self.unasked}
        for name, values in per_item.items():
            if values is not None and len(values) != len(self.items):
                raise BadInput(f"{len(values)} entries of {name!r} for {len(self.items)} items", where=self.source)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> Sample:
        return self.items[i]

    def __iter__(self) -> Iterator[Sample]:
        return (self.items[i] for i in range(len(self)))

    def __repr__(self) -> str:
        known = ", ".join(self.columns) or "nothing known of them"
        return f"Dataset({self.source}: {len(self)} items; {known})"

    def names(self) -> tuple[str, ...]:
        """Where each item is."""
        return tuple(self.items.name(i) for i in range(len(self)))

    def called(self) -> tuple[str, ...]:
        """What somebody knows each item by: where it is, or its row in a table of numbers."""
        return tuple(map(self.row, range(len(self)))) if self.features else self.names()

    def row(self, i: int) -> str:
        """Where item ``i`` is told of, for messages."""
        return self.rows[i] if self.rows else self.items.name(i)

    def take(self, rows: Sequence[int]) -> Dataset:
        """The items of these numbers, in this order, with all that is known of them."""
        rows = [int(r) for r in rows]
        some = lambda values: None if values is None else tuple(values[r] for r in rows)  # noqa: E731
        return dataclasses.replace(
            self,
            items=self.items.take(rows),
            columns={name: tuple(cells[r] for r in rows) for name, cells in self.columns.items()},
            split=some(self.split),
            group=some(self.group),
            rows=some(self.rows) if self.rows else (),
            boxes=some(self.boxes),
            points=some(self.points),
            point_kinds=some(self.point_kinds),
            masks=some(self.masks),
            outlines=some(self.outlines),
            unasked=some(self.unasked),
            problems=(),
        )

    def asked(self, i: int, count: int) -> np.ndarray:
        """Which of item ``i``'s so many boxes or points are asked for: bool [count]."""
        found = np.ones(count, bool)
        if self.unasked is not None:
            found[sorted(self.unasked[i])] = False
        return found

    def asked_boxes(self, i: int) -> np.ndarray:
        """Which of item ``i``'s boxes are asked for, bool [k]: neither a crowd's nor one that is left out."""
        boxes = None if self.boxes is None else self.boxes[i]
        return np.zeros(0, bool) if boxes is None else boxes.single() & self.asked(i, len(boxes.kinds))

    def asked_corners(self, i: int) -> np.ndarray:
        """The corners of those boxes: [k, 4] as x0, y0, x1, y1 in the picture's pixels."""
        boxes = None if self.boxes is None else self.boxes[i]
        return np.zeros((0, 4)) if boxes is None else boxes.corners[self.asked_boxes(i)]

    def where(self, split: str) -> Dataset:
        """The items of one split; an error where there are none."""
        if self.split is None or split not in self.split:
            known = sorted(set(self.split or ()))
            cure = near(split, known) if known else "add a column 'split' with train, val and test"
            raise BadInput(f"no item is in the split {split!r}", where=self.source, cure=cure)
        return self.take([i for i, s in enumerate(self.split) if s == split])

    def column(self, name: str) -> tuple[str, ...]:
        """A column's cells; an unknown name is an error with the near ones."""
        if name not in self.columns:
            raise BadInput(f"there is no column {name!r}", where=self.source, cure=near(name, self.columns))
        return self.columns[name]
