"""Matrix files: every format gives the same numbers, and what is bad is told in one line."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data import csv_
from pellucid.data.matrices import MAX_NUMBERS, is_matrix, read

MATRIX = np.random.default_rng(0).normal(size=(7, 4))
NAMES = ["a", "b", "c d", "e"]


def text(by: str, head: str = "", end: str = "\n") -> bytes:
    lines = [by.join(repr(float(v)) for v in row) for row in MATRIX]
    return end.join([*([head] if head else []), *lines, ""]).encode()


def refusal(path: Path | str) -> str:
    with pytest.raises(BadInput) as caught:
        pellucid.read(path)
    line = str(caught.value)
    assert str(path) in line
    assert "; " in line  # a cure
    assert "\n" not in line
    return line


def write(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# -- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_, ">f8", "<i2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7, 4), (3, 5, 6), (1, 1)])
def test_npy(tmp_path, kind, order, shape):
    array = np.asarray(np.random.default_rng(1).normal(size=shape) * 50, dtype=kind, order=order)
    np.save(tmp_path / "m.npy", array)
    sample = pellucid.read(tmp_path / "m.npy")
    np.testing.assert_array_equal(sample.array, array)
    assert sample.array.dtype == np.dtype(kind).newbyteorder("=")
    assert sample.axes == ("height", "width", "channel")[: len(shape)]
    assert sample.array.flags.writeable
    assert sample.name == "m"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    save(tmp_path / "one.npz", MATRIX)
    np.testing.assert_array_equal(read(tmp_path / "one.npz").array, MATRIX)
    save(tmp_path / "two.npz", left=MATRIX, right=-MATRIX)
    np.testing.assert_array_equal(read(f"{tmp_path}/two.npz:right").array, -MATRIX)
    assert "left, right" in refusal(tmp_path / "two.npz")
    assert "'right'" in refusal(f"{tmp_path}/two.npz:rihgt")


@pytest.mark.parametrize(
    "data",
    [
        text(","),
        text(", "),
        text(";", "a;b;c d;e"),
        text("\t", "a\tb\tc d\te", "\r\n"),
        text("  ", "a b c e"),
        text(","[:1], '"a","b, b","c d","e"'),
        b"\xef\xbb\xbf" + text(",", "ä,b,c,d"),
        text(",") + b"\n\n",
        text(",").rstrip(b"\n"),
    ],
    ids=["comma", "comma and space", "semicolon", "tab", "spaces", "quoted", "bom", "blank lines", "no end"],
)
def test_csv(tmp_path, data):
    np.testing.assert_array_equal(read(write(tmp_path, "m.csv", data)).array, MATRIX)


def test_csv_of_one_column_and_of_one_line(tmp_path):
    assert read(write(tmp_path, "m.csv", b"1\n2.5\n-3e4\n")).array.tolist() == [[1], [2.5], [-30000]]
    assert read(write(tmp_path, "m.tsv", b"1\t2\t3\n")).array.tolist() == [[1, 2, 3]]
    assert read(write(tmp_path, "m.csv", b"0,1,2\n")).array.tolist() == [[0, 1, 2]]


def test_pandas_writes_what_is_read(tmp_path):
    frame = pd.DataFrame(MATRIX, columns=NAMES)
    frame.to_csv(tmp_path / "m.csv", index=False)
    np.testing.assert_array_equal(read(tmp_path / "m.csv").array, MATRIX)
    frame.to_parquet(tmp_path / "m.parquet", index=False)
    np.testing.assert_array_equal(read(tmp_path / "m.parquet").array, MATRIX)
    pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]}).to_parquet(tmp_path / "kinds.parquet")
    assert read(tmp_path / "kinds.parquet").array.tolist() == [[1, 0.5, 1], [2, 1.5, 0]]


def test_parquet_without_its_reader(tmp_path, monkeypatch):
    pd.DataFrame(MATRIX, columns=NAMES).to_parquet(tmp_path / "m.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert 'pip install "pellucid[tables]"' in refusal(tmp_path / "m.parquet")


def test_the_ending_says_what_is_a_matrix():
    assert all(map(is_matrix, ("a.npy", "b.NPZ", "c.npz:x", "d.csv", Path("e.parquet"))))
    assert not any(map(is_matrix, ("a.png", "example:cat", "npy", "b.npz.png")))
    assert pellucid.read("example:cat").array.dtype == np.uint8


# -- what is refused ------------------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("it-ran",)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.array([[1, None], ["a", 2]], object), "objects"),
        (np.ones((2, 2), complex), "complex"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.zeros((2, 2), "datetime64[s]"), "not numbers"),
        (np.zeros((2, 2), [("x", "f4")]), "not numbers"),
        (np.ones(5), "(5,) is no matrix"),
        (np.ones((1, 2, 3, 4)), "(1, 2, 3, 4) is no matrix"),
        (np.float64(3), "() is no matrix"),
        (np.ones((0, 4)), "empty"),
        (
            np.array([[1, 2, 3], [4, np.nan, np.inf]]),
            "2 of 6 numbers are NaN or infinite, the first in row 1, column 1",
        ),
    ],
    ids=["object", "complex", "text", "dates", "records", "1-D", "4-D", "0-D", "empty", "NaN"],
)
def test_arrays_that_are_no_matrix(tmp_path, array, word):
    np.save(tmp_path / "m.npy", array)
    assert word in refusal(tmp_path / "m.npy")
    np.savez(tmp_path / "m.npz", array)
    assert word in refusal(tmp_path / "m.npz")


def test_a_pickle_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = as_npy(np.array([None], object))
    write(tmp_path, "m.npy", head[:128] + pickle.dumps(Bomb()))
    write(tmp_path, "raw.npy", pickle.dumps(Bomb()))
    assert "objects" in refusal("m.npy")
    assert "no .npy array" in refusal("raw.npy")
    assert not (tmp_path / "it-ran").exists()


def head_only(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_sizes_are_checked_before_memory_is_taken(tmp_path):
    side = int(MAX_NUMBERS**0.5) + 1
    write(tmp_path, "m.npy", head_only(f"({side}, {side})") + bytes(80))
    assert "more than 80 million" in refusal(tmp_path / "m.npy")
    write(tmp_path, "vast.npy", head_only("(1000000000000, 1000000000000, 1000000000000)"))
    assert "more than 80 million" in refusal(tmp_path / "vast.npy")
    write(tmp_path, "minus.npy", head_only("(-4, -4)") + bytes(128))
    refusal(tmp_path / "minus.npy")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.npy", head_only(f"({side}, {side})") + bytes(1 << 24))
    assert "more than 80 million" in refusal(tmp_path / "bomb.npz")
    with (tmp_path / "long.npy").open("wb") as out:
        out.truncate((1 << 31) + 1)
    assert "2.0 GiB" in refusal(tmp_path / "long.npy")


def test_csv_sizes_are_counted_first(tmp_path):
    path = write(tmp_path, "m.csv", text(","))
    with path.open("rb") as file, pytest.raises(BadInput, match="about 8 × 4 numbers, more than"):
        csv_.read(file, 20)
    with (tmp_path / "line.csv").open("wb") as out:
        out.write(b"1," * ((1 << 25) + 8))
    assert "longer than 64 MiB" in refusal(tmp_path / "line.csv")


def test_every_cut_of_a_file_is_told(tmp_path):
    np.savez(tmp_path / "whole.npz", MATRIX)
    pd.DataFrame(MATRIX, columns=NAMES).to_parquet(tmp_path / "whole.parquet")
    wholes = {".npy": as_npy(MATRIX), ".npz": (tmp_path / "whole.npz").read_bytes()}
    wholes[".parquet"] = (tmp_path / "whole.parquet").read_bytes()
    for ending, data in wholes.items():
        for length in {1, 5, 8, 60, 128, len(data) // 2, len(data) - 9, len(data) - 1}:
            refusal(write(tmp_path, f"cut{ending}", data[:length]))
        refusal(write(tmp_path, f"junk{ending}", b"\x00\xff junk " * 40))


def test_damage_anywhere_is_an_error_or_a_matrix(tmp_path):
    """Any byte may be wrong: nothing but BadInput comes out."""
    np.savez_compressed(tmp_path / "whole.npz", MATRIX)
    draw = np.random.default_rng(0)
    pd.DataFrame(MATRIX, columns=NAMES).to_parquet(tmp_path / "whole.parquet")
    wholes = {e: (tmp_path / f"whole{e}").read_bytes() for e in (".npz", ".parquet")} | {".npy": as_npy(MATRIX)}
    for ending, data in wholes.items():
        for place in draw.choice(len(data), 60, replace=False):
            changed = bytearray(data)
            changed[place] ^= int(draw.integers(1, 256))
            path = write(tmp_path, f"m{ending}", bytes(changed))
            with contextlib.suppress(BadInput):
                assert read(path).array.shape


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"a,b\n1,2\n3,x\n", "line 3, cell 2 is 'x'"),
        (b"1,2\n3,\n", "line 2, cell 2 is '', not a number; fill it"),
        (b"1,2\n\n3,4,5\n", "line 3 has 3 cells where the lines before have 2"),
        (b"1,2,\n3,4,\n", "numbers and text ('')"),
        (b"1;2\n1,5;2\n", "line 2, cell 1 is '1,5'"),
        (b"time,1,2\n1,2,3\n", "'time'"),
        (b",a,b\n0,2,3\n", "index=False"),
        (b"0,1,2\n5,6,7\n", "columns or data"),
        (b"a,b\n", "'a'"),
        (b"\n \n", "blank"),
        (b"", "0 bytes"),
        (b"1,nan\n2,3\n", "1 of 4 numbers are NaN"),
        (b"1,1e999\n2,3\n", "infinite"),
        (b"1,1_000\n2,3\n", "'1_000'"),
        (b"\xff\xfe1\x00,\x002\x00", "UTF-8"),
        (b"1,2\n3,\xe4\n", "UTF-8"),
    ],
)
def test_csv_that_is_no_matrix(tmp_path, data, word):
    assert word in refusal(write(tmp_path, "m.csv", data))


def test_parquet_that_is_no_matrix(tmp_path):
    for name, frame, word in (
        ("text", pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "column 'b'"),
        ("empty cell", pd.DataFrame({"a": pd.array([1, None], "Int64")}), "1 empty cell"),
        ("index", pd.DataFrame({"a": [1.0, 2.0]}, index=[5, 9]), "index"),
        ("none", pd.DataFrame({"a": np.zeros(0)}), "empty"),
    ):
        frame.to_parquet(tmp_path / f"{name}.parquet")
        assert word in refusal(tmp_path / f"{name}.parquet")


def test_paths_that_lead_to_no_matrix(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.npy")
    (tmp_path / "folder.npy").mkdir()
    assert "folder" in refusal(tmp_path / "folder.npy")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "save the matrix to a file" in refusal(tmp_path / "pipe.csv")
