"""Everything that is wrong with a data set, found at once before training, in one pass over the items."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Sample
from pellucid.data.dataset import Dataset, Problem
from pellucid.data.sets import faults, marks
from pellucid.data.sets.alike import Thumbnails
from pellucid.data.sets.splitting import Cells

#: How many problems, or rows of one kind of note, are listed; the others are counted.
LISTED = 20

#: How many rows are named of a kind that is told in one line.
NAMED = 5

#: Items that a thread looks at in one go: enough that small ones cost no more than themselves.
_BLOCK = 32


def inspect(
    data: Dataset,
    splits: Mapping[str, np.ndarray] | None,
    labels: Sequence[str] = (),
    *,
    each: Callable[[int, Sample], object] | None = None,
    needs: Collection[str] = (),
    cells: Cells = "any",
) -> tuple[Problem, ...]:
    """What is wrong with the items, their labels and their splits; each picture is read once.

    splits: the items' numbers by name; None: what concerns splits is not asked. labels: the columns that are learned.
    each: called with every item that could be read, from several threads, in any order; where it raises BadInput, the
    item cannot be used. needs: which of "boxes", "points" and "masks" are learned, so that what is wrong with these
    is fatal.

    cells: what the columns hold, where the task says so.

    Fatal are missing and unreadable files, one file with two labels, a group or file in two splits, a class that is in
    val or test and not in train, and pictures that are all of one and the same colour. Others are told: empty labels,
    classes with one example, the same picture in two splits (see ``alike``), pictures of one colour, wrong boxes,
    points and masks that are not learned.
    """
    missing = faults.missing_files(data)
    found = [*data.problems, *missing.values(), *faults.contradictions(data, labels)]
    found += faults.label_faults(data, labels, splits, cells)
    found += faults.parted(data, splits) if splits is not None else ()
    thumbnails = Thumbnails(len(data)) if splits is not None else None
    flat: dict[int, bytes] = {}

    def look(i: int) -> list[Problem]:
        return [] if i in missing else list(_item_problems(data, i, thumbnails, each, needs, flat))

    for own in _in_threads(look, len(data)):
        found += own
    if (splits is not None or labels) and len(data) > 1 and len(flat) == len(data) and len(set(flat.values())) == 1:
        found.append(Problem(data.source, "all pictures are of one and the same colour, so there is nothing to learn"))
    return (*found, *(_leaks(data, thumbnails, splits) if thumbnails is not None and splits is not None else ()))


def raise_or_warn(problems: Sequence[Problem], where: object) -> tuple[str, ...]:
    """Raise one BadInput that lists what is fatal, then what else was found; nothing fatal: give that as notes."""
    fatal = [p for p in problems if p.fatal]
    notes = _notes([p for p in problems if not p.fatal], where)
    if not fatal:
        return notes
    told = [": ".join(filter(None, (_short(p.where, where), p.what))) for p in fatal[:LISTED]]
    told += [f"and {len(fatal) - LISTED} more"] if len(fatal) > LISTED else []
    told += [f"besides: {notes[0]}", *notes[1:LISTED]] if notes else []
    count = "1 problem" if len(fatal) == 1 else f"{len(fatal)} problems"
    raise BadInput(f"{count}: {'; '.join(told)}", where=where, cure="mend these, or leave their rows out")


def _notes(problems: Sequence[Problem], where: object) -> tuple[str, ...]:
    """One for each kind of problem, with its rows."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.several or problem.what, []).append(problem)
    return tuple(_note(own, where) for own in kinds.values())


def _note(same: Sequence[Problem], where: object) -> str:
    """Problems of one kind in one line."""
    places = [_short(problem.where, where) for problem in same]
    if same[0].several and len(same) > 1:
        return f"{len(same)} {same[0].several}: {_listed(places, NAMED)}"
    return f"{same[0].what} ({_listed(places)})" if any(places) else same[0].what


def _item_problems(
    data: Dataset,
    i: int,
    thumbnails: Thumbnails | None,
    each: Callable[[int, Sample], object] | None,
    needs: Collection[str],
    flat: dict[int, bytes],
) -> Iterator[Problem]:
    """What is wrong with one item itself and what is drawn on it."""
    row = data.row(i)
    try:
        sample = data[i]
        if each is not None:
            each(i, sample)
    except BadInput as error:
        yield Problem(row, f"{error.where}: {error.what}" if error.where not in ("", row) else error.what)
        return
    if thumbnails is not None:
        thumbnails.put(i, sample)
    if _one_colour(sample.array):
        flat[i] = sample.array[0, 0].tobytes()
        what = "the picture is of one colour, so there is nothing to see"
        yield Problem(row, what, fatal=False, several="pictures are of one colour, so there is nothing to see")
    height, width = sample.array.shape[:2]
    found: dict[str, Iterator[str]] = {}
    if data.boxes is not None and (boxes := data.boxes[i]) is not None:
        found["boxes"] = marks.box_faults(boxes, height, width)
    if data.points is not None and (points := data.points[i]) is not None:
        found["points"] = marks.point_faults(points, height, width)
    if data.masks is not None and (mask := data.masks[i]):
        found["masks"] = marks.mask_faults(mask, height, width, data.mask_names)
    elif data.masks is None and data.outlines is not None:
        found["masks"] = marks.outline_faults(data.outlines[i], height, width)
    for kind, words in found.items():
        yield from (Problem(row, what, fatal=kind in needs) for what in words)


def _one_colour(array: np.ndarray) -> bool:
    """Whether all pixels are alike; that they are not shows in the first row nearly always."""
    first = array[0, 0]
    return bool((array[0] == first).all() and (array == first).all())


def _leaks(data: Dataset, thumbnails: Thumbnails, splits: Mapping[str, np.ndarray]) -> Iterator[Problem]:
    """Items of which another split holds the same picture; who names one file twice has been told already."""
    for twin in thumbnails.leaks(splits):
        if data.items.name(twin.item) != data.items.name(twin.other):
            same = f"{data.row(twin.other)} of {twin.other_split}"
            what = f"it is in {twin.split} and the same picture as {same}: put both into one group, or leave one out"
            cure = "put the same ones into one group, or leave them out"
            several = f"pictures of {twin.split} are also in {twin.other_split} ({cure})"
            yield Problem(data.row(twin.item), what, fatal=False, several=several, leak=twin.split)


def _in_threads(look: Callable[[int], list[Problem]], count: int) -> Iterator[list[Problem]]:
    """``look`` at every number below ``count``; in order, with progress."""
    blocks = [range(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "pellucid-look") as pool:
        coming = [pool.submit(lambda block=block: [look(i) for i in block]) for block in blocks]
        try:
            yield from track(_flat(coming), "look at the data", count)
        finally:  # who stops in the middle does not wait for the rest
            pool.shutdown(wait=False, cancel_futures=True)


def _flat(futures: Sequence[Future[list[list[Problem]]]]) -> Iterator[list[Problem]]:
    for future in futures:
        yield from future.result()


def _short(place: str, where: object) -> str:
    """A row's place without the data set's own name, which stands in front already."""
    for name in (str(where), Path(str(where)).name):
        if place == name:
            return ""
        if place.startswith(f"{name}, "):
            return place.removeprefix(f"{name}, ")
    return place


def _listed(places: Sequence[str], most: int = LISTED) -> str:
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(places[:most]) + more
