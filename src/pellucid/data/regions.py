"""What masks say, in whatever way they were drawn: which regions there are, and of each pixel the one it belongs to.

Masks are label images (``Dataset.masks``) or the outlines of objects (``Dataset.outlines``). Of a label image's pixels
255 is one that nobody judged, as in PASCAL VOC and Cityscapes, where nothing else is called 255; where 0 and 255 are
all the numbers there are, 255 is the region.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset
from pellucid.data.masks import UNJUDGED, read_mask
from pellucid.data.outlines import Outline

T, R = TypeVar("T"), TypeVar("R")

#: A pixel of which nobody knows what it shows.
UNKNOWN = -1

#: What is called so is no region but what is left over.
REST = ("background", "outside", "nothing", "rest")

#: How many pictures are named of which masks or outlines cannot be read.
NAMED = 5

#: Masks whose pixels are counted, where names say which regions there are.
COUNTED = 500

#: More numbers than these are names of objects rather than kinds, unless somebody calls them kinds.
MOST_UNNAMED, MOST = 64, 255

#: Of fewer masks nothing is said of how they are numbered.
FEW = 10

_ONE_A_KIND = (
    "number the pixels by what they show, not by which object they are of (1 for every cell); or name the numbers in "
    "a labels.json beside the table"
)


@dataclass(frozen=True)
class Regions:
    """names: what a pixel can be. numbers: how label images write each. pixels: how many of each were counted."""

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    pixels: tuple[int, ...]


def rest_of(names: Sequence[str]) -> int | None:
    """Which of the names is what is left over; None where every pixel is of some region."""
    return next((i for i, name in enumerate(names) if name.strip().lower() in REST), None)


def regions_of(data: Dataset, training: Sequence[int]) -> Regions:
    """The regions of a data set, and how often each is there in the first training items. Needs a mask or outline."""
    if data.masks is None:
        return _of_outlines(data, training)
    known = [i for i in training if data.masks[i]]
    looked = known[:COUNTED] if data.mask_names else known
    each = _each(_numbers, (data.masks[i] for i in looked), data.source, "masks")
    counted = sum(each, Counter[int]())
    if data.mask_names:
        names = _named(data, counted, looked)
    else:
        _refuse_objects(each, data.source)
        names = _names_for(_all_numbers(data, counted, looked), data.source)
    names = names if 0 in names or rest_of(tuple(names.values())) is not None else {0: REST[0], **names}
    numbers = tuple(sorted(names))
    return Regions(tuple(names[n] for n in numbers), numbers, tuple(counted[n] for n in numbers))


def _each(take: Callable[[T], R], things: Iterable[T], where: str, what: str) -> list[R]:
    """``take`` of each; all that cannot be read are told together. what: those, and what is being counted."""
    found, broken = [], []
    for thing in track(list(things), f"counting the {what}' pixels"):
        try:
            found.append(take(thing))
        except BadInput as error:
            broken.append(error)
    if len(broken) == 1:
        raise broken[0]
    if broken:
        told = "; ".join(f"{error.where}: {error.what}" for error in broken[:NAMED])
        more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        cure = "mend them, or leave their pictures out"
        raise BadInput(f"the {what} of {len(broken)} pictures cannot be read: {told}{more}", where=where, cure=cure)
    return found


def _all_numbers(data: Dataset, counted: Counter[int], known: Sequence[int]) -> set[int]:
    """Those in the other items' masks too."""
    rest = set(range(len(data))) - set(known)
    others = [set(_numbers(m)) for i in sorted(rest) if (m := (data.masks or ())[i])]
    return set(counted).union(*others)


def _numbers(mask: str | None) -> Counter[int]:
    values, counts = np.unique(read_mask(mask or ""), return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def _named(data: Dataset, counted: Counter[int], known: Sequence[int]) -> dict[int, str]:
    """The names that somebody gave; of masks that hold 0 and 255 alone the only region's is 255's."""
    names = dict(data.mask_names)
    twice = [name for name, times in Counter(names.values()).items() if times > 1]
    if twice:
        raise BadInput(f"two numbers in the masks are called {twice[0]!r}", where=data.source, cure="name them apart")
    rest = rest_of(tuple(names.values()))
    regions = [n for k, n in enumerate(names) if k != rest and n != 0]
    if not regions or any(counted[n] for n in regions):
        return names
    there = _all_numbers(data, counted, known)
    if there & set(regions):
        return names
    if there == {0, UNJUDGED} and len(regions) == 1 and (rest is not None or 0 not in names):
        return {UNJUDGED if n in regions else n: name for n, name in names.items()}
    told = ", ".join(f"{n} {names[n]}" for n in regions[:8])
    what = f"of {told} no mask shows any; the numbers in them are {', '.join(map(str, sorted(there)[:8]))}"
    raise BadInput(what, where=data.source, cure="number the pixels as labels.json, classes.json or classes.txt says")


def _refuse_objects(masks: Sequence[Counter[int]], where: str) -> None:
    """Numbers that every mask begins anew at 1 and has no gap in, here few and there many, are those of objects."""
    own = [sorted(set(mask) - {0, UNJUDGED}) for mask in masks]
    counts = {len(numbers) for numbers in own if numbers}
    if len(masks) < FEW or len(counts) < 4 or any(numbers != list(range(1, len(numbers) + 1)) for numbers in own):
        return
    what = f"each mask numbers its pixels from 1 on without a gap, to {min(counts)} here and {max(counts)} there"
    raise BadInput(f"{what}, as objects are numbered", where=where, cure=_ONE_A_KIND)


def _names_for(numbers: set[int], where: str) -> dict[int, str]:
    """Names where nobody gave any."""
    if numbers <= {0, UNJUDGED}:
        return {0: REST[0], UNJUDGED: "region"} if UNJUDGED in numbers else {0: REST[0]}
    numbers = numbers - {UNJUDGED}
    if min(numbers) < 0 or len(numbers) > MOST_UNNAMED:
        what = f"the masks hold {len(numbers)} numbers from {min(numbers)} to {max(numbers)}"
        raise BadInput(what, where=where, cure=_ONE_A_KIND)
    return {n: REST[0] if n == 0 else f"region {n}" for n in sorted(numbers)}


def region_map(
    data: Dataset, i: int, names: Sequence[str], numbers: Sequence[int], *, apart: bool = False
) -> np.ndarray:
    """Which of the regions each pixel of item ``i`` is of: int16 [height, width], UNKNOWN where nobody knows.

    apart: instead a map for each of them, as regions may overlap: 1, 0 or UNKNOWN, int16 [len(names), height, width].
    Raises BadInput for a region that is none of these.
    """
    if data.masks is None:
        return _drawn(data, i, names, apart=apart)
    path = data.masks[i]
    height, width = (data[i].array.shape[:2]) if not path else (0, 0)
    if path:
        told = _by_class(read_mask(path), data, names, numbers, path)
    else:
        told = np.full((height, width), UNKNOWN, np.int16)
    return _apart(told, len(names)) if apart else told


def _by_class(mask: np.ndarray, data: Dataset, names: Sequence[str], numbers: Sequence[int], where: str) -> np.ndarray:
    """The mask's numbers as places in ``names``; numbers that have names are known by these."""
    place, there = {n: k for k, n in enumerate(numbers)}, np.unique(mask)
    if data.mask_names:
        own = {n: names.index(name) for n, name in data.mask_names.items() if name in names}
        unnamed = {0, UNJUDGED} if set(there.tolist()) <= {0, UNJUDGED} else {0}
        place = {n: k for n, k in place.items() if n in unnamed and n not in data.mask_names} | own
    unknown = [n for n in there.tolist() if n not in place and n != UNJUDGED]
    if unknown:
        known = ", ".join(f"{n} {names[k]}" for n, k in list(place.items())[:8])
        told = ", ".join(f"{n} {data.mask_names[n]!r}" if n in data.mask_names else str(n) for n in unknown[:5])
        raise BadInput(f"the mask holds {told}, which is no known region", where=where, cure=f"known are {known}")
    values = np.array([place.get(n, UNKNOWN) for n in there.tolist()], np.int16)
    return values[np.searchsorted(there, mask)]


def _apart(told: np.ndarray, count: int) -> np.ndarray:
    each = (told[None] == np.arange(count)[:, None, None]).astype(np.int16)
    each[:, told == UNKNOWN] = UNKNOWN
    return each


# -- outlines ---------------------------------------------------------------------------------------


def _of_outlines(data: Dataset, training: Sequence[int]) -> Regions:
    kinds = sorted({kind for i in range(len(data)) for kind, _, _, single in _objects(data, i) if single})
    if len(kinds) > MOST:
        raise BadInput(f"there are {len(kinds)} kinds of objects", where=data.source, cure=f"keep at most {MOST}")
    names = (REST[0], *kinds)

    def counted(i: int) -> np.ndarray:
        told = _drawn(data, i, names, apart=False)
        return np.bincount(told[told != UNKNOWN], minlength=len(names))

    each = _each(counted, list(training)[:COUNTED], data.source, "outlines")
    counts = np.sum(each, axis=0, dtype=np.int64) if each else np.zeros(len(names), np.int64)
    return Regions(names, tuple(range(len(names))), tuple(counts.tolist()))


def _objects(data: Dataset, i: int) -> Iterator[tuple[str, tuple[float, ...], Outline | None, bool]]:
    """Each object's kind, its box, its outline, and whether it is a single one rather than a crowd."""
    boxes = (data.boxes or ())[i] if data.boxes else None
    if boxes is not None and data.outlines is not None:
        corners = map(tuple, boxes.corners.tolist())
        yield from zip(boxes.kinds, corners, data.outlines[i], boxes.single().tolist(), strict=True)


def _drawn(data: Dataset, i: int, names: Sequence[str], *, apart: bool) -> np.ndarray:
    """The item's outlines, filled, the smaller above the larger: what is inside something else is drawn over it.

    The box of an object that has no outline is UNKNOWN, and so is a crowd, where no outlined object lies.
    """
    height, width = data[i].array.shape[:2]
    filled, unclear = [], np.zeros((height, width), bool)
    for kind, corners, outline, single in _objects(data, i):
        if single and kind not in names:
            what = f"there is a {kind!r}, which is no known region"
            raise BadInput(what, where=data.row(i), cure=f"known are {', '.join(names[:8])}")
        if outline is None:
            x0, y0, x1, y1 = (max(0, round(c)) for c in corners)
            unclear[y0:y1, x0:x1] = True
        elif not single:
            unclear |= _filled(outline, height, width, data.row(i))
        else:
            filled.append((names.index(kind), _filled(outline, height, width, data.row(i))))
    if apart:
        each = np.zeros((len(names), height, width), np.int16)
        each[:, unclear] = UNKNOWN
        for k, mask in filled:
            each[k, mask] = 1
        return each
    told = np.where(unclear, UNKNOWN, rest_of(names) or 0).astype(np.int16)
    for k, mask in sorted(filled, key=lambda each: -int(each[1].sum())):
        told[mask] = k
    return told


def _filled(outline: Outline, height: int, width: int, where: str) -> np.ndarray:
    """The outline's pixels; what is wrong with it gets the picture's name."""
    try:
        return outline.mask(height, width)
    except BadInput as error:
        raise error.at(where) from None
