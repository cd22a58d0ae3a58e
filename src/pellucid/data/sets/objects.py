"""Pictures with the objects that were marked in them, as a data set: what COCO's and YOLO's files have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from pellucid.data.dataset import Boxes, Dataset, Files, Problem
from pellucid.data.outlines import Outline

#: The column of the different kinds of objects in each picture, which several labels can be learned from at once.
TAGS = "tags"


@dataclass(frozen=True, eq=False)
class Marked:
    """One object. corners: x0, y0, x1, y1 in pixels. points: [k, 2], NaN where one is not seen; None: none are asked.
    point_kinds: what each point is, where that is told.

    crowd: many of a kind in one mark, so that its kind is there, but the box is of no single one and not asked for;
    nor are points in it.
    """

    kind: str
    corners: tuple[float, float, float, float]
    outline: Outline | None = None
    points: np.ndarray | None = None
    crowd: bool = False
    point_kinds: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture's file, where it is told of, its split if it has one, and what was marked in it."""

    path: str
    row: str
    split: str | None = None
    objects: list[Marked] = field(default_factory=list)


def dataset_of(source: str, pictures: Sequence[Picture], problems: Sequence[Problem]) -> Dataset:
    """The pictures with their tags, boxes, outlines and points (of all objects of a picture, one after the other)."""
    single = [[o for o in p.objects if not o.crowd] for p in pictures]
    pointed = {o.kind for own in single for o in own if o.points is not None}
    points = bool(pointed)
    outlined = any(o.outline is not None for own in single for o in own)
    splits = tuple(p.split or "train" for p in pictures)
    return Dataset(
        source,
        Files(tuple(p.path for p in pictures)),
        {TAGS: tuple(";".join(dict.fromkeys(o.kind for o in p.objects)) for p in pictures)},
        TAGS,
        split=splits if any(p.split for p in pictures) else None,
        rows=tuple(p.row for p in pictures),
        boxes=tuple(_boxes(p.objects, pointed) for p in pictures),
        points=tuple(_points(p, pointed) for p in pictures) if points else None,
        point_kinds=tuple(tuple(k for o in own for k in _point_kinds(o)) for own in single) if points else None,
        outlines=tuple(tuple(o.outline for o in p.objects) for p in pictures) if outlined else None,
        problems=tuple(problems),
    )


def _points(picture: Picture, pointed: Collection[str]) -> np.ndarray | None:
    """Those of all objects; none in a picture without objects; None where objects are told of without points.

    pointed: the kinds that have points. A crowd of these says where none were marked, and so of the rest that it was
    looked at.
    """
    told = [o.points for o in picture.objects if o.points is not None and not o.crowd]
    crowds = [o for o in picture.objects if o.crowd and o.kind in pointed]
    return np.concatenate(told) if told else np.empty((0, 2)) if len(crowds) == len(picture.objects) else None


def _point_kinds(marked: Marked) -> tuple[str, ...]:
    """What its points are: as they are named, else by their places."""
    count = 0 if marked.points is None else len(marked.points)
    return marked.point_kinds or tuple(f"{marked.kind} {place + 1}" for place in range(count))


def _boxes(objects: Sequence[Marked], pointed: Collection[str]) -> Boxes:
    """pointed: the kinds that have points."""
    corners = np.array([o.corners for o in objects], np.float64).reshape(-1, 4)
    crowds = frozenset(k for k, o in enumerate(objects) if o.crowd)
    unpointed = frozenset(k for k, o in enumerate(objects) if o.kind in pointed and not _marked_any(o))
    return Boxes(corners, tuple(o.kind for o in objects), crowds, unpointed)


def _marked_any(marked: Marked) -> bool:
    """Whether somebody marked a point of it; of a crowd nobody marks all."""
    return not marked.crowd and marked.points is not None and not np.isnan(marked.points).all()
