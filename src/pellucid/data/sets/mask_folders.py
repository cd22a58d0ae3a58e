"""A folder of pictures and a folder of masks of the same names: ``images/1.jpg`` and ``masks/1.png``.

Splits are folders within both (``images/train``), or around both (``train/images``). ``labels.json``, ``classes.json``
or ``classes.txt`` beside them say what the numbers in the masks mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Files, Problem
from pellucid.data.folders import ENDINGS as PICTURES
from pellucid.data.masks import ENDINGS as MASKS
from pellucid.data.matrices import is_matrix
from pellucid.data.sets.cells import SPLIT_NAMES
from pellucid.data.sets.mask_names import mask_names

#: What the two folders are called, in lower case.
IMAGES = ("images", "image", "imgs", "img", "pictures", "jpegimages")
DRAWN = ("masks", "mask", "labels", "annotations", "segmentations", "segmentation", "segmentationclass", "gt")

#: Endings of files that keep no numbers exactly.
_LOSSY = (".jpg", ".jpeg", ".webp")

#: What may stand behind a mask's name: ``1_mask.png``.
_BEHIND = ("_mask", "-mask", "_masks", "_seg", "_segmentation", "_label", "_labels", "_labelids", "_gt")


@dataclass(frozen=True)
class _Pair:
    """A folder of pictures and that of their masks. split: its name, "" where there is none."""

    images: Path
    masks: Path
    split: str = ""


def recognises(path: Path) -> bool:
    """Whether there is a folder of pictures, and one that holds files which may be their masks."""
    return path.is_dir() and any(True for pair in _pairs(path) for _ in _files(pair.masks, (*MASKS, *_LOSSY)))


def read(path: Path) -> Dataset:
    """The pictures that have a mask, in the order of their names; others are told, and so are masks without one."""
    pairs = _pairs(path)
    names, problems = mask_names(path, text=True)
    if not names and not problems:  # beside the masks, as ``pellucid predict`` writes them
        names, problems = mask_names(pairs[0].masks)
    rows: list[tuple[str, str, str]] = []
    told = list(problems)
    for pair in pairs:
        rows += [(*row, pair.split) for row in _matched(pair, told)]
    lossy = [mask for pair in pairs for mask in _files(pair.masks, _LOSSY)]
    if not rows and lossy:
        cure = "write the masks anew, as PNG: a JPEG that is saved as PNG keeps the numbers in between"
        raise BadInput("JPEG and WebP do not keep a mask's numbers", where=lossy[0], cure=cure)
    if not rows:
        cure = "give each mask its picture's name: images/1.jpg and masks/1.png"
        raise BadInput("none of its pictures has a mask", where=path, cure=cure)
    splits = tuple(split or "train" for *_, split in rows)
    return Dataset(
        str(path),
        Files(tuple(image for image, *_ in rows)),
        split=splits if any(split for *_, split in rows) else None,
        masks=tuple(mask for _, mask, _ in rows),
        mask_names=names,
        problems=tuple(told),
    )


def _pairs(path: Path) -> list[_Pair]:
    """The pairs of folders, in order."""
    inside = [(folder, SPLIT_NAMES[folder.name.lower()]) for folder in _folders(path) if _is_split(folder)]
    around = [pair for folder, split in inside for pair in _pair_in(folder, split)]
    if around:
        return around
    return [each for pair in _pair_in(path, "") for each in _by_split(pair)]


def _pair_in(folder: Path, split: str) -> list[_Pair]:
    own = {f.name.lower(): f for f in _folders(folder)}
    images = [own[name] for name in IMAGES if name in own]
    masks = [own[name] for name in DRAWN if name in own]
    return [_Pair(images[0], masks[0], split)] if len(images) == 1 and len(masks) == 1 else []


def _by_split(pair: _Pair) -> Iterator[_Pair]:
    """``images/train`` beside ``masks/train``, or the pair itself."""
    beside = {f.name.lower(): f for f in _folders(pair.masks)}
    splits = [f for f in _folders(pair.images) if _is_split(f) and f.name.lower() in beside]
    if not splits:
        yield pair
    for folder in splits:
        yield _Pair(folder, beside[folder.name.lower()], SPLIT_NAMES[folder.name.lower()])


def _matched(pair: _Pair, told: list[Problem]) -> Iterator[tuple[str, str]]:
    """Each picture with its mask."""
    masks: dict[str, list[Path]] = {}
    for path in _files(pair.masks, MASKS):
        masks.setdefault(path.stem.lower(), []).append(path)
    used = set()
    for picture in _files(pair.images, PICTURES):
        keys = [picture.stem.lower() + behind for behind in ("", *_BEHIND)]
        found = [mask for key in keys for mask in masks.get(key, ())]
        used |= set(found)
        if len(found) == 1:
            yield str(picture), str(found[0])
        elif found:
            names = ", ".join(f.name for f in found)
            told.append(Problem(str(picture), f"there are {len(found)} masks of it: {names}; leave one"))
        else:
            told.append(Problem(str(picture), "there is no mask of it, so nothing is learnt from it", fatal=False))
    alone = sorted({p for own in masks.values() for p in own} - used)
    told += [Problem(str(path), "there is no picture to this mask", fatal=False) for path in alone]


def _files(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        fits = path.suffix.lower() in endings or is_matrix(path)
        if fits and path.is_file() and not path.name.startswith("."):
            yield path


def _folders(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]


def _is_split(folder: Path) -> bool:
    return folder.name.lower() in SPLIT_NAMES
