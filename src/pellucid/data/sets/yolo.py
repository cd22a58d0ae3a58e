"""YOLO's form: ``data.yaml`` names the classes and the splits' pictures, ``labels/`` mirrors ``images/``.

A line an object: class, centre x, centre y, width, height as shares of the picture; or class and the corners of an
outline; or, where ``kpt_shape`` stands in the YAML, the box and its keypoints.

The kinds of objects in each picture are its tags. A picture without a file of labels shows none of the classes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import SPLITS, Dataset, Problem
from pellucid.data.folders import pictures_in
from pellucid.data.images import size_of
from pellucid.data.opening import opened
from pellucid.data.outlines import Polygons
from pellucid.data.sets.objects import Marked, Picture, dataset_of

#: What the file of a folder may be called.
NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")

#: A longer YAML, or file of labels, is none.
MAX_BYTES = 1 << 24

_CURE = "name a data.yaml with names, train and val"


def recognises(path: Path) -> bool:
    """Whether it is a YAML file, or a folder with ``data.yaml``."""
    return _yaml_in(path) is not None if path.is_dir() else path.suffix.lower() in (".yaml", ".yml")


def read(path: Path) -> Dataset:
    """The pictures of all splits with tags, boxes in pixels, outlines and keypoints.

    Malformed lines are problems with their file and number, pictures that cannot be opened too, and are left out.
    Raises BadInput for what is no such data set.
    """
    place = _yaml_in(path) if path.is_dir() else path
    assert place is not None
    told = _Told.of(place)
    pictures = told.pictures()
    if not pictures:
        first = f"; {told.problems[0].where}: {told.problems[0].what}" if told.problems else ""
        raise BadInput(f"none of its pictures can be used{first}", where=place, cure="check the paths in it")
    return dataset_of(str(path), pictures, told.problems)


def _yaml_in(folder: Path) -> Path | None:
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


@dataclass
class _Told:
    """A data set while it is looked through. roots: where its paths may begin. keypoints: how many, numbers each."""

    place: Path
    roots: tuple[Path, ...]
    names: Mapping[int, str]
    splits: Mapping[str, Any]
    keypoints: tuple[int, int] | None
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, place: Path) -> _Told:
        """What the YAML says."""
        told = _parsed(place)
        root = str(told.get("path") or ".")
        roots = (place.parent / Path(root).expanduser(), place.parent)
        splits = {s: told[s] for s in SPLITS if told.get(s)}
        if not splits:
            raise BadInput("it names no pictures to train on", where=place, cure=_CURE)
        return cls(place, roots, _classes(told.get("names"), place), splits, _keypoints(told, place))

    def pictures(self) -> list[Picture]:
        """Those that can be opened, split by split, with their objects."""
        listed = [(split, *p) for split, entry in self.splits.items() for p in self._listed(entry)]
        found, unlabelled = [], 0
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "pellucid-look") as pool:
            sizes = pool.map(_size, (path for _, path, _ in listed))
            for (split, path, row), size in track(zip(listed, sizes, strict=True), "reading labels", len(listed)):
                if isinstance(size, BadInput):
                    self.problems.append(Problem(row, f"{path}: {size.what}"))
                    continue
                labels = labels_of(path)
                unlabelled += not labels.is_file()
                found.append(Picture(str(path), row, split, list(self._objects(labels, *size))))
        if found and unlabelled == len(found):
            first = labels_of(Path(found[0].path))
            what = f"none of its {unlabelled} pictures has a file of labels, first {first}"
            raise BadInput(what, where=self.place, cure="put labels/ beside images/")
        if unlabelled:
            what = f"{unlabelled} of {len(found)} pictures have no file of labels, and count as showing no object"
            self.problems.append(Problem(self.place.name, what, fatal=False))
        return found

    def _listed(self, entry: Any) -> Iterator[tuple[Path, str]]:
        """The pictures of a split, each with where it is told of: folders, and text files with a path a line."""
        for name in entry if isinstance(entry, list) else [entry]:
            place = self._found(str(name))
            if place.is_dir():
                yield from ((Path(p), str(Path(p).relative_to(place.parent))) for p in pictures_in([str(place)]))
                continue
            for k, line in enumerate(_text(place).splitlines(), start=1):
                if line.strip():
                    near = [root / line.strip() for root in (place.parent, *self.roots)]
                    yield next((p for p in near if p.is_file()), near[0]), f"{place.name}, line {k}"

    def _found(self, name: str) -> Path:
        """Where a split's pictures are; exports write ../train/images for train/images beside the YAML."""
        tried = [root / name for root in self.roots] + [self.place.parent / name.removeprefix("../")]
        for place in tried:
            if place.exists():
                return place
        raise BadInput(f"there is no {tried[0]}", where=self.place, cure="check 'path' and the splits in it")

    def _objects(self, labels: Path, height: int, width: int) -> Iterator[Marked]:
        """The objects of one picture; none where it has no file of labels."""
        if not labels.is_file():
            return
        short = f"{labels.parent.name}/{labels.name}"
        for k, line in enumerate(_text(labels).splitlines(), start=1):
            if line.strip():
                try:
                    yield self._object(line.split(), height, width)
                except BadInput as error:
                    self.problems.append(Problem(f"{short}, line {k}", error.what))

    def _object(self, words: Sequence[str], height: int, width: int) -> Marked:
        try:
            number, *shares = (float(w) for w in words)
        except ValueError:
            raise BadInput(f"{' '.join(words)[:60]!r} is not made of numbers") from None
        if not all(map(math.isfinite, (number, *shares))):
            raise BadInput("a number is not finite")
        if number not in self.names:
            raise BadInput(f"there is no class {words[0]}; names has {len(self.names)}")
        kind, size = self.names[int(number)], np.array([width, height])
        points = self.keypoints
        if points is not None and len(shares) == 4 + points[0] * points[1]:
            return Marked(kind, _corners(shares, width, height), None, _points(shares[4:], points[1], size))
        if len(shares) == 4:
            return Marked(kind, _corners(shares, width, height))
        if len(shares) >= 6 and len(shares) % 2 == 0 and points is None:
            outline = Polygons(((np.array(shares).reshape(-1, 2) * size).astype(np.float32),))
            return Marked(kind, outline.corners, outline)
        raise BadInput(f"{len(words)} numbers are neither a box (5) nor an outline (7, 9, …)")


def labels_of(picture: Path) -> Path:
    """The file of labels: the last ``images`` of the path replaced by ``labels``; without one, beside the picture."""
    parts = list(picture.parts)
    if "images" in parts[:-1]:
        parts[len(parts) - 2 - parts[-2::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _corners(shares: Sequence[float], width: int, height: int) -> tuple[float, float, float, float]:
    x, y, w, h = shares[:4]
    return (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height


def _points(shares: Sequence[float], numbers: int, size: np.ndarray) -> np.ndarray:
    """x, y, or x, y and whether it is labelled."""
    told = np.array(shares).reshape(-1, numbers)
    seen = told[:, 2:3] > 0 if numbers == 3 else (told != 0).any(1, keepdims=True)
    return np.where(seen, told[:, :2] * size, np.nan)


def _size(path: Path) -> tuple[int, int] | BadInput:
    """Height and width, or what is wrong with the file."""
    try:
        return size_of(path)
    except BadInput as error:
        return error


def _parsed(place: Path) -> Mapping[str, Any]:
    try:
        told = yaml.safe_load(_text(place))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"this is no YAML ({said})", where=place, cure=_CURE) from error
    if not isinstance(told, dict) or "names" not in told:
        raise BadInput("it does not name the classes", where=place, cure=_CURE)
    return told


def _classes(told: Any, place: Path) -> dict[int, str]:
    """The names by number, from a list or a map."""
    pairs = list(enumerate(told)) if isinstance(told, list) else list(told.items()) if isinstance(told, dict) else []
    fine = all(isinstance(k, int) and isinstance(n, str | int | float) and ";" not in str(n) for k, n in pairs)
    if not pairs or not fine or len({str(n) for _, n in pairs}) < len(pairs):
        raise BadInput("'names' is no list of different classes, or a map from their numbers", where=place, cure=_CURE)
    return {k: str(n) for k, n in pairs}


def _keypoints(told: Mapping[str, Any], place: Path) -> tuple[int, int] | None:
    """How many keypoints an object has, and how many numbers each."""
    shape = told.get("kpt_shape")
    if shape is None:
        return None
    if not (isinstance(shape, list) and len(shape) == 2 and isinstance(shape[0], int) and shape[1] in (2, 3)):
        raise BadInput(f"kpt_shape is {shape!r}", where=place, cure="write [17, 3] for 17 keypoints of x, y, visible")
    return shape[0], shape[1]


def _text(path: Path) -> str:
    """The file's text; "" for an empty file, which says that there is nothing."""
    if path.is_file() and not path.stat().st_size:
        return ""
    try:
        with opened(path, MAX_BYTES, "text") as file:
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("this is no text in UTF-8", where=path, cure="save it as UTF-8") from error
    except BadInput as error:
        raise error.at(path) from error.__cause__
