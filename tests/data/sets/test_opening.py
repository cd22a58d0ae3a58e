from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Stack


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scan.nii.gz", "a NIfTI volume is one item of many slices; write its slices as pairs: pellucid dicom"),
        ("scan.nii", "a NIfTI volume"),
        ("set.pkl", "this is a pickle, and unpickling runs whatever code is in it; save the arrays with np.savez"),
        ("set.pt", "this is a pickle"),
        ("x.npy", "one array has no labels; save both into one file"),
        ("set.h5", "HDF5 files are not read"),
        ("set.tar.gz", "this is an archive; unpack it"),
        ("set.xlsx", "this is a spreadsheet; save it as CSV"),
        ("set.odd", r"a file \.odd is no data set; known are class folders"),
    ],
)
def test_what_is_refused_has_a_way_out(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=said):
        pellucid.dataset(tmp_path / name)


def test_a_folder_of_nifti_is_refused(tmp_path: Path) -> None:
    for name in ("image.nii.gz", "mask.nii.gz", "labels.json"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=r"image\.nii\.gz: a NIfTI volume is one item of many slices"):
        pellucid.dataset(tmp_path)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for path, said in ((tmp_path / "round", "there is no such file|circle"), ("a\0b", "null character")):
        with pytest.raises(BadInput, match=said):
            pellucid.dataset(path)
    with pytest.raises(BadInput, match="no file was named"):
        pellucid.dataset([])
    (tmp_path / "round").unlink()
    np.savez(tmp_path / "only.npz", x=np.zeros((2, 3, 3)))
    with pytest.raises(BadInput, match=r"the folder holds one \.npz; name the file itself"):
        pellucid.dataset(tmp_path)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((5, 8, 8)), "ndarray is no data set"),
        (torch.zeros(5, 8, 8), "Tensor is no data set"),
        ([np.zeros((8, 8))] * 2, "ndarray in a list is no data set"),
        (["a.png", 3], "int in a list is no data set"),
        (3, "int is no data set"),
        (None, "NoneType is no data set"),
    ],
)
def test_what_says_nothing_of_what_it_shows_is_refused(source: object, said: str) -> None:
    for ask in (pellucid.dataset, pellucid.train):
        with pytest.raises(BadInput, match=f'^data: {said}; pass a path, or the arrays with their labels: {{"x"'):
            ask(source)
    found = pellucid.dataset({"x": np.zeros((5, 8, 8)), "y": np.arange(5)})
    assert len(found) == 5


def test_a_data_set_stays_what_it_is() -> None:
    data = pellucid.dataset({"x": np.zeros((3, 4, 4)), "y": [0, 1, 0], "age": [1, 2, 3]})
    assert pellucid.dataset(data) is data
    assert pellucid.dataset(data, label="age").label == "age"


def test_a_stack_takes_without_copying() -> None:
    array = np.arange(60, dtype=np.uint8).reshape(10, 3, 2)
    stack = Stack.of(array, "s.npz")
    some = stack.take([7, 2, 2])
    assert some.whole is array
    assert np.array_equal(some.array, array[[7, 2, 2]])
    assert (some.name(0), len(some), len(stack.take([]).array)) == ("s.npz[7]", 3, 0)
    assert some.take([1]).name(0) == "s.npz[2]"
    assert np.shares_memory(stack.take(range(2, 5)).array, array)


def test_opening_loads_no_torch(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 3, 3)), y=[0, 1])
    code = "import sys, pellucid; pellucid.dataset(sys.argv[1]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "d.npz")], check=True)
