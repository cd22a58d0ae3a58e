"""COCO's form (cocodataset.org, "data format"): a JSON of images, annotations and categories, beside the pictures.

The kinds of objects in each picture are its tags, so that labels can be learned from it at once. What marks a crowd
counts as a tag, and what lies in its box or outline is not asked for. Keypoints that are not labelled (v = 0) are NaN.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset, Problem
from pellucid.data.images import MAX_BYTES
from pellucid.data.opening import fault, opened
from pellucid.data.outlines import Outline, Polygons, RunLengths
from pellucid.data.sets import mask_folders
from pellucid.data.sets.cells import SPLIT_NAMES
from pellucid.data.sets.objects import Marked, Picture, dataset_of

#: A longer JSON is refused: parsing takes about ten times its length.
MAX_JSON = 1 << 31

#: What a file is made of.
LISTS = ("images", "annotations", "categories")

#: Of more files than these in a folder none is read for whether it is of this form.
_NAMED_OTHERWISE = 6

#: How many of a file's pictures are looked for in a folder before it is taken as theirs.
_TRIED = 20

#: No number of an annotation is as large.
_LARGEST = 1e12

#: What labelling tools call the file that they put into the folder of each split.
_EXPORTED = "_annotations.coco.json"


def recognises(path: Path) -> bool:
    """Whether it is a JSON file, or a folder that holds COCO's, itself or as ``annotations/`` or ``train/`` in it."""
    return bool(_files_in(path)) if path.is_dir() else path.suffix.lower() == ".json"


def read(path: Path) -> Dataset:
    """The pictures with tags, boxes, outlines and keypoints; several files of a folder are its splits.

    Malformed annotations are problems with their ids, missing pictures too, and are left out. Raises BadInput for what
    is no COCO file.
    """
    pictures: list[Picture] = []
    problems: list[Problem] = []
    for split, file in _splits(path).items():
        told = _Told(file, _parsed(file), split)
        pictures += told.pictures()
        problems += told.problems
    if not pictures and not problems:
        raise BadInput("it tells of no pictures", where=path, cure="name a file whose images are listed in it")
    if not pictures:
        first = f"; {problems[0].where}: {problems[0].what}" if problems else ""
        raise BadInput(f"none of its pictures can be used{first}", where=path, cure="put the pictures beside it")
    return dataset_of(str(path), pictures, problems)


def _splits(path: Path) -> dict[str | None, Path]:
    """The files by split; None: one that is of no split. Which of several is meant must be clear."""
    files = _files_in(path) if path.is_dir() else []
    if len(files) < 2:
        return {None: files[0] if files else path}
    found: dict[str | None, Path] = {}
    for file in files:
        split = _split_in(file.parent.name if file.name == _EXPORTED else file.stem)
        if split is None or split in found:
            names = ", ".join(f.name for f in files[:5])
            raise BadInput(f"several files of annotations could be meant: {names}", where=path, cure="name one of them")
        found[split] = file
    return found


def _files_in(folder: Path) -> list[Path]:
    """The annotation files of a folder: one of its own, COCO's ``annotations/``, or one in the folder of each split.

    Under any other name a file is one where its text is of that form, and the folder has no masks.
    """
    beside = [p for p in folder.glob("*.json") if "coco" in p.name.lower() or p.name.startswith("instances")]
    inside = sorted(folder.glob("annotations/*.json"))
    objects = [f for f in inside if f.name.startswith("instances")] or [f for f in inside if "keypoints" in f.name]
    return sorted(folder.glob(f"*/{_EXPORTED}")) or sorted(beside) or objects or inside or _unnamed(folder)


def _unnamed(folder: Path) -> list[Path]:
    """Its files of whatever name whose text holds the three lists; of many files each is about one picture."""
    own = sorted(folder.glob("*.json"))
    if not 0 < len(own) <= _NAMED_OTHERWISE or mask_folders.recognises(folder):
        return []
    return [file for file in own if _tells_lists(file)]


def _tells_lists(file: Path) -> bool:
    if not file.is_file() or not 0 < file.stat().st_size <= MAX_JSON:
        return False
    with file.open("rb") as told, mmap.mmap(told.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return all(text.find(f'"{name}"'.encode()) >= 0 for name in LISTS)


def _split_in(stem: str) -> str | None:
    """``instances_val2017`` is of val."""
    words = "".join(c if c.isalpha() else " " for c in stem.lower()).split()
    return next((SPLIT_NAMES[w] for w in words if w in SPLIT_NAMES), None)


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        with opened(path, MAX_JSON, "file of annotations") as file:
            told = json.load(file)
    except BadInput as error:
        raise error.at(path) from error.__cause__
    except (ValueError, RecursionError) as error:
        raise BadInput(f"this is no JSON ({error})", where=path, cure="get it again from where it came") from error
    missing = [n for n in LISTS if not isinstance(told, dict) or not isinstance(told.get(n), list)]
    if missing:
        cure = "name a file with images, annotations and categories, as COCO's instances_*.json has them"
        raise BadInput(f"this is no COCO file: it has no list of {' or '.join(missing)}", where=path, cure=cure)
    return told


class _Wrong(Exception):
    """What is wrong with an entry, in words."""


@dataclass
class _Told:
    """One file while it is looked through."""

    path: Path
    told: Mapping[str, Any]
    split: str | None
    problems: list[Problem] = field(default_factory=list)

    def pictures(self) -> list[Picture]:
        """Those that are there, in the file's order, with their objects."""
        kinds = dict(self._each("categories", _category))
        named = dict(self._each("images", _image))
        folder = self._folder(list(named.values()))
        found: dict[Any, Picture] = {}
        for id_, name in named.items():
            place = folder / name
            wrong = fault(place, MAX_BYTES)
            if wrong is not None:
                self._tell(f"image {id_}", f"{place}: {wrong.what}")
            else:
                found[id_] = Picture(str(place), f"{self.path.name}, image {id_}", self.split)

        def annotation(entry: Mapping[str, Any]) -> None:
            image, category = (
                _reference(entry, what, known) for what, known in (("image", named), ("category", kinds))
            )
            marked = _marked(entry, *kinds[category])
            if image in found:
                found[image].objects.append(marked)

        for _ in self._each("annotations", annotation):
            pass
        return list(found.values())

    def _each(self, what: str, take: Callable[[Mapping[str, Any]], Any]) -> Iterator[tuple[Any, Any]]:
        """The entries of a list by id; what is wrong with one is told, and it is left out."""
        seen: set[Any] = set()
        one = {"images": "image", "annotations": "annotation", "categories": "category"}[what]
        for place, entry in enumerate(track(self.told[what], f"reading {what}")):
            id_ = entry.get("id") if isinstance(entry, dict) else None
            where = f"{one} {id_}" if id_ is not None else f"{one} in place {place}"
            try:
                if not isinstance(id_, int | str):
                    raise _Wrong("it has no id")
                if id_ in seen:
                    raise _Wrong("its id is there twice")
                seen.add(id_)
                yield id_, take(entry)
            except _Wrong as wrong:
                self._tell(where, str(wrong))

    def _tell(self, where: str, what: str) -> None:
        self.problems.append(Problem(f"{self.path.name}, {where}", what))

    def _folder(self, names: Sequence[str]) -> Path:
        """The folder that the pictures' names begin in: the first in which one of the first few is there."""
        home = self.path.parent
        year = self.path.stem.rpartition("_")[2]  # instances_train2017.json tells of train2017/
        around = [home, home / "images", home.parent, home.parent / "images"]
        tried = [*around, *(folder / year for folder in around)]
        for folder in tried:
            if any((folder / name).is_file() for name in names[:_TRIED]):
                return folder
        return home


def _category(entry: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Its name, and what its keypoints are called; none where it does not say."""
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _Wrong("it has no name")
    if ";" in name:
        raise _Wrong(f"its name {name!r} holds a semicolon, which parts tags")
    parts = entry.get("keypoints")
    return name.strip(), tuple(map(str, parts)) if isinstance(parts, list) else ()


def _image(entry: Mapping[str, Any]) -> str:
    """Its file's name."""
    name = entry.get("file_name")
    if not isinstance(name, str) or not name or "\0" in name:
        raise _Wrong("it has no file_name")
    return name


def _reference(entry: Mapping[str, Any], what: str, known: Collection[Any]) -> Any:
    """The id of the image or category that an annotation is of."""
    id_ = entry.get(f"{what}_id")
    if not isinstance(id_, int | str) or id_ not in known:
        raise _Wrong(f"there is no {what} {id_!r}")
    return id_


def _marked(entry: Mapping[str, Any], kind: str, parts: tuple[str, ...]) -> Marked:
    outline = _outline(entry.get("segmentation"))
    if "bbox" in entry:
        x, y, w, h = _numbers(entry["bbox"], "its bbox", 4)
        corners = (x, y, x + w, y + h)
    elif isinstance(outline, Polygons):
        corners = outline.corners
    else:
        raise _Wrong("it has no bbox")
    points = _points(entry)
    if points is not None and parts and len(points) != len(parts):
        raise _Wrong(f"it has {len(points)} keypoints, and its category names {len(parts)}")
    return Marked(kind, corners, outline, points, bool(entry.get("iscrowd", 0)), parts if points is not None else ())


def _outline(told: Any) -> Outline | None:
    """Polygons as flat lists of x and y, or run lengths."""
    if told is None or told == []:
        return None
    if isinstance(told, dict):
        counts, size = told.get("counts"), _numbers(told.get("size"), "the size of its run lengths", 2)
        if isinstance(counts, list):
            counts = [int(c) for c in _numbers(counts, "its run lengths")]
        elif not isinstance(counts, str):
            raise _Wrong("its run lengths have no counts")
        return RunLengths(counts, int(size[0]), int(size[1]))
    if not isinstance(told, list):
        raise _Wrong("its segmentation is neither polygons nor run lengths")
    lines = []
    for line in told:
        flat = _numbers(line, "a polygon")
        if len(flat) % 2 or len(flat) < 6:
            raise _Wrong(f"a polygon has {len(flat)} numbers, which are no three points or more")
        lines.append(np.array(flat, np.float32).reshape(-1, 2))
    return Polygons(tuple(lines))


def _points(entry: Mapping[str, Any]) -> np.ndarray | None:
    told = entry.get("keypoints")
    if told is None or told == []:
        return None
    flat = _numbers(told, "its keypoints")
    if len(flat) % 3:
        raise _Wrong(f"its keypoints are {len(flat)} numbers, which are no x, y, v each")
    points = np.array(flat, np.float64).reshape(-1, 3)
    return np.where(points[:, 2:] > 0, points[:, :2], np.nan)


def _numbers(told: Any, what: str, count: int | None = None) -> list[float]:
    """A list of numbers; of ``count`` if that is said."""
    fine = isinstance(told, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < _LARGEST
        for v in told  # NaN is not less
    )
    if not fine or (count is not None and len(told) != count):
        raise _Wrong(f"{what} is {str(told)[:60]!r}, not {'numbers' if count is None else f'{count} numbers'}")
    return told
