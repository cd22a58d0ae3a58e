"""Class folders: ``root/CLASS/picture``, or ``root/train/CLASS/picture`` with val and test beside.

The layout is that of torchvision's ImageFolder.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset, Files, Problem
from pellucid.data.folders import ENDINGS as PICTURES
from pellucid.data.matrices import is_matrix
from pellucid.data.opening import refusal, user_path
from pellucid.data.sets.cells import SPLIT_NAMES

#: What systems leave behind in folders.
_LITTER = ("thumbs.db", "desktop.ini", "__macosx")

#: Folders of these names hold parts of the same pictures, not classes.
_PICTURES, _TOLD = {"images", "image", "imgs", "jpegimages"}, {"masks", "mask", "labels", "annotations"}


@dataclass
class _Found:
    """What a walk through the folders gathers, an entry a file."""

    paths: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, where: object, what: str, *, fatal: bool = False) -> None:
        self.problems.append(Problem(str(where), what, fatal))


def recognises(path: Path) -> bool:
    """Whether there are folders in it."""
    return path.is_dir() and any(p.is_dir() for p in path.iterdir() if not is_hidden(p.name))


def read(path: Path) -> Dataset:
    """The pictures (or matrices, where there are more of these), with the column ``class``."""
    found = _Found()
    folders, files = _sorted_out(path, found)
    splits = [f for f in folders if f.name.lower() in SPLIT_NAMES]
    if any(_folders_in(f) for f in splits):
        for folder in folders:
            if folder in splits:
                _split(folder, SPLIT_NAMES[folder.name.lower()], found)
            else:
                found.tell(folder, "this folder is none of train, val and test, and was left out")
    else:
        _refuse_parts(path, folders)
        _classes(folders, "", found)
    _strays(files, found)
    return _dataset(str(path), found)


def of_files(paths: list[str]) -> Dataset:
    """Files that were named one by one; the class of each is its folder's name."""
    if not paths:
        raise BadInput("no file was named", cure="name at least one")
    found = _Found([os.fspath(user_path(p)) for p in paths])
    found.classes = [Path(p).absolute().parent.name for p in found.paths]
    found.splits = [""] * len(paths)
    return _dataset(f"{len(paths)} files", found)


def _dataset(source: str, found: _Found) -> Dataset:
    numbers = sum(map(is_matrix, found.paths))
    matrices = 2 * numbers > len(found.paths)
    kept = [i for i, p in enumerate(found.paths) if is_matrix(p) == matrices]
    for i in sorted(set(range(len(found.paths))) - set(kept)):
        kinds = ("pictures", "a matrix") if not matrices else ("matrices", "a picture")
        found.tell(found.paths[i], f"this is {kinds[1]} among {kinds[0]}, and was left out")
    if not kept:
        first = f", first {found.problems[0].where}: {found.problems[0].what}" if found.problems else ""
        cure = f"put pictures ({', '.join(PICTURES[:4])} …) into a folder of each class's name"
        raise BadInput(f"there is no picture in its folders{first}", where=source, cure=cure)
    splits = [found.splits[i] for i in kept]
    return Dataset(
        source=source,
        items=Files(tuple(found.paths[i] for i in kept)),
        columns={"class": tuple(found.classes[i] for i in kept)},
        label="class",
        split=tuple(splits) if any(splits) else None,
        problems=tuple(found.problems),
    )


def _split(folder: Path, split: str, found: _Found) -> None:
    """A folder ``train``, ``val`` or ``test``: its classes; without class folders, pictures of an unknown class."""
    folders, files = _sorted_out(folder, found)
    _classes(folders, split, found)
    if folders:
        _strays(files, found)
        return
    pictures = [f for f in files if _is_item(f)]
    _strays([f for f in files if not _is_item(f)], found)
    if pictures:
        found.tell(folder, f"its {len(pictures)} pictures lie in no class folder: their class is unknown")
        _add(pictures, "", split, found)
    else:
        found.tell(folder, "there is nothing in it")


def _classes(folders: list[Path], split: str, found: _Found) -> None:
    for folder in track(folders, "looking into folders"):
        items = [f for f in _walk(folder, found) if _is_item(f, found)]
        if not items:
            found.tell(folder, "there is no picture in this class's folder")
        _add(items, folder.name, split, found)


def _add(files: list[str], kind: str, split: str, found: _Found) -> None:
    found.paths += files
    found.classes += [kind] * len(files)
    found.splits += [split] * len(files)


def _walk(folder: Path, found: _Found, above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """All files in a folder and below, in the order of their names."""
    folders, files = _sorted_out(folder, found)
    yield from files
    if not folders:
        return
    facts = os.stat(folder)
    here = (facts.st_dev, facts.st_ino)
    for inner in folders:
        facts = os.stat(inner)
        if (facts.st_dev, facts.st_ino) in (*above, here):
            found.tell(inner, "this symbolic link leads back to a folder that it lies in, and was left out")
        elif inner.suffix.lower() in PICTURES:
            found.tell(inner, "this is a folder that is named as a picture, and was left out")
        else:
            yield from _walk(inner, found, (*above, here))


def _sorted_out(folder: Path, found: _Found) -> tuple[list[Path], list[str]]:
    """The folders and the files in a folder, by name, without what is hidden; what cannot be read is told."""
    try:
        entries = sorted((e for e in os.scandir(str(folder)) if not is_hidden(e.name)), key=lambda e: e.name)
    except OSError as error:
        found.tell(folder, _said(error), fatal=True)
        return [], []
    folders, files = [], []
    for entry in entries:
        try:
            if entry.is_dir():
                folders.append(folder / entry.name)
            elif entry.is_file():
                files.append(entry.path)
            elif entry.is_symlink():
                found.tell(entry.path, "this symbolic link leads nowhere", fatal=True)
            else:
                found.tell(entry.path, "this is a device or a pipe, not a file")
        except OSError as error:
            found.tell(entry.path, _said(error), fatal=True)
    return folders, files


def _said(error: OSError) -> str:
    refused = refusal(error)
    return f"{refused.what}; {refused.cure}"


def _is_item(file: str, found: _Found | None = None) -> bool:
    if file.lower().endswith(PICTURES) or is_matrix(file):
        return True
    if found is not None:
        ending = os.path.splitext(file)[1] or "without an ending"
        found.tell(file, f"a file {ending} is not read; save it as PNG or JPEG if it is a picture")
    return False


def _strays(files: list[str], found: _Found) -> None:
    for file in files:
        found.tell(file, "this file lies in no class folder, and was left out")


def _folders_in(folder: Path) -> bool:
    return any(p.is_dir() for p in folder.iterdir() if not is_hidden(p.name))


def is_hidden(name: str) -> bool:
    """Whether a file or a folder of this name is none that somebody put there."""
    return name.startswith(".") or name.lower() in _LITTER


def _refuse_parts(path: Path, folders: list[Path]) -> None:
    names = Counter(f.name.lower() for f in folders)
    if names.keys() & _PICTURES and names.keys() & _TOLD:
        cure = "write a table with the columns image and mask, or name the data.yaml or the COCO file"
        raise BadInput(f"its folders ({', '.join(sorted(names))}) are no classes", where=path, cure=cure)
