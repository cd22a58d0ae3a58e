"""A folder of pictures of which nothing is known: ``folder/1.jpg``. Some tasks learn from pictures alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pellucid.data.dataset import Dataset, Files, Problem
from pellucid.data.folders import ENDINGS as PICTURES
from pellucid.data.sets.class_folders import is_hidden

#: Matrices whose files hold one each; an ``.npz`` may hold many, and a ``.csv`` may be a table.
_MATRICES = (".npy",)


def recognises(path: Path) -> bool:
    """Whether there are pictures or matrices in it. Folders within are of other forms, which are asked first."""
    return path.is_dir() and any(p.suffix.lower() in (*PICTURES, *_MATRICES) for p in _shown(path))


def read(path: Path) -> Dataset:
    """The pictures, or the matrices where there are more of these, in the order of their names; no column."""
    files = sorted(_shown(path), key=lambda p: p.name)
    matrices = sum(p.suffix.lower() in _MATRICES for p in files)
    pictures = sum(p.suffix.lower() in PICTURES for p in files)
    what, endings = ("matrix", _MATRICES) if matrices > pictures else ("picture", PICTURES)
    kept = tuple(str(p) for p in files if p.suffix.lower() in endings)
    others = (str(p) for p in files if p.suffix.lower() not in endings)
    told = tuple(Problem(where, f"this is no {what} among its like, and was left out", fatal=False) for where in others)
    return Dataset(str(path), Files(kept), problems=told)


def _shown(path: Path) -> Iterator[Path]:
    return (p for p in path.iterdir() if not is_hidden(p.name))
