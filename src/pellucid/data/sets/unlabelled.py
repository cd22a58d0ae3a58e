"""A folder of pictures of which nothing is known: ``folder/1.jpg``. Some tasks learn from pictures alone."""

from __future__ import annotations

from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Files, Problem
from pellucid.data.folders import ENDINGS as PICTURES

#: Matrices whose files hold one each; an ``.npz`` may hold many, and a ``.csv`` may be a table.
_MATRICES = (".npy",)


def recognises(path: Path) -> bool:
    """Whether there are pictures or matrices in it. Folders within are of other forms, which are asked first."""
    return path.is_dir() and any(p.suffix.lower() in (*PICTURES, *_MATRICES) for p in path.iterdir() if _shown(p))


def read(path: Path) -> Dataset:
    """The pictures, or the matrices where there are more of these, in the order of their names; no column."""
    files = sorted((p for p in path.iterdir() if _shown(p) and p.is_file()), key=lambda p: p.name)
    matrices = [p for p in files if p.suffix.lower() in _MATRICES]
    pictures = [p for p in files if p.suffix.lower() in PICTURES]
    kept = matrices if len(matrices) > len(pictures) else pictures
    if not kept:
        raise BadInput("there is no picture in this folder", where=path, cure=f"put pictures ({PICTURES[0]} …) there")
    what = "picture" if kept is pictures else "matrix"
    others = [Problem(str(p), f"this is no {what} among its like, and was left out") for p in files if p not in kept]
    return Dataset(str(path), Files(tuple(map(str, kept))), problems=tuple(others))


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")
