"""Forms that are known and not read: what they are, and the way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from pellucid.core.errors import BadInput

_PICKLE = "unpickling runs whatever code is in it"

#: By the file's ending: what it is, and the cure.
_ENDINGS = {
    (".nii", ".nii.gz"): (
        "a NIfTI volume is one item of many slices",
        "write its slices as pairs: pellucid dicom FOLDER --format png (or npz)",
    ),
    (".pkl", ".pickle", ".pck"): (f"this is a pickle, and {_PICKLE}", "save the arrays with np.savez"),
    (".pt", ".pth", ".ckpt"): (f"this is a pickle, and {_PICKLE}", "save the tensors as arrays with np.savez"),
    (".npy",): ("one array has no labels", "save both into one file: np.savez('data.npz', x=x, y=y)"),
    (".h5", ".hdf5"): ("HDF5 files are not read", "save the arrays with np.savez('data.npz', x=x, y=y)"),
    (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"): ("this is an archive", "unpack it, and name the folder"),
    (".xlsx", ".xls", ".ods"): ("this is a spreadsheet", "save it as CSV in UTF-8"),
    (".tfrecord", ".tfrecords"): ("TFRecord files are not read", "write the pictures as files with a table"),
}

#: CIFAR's version for Python: pickles without an ending.
_CIFAR_PICKLES = re.compile(r"data_batch_\d+|test_batch")


def recognises(path: Path) -> bool:
    """Whether it is of a form that is told and not read."""
    return _refusal(path) is not None


def read(path: Path) -> NoReturn:
    """Raise the refusal."""
    refusal = _refusal(path)
    assert refusal is not None
    raise refusal


def _refusal(path: Path) -> BadInput | None:
    if not path.is_dir():
        return _of_file(path)
    names = sorted(p.name for p in path.iterdir() if not p.name.startswith("."))
    pickled = [n for n in names if _CIFAR_PICKLES.fullmatch(n)]
    if pickled or {"train", "test", "meta"} <= {p.name for p in path.iterdir() if p.is_file()}:
        return _pickled_cifar(path)
    volumes = [n for n in names if n.lower().endswith((".nii", ".nii.gz"))]
    if volumes:
        return _of_file(path / volumes[0])
    return None


def _of_file(path: Path) -> BadInput | None:
    if _CIFAR_PICKLES.fullmatch(path.name):
        return _pickled_cifar(path)
    name = path.name.lower()
    for endings, (what, cure) in _ENDINGS.items():
        if name.endswith(endings):
            return BadInput(what, where=path, cure=cure)
    return None


def _pickled_cifar(path: Path) -> BadInput:
    what = f"this is CIFAR's version for Python, which is pickled, and {_PICKLE}"
    return BadInput(what, where=path, cure="get the binary version (cifar-10-binary.tar.gz, cifar-100-binary.tar.gz)")
