from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from pellucid.core.errors import BadInput

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
WORDS = np.array(["cat", "dog", "cat", "dog", "cat", "dog"])


def saved(folder: Path, packed: bool = False, **arrays: Any) -> Path:
    path = folder / "d.npz"
    (np.savez_compressed if packed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "names", [("x", "y"), ("X", "Y"), ("images", "labels"), ("data", "target"), ("Inputs", "Targets")]
)
def test_inputs_and_labels_by_their_usual_names(tmp_path: Path, names: tuple[str, str], packed: bool) -> None:
    data = pellucid.dataset(saved(tmp_path, packed, **{names[0]: PIXELS, names[1]: WORDS}))
    assert (data.columns, data.label, data.split) == ({"label": tuple(WORDS)}, "label", None)
    assert np.array_equal(data.items.array, PIXELS)
    assert data.items.array.dtype == np.uint8
    assert data.names()[5].endswith("d.npz[5]")


def test_a_dictionary_is_read_as_a_file_is() -> None:
    data = pellucid.dataset({"x": PIXELS, "y": WORDS})
    assert data.columns == {"label": tuple(WORDS)}
    assert data.items.whole is PIXELS


@pytest.mark.parametrize("packed", [False, True])
def test_splits_stand_before_or_behind(tmp_path: Path, packed: bool) -> None:
    arrays = {"x_test": PIXELS[4:], "Y_Test": WORDS[4:], "train_images": PIXELS[:0], "x_train": PIXELS[:3]}
    arrays |= {"y_train": WORDS[:3], "valid_x": PIXELS[3:4], "validation_patient": WORDS[3:4]}
    del arrays["train_images"]
    data = pellucid.dataset(saved(tmp_path, packed, **arrays))
    assert data.split == ("train",) * 3 + ("val",) + ("test",) * 2
    assert np.array_equal(data.items.array, PIXELS)
    assert data.columns["label"] == (*WORDS[:3], "", *WORDS[4:])
    assert data.group == ("item 0", "item 1", "item 2", "dog", "item 4", "item 5")


def test_two_arrays_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="'x_val' and 'X_valid' are called the same"):
        pellucid.dataset({"x_val": PIXELS, "X_valid": PIXELS})


def test_group_split_and_other_columns() -> None:
    more = {"group": [1, 1, 2, 2, 3, 3], "split": ["training"] * 4 + ["test"] * 2, "age": [1.0, 2.5, np.nan, 4, 5, 6]}
    data = pellucid.dataset({"x": PIXELS, "y": WORDS, **more})
    assert (data.group, data.split) == (("1", "1", "2", "2", "3", "3"), ("train",) * 4 + ("test",) * 2)
    assert data.columns["age"] == ("1.0", "2.5", "", "4.0", "5.0", "6.0")


def test_what_is_no_column_is_told() -> None:
    data = pellucid.dataset({"x": PIXELS, "note": np.array("made in spring"), "mean": np.zeros(3)})
    assert [p.what for p in data.problems] == [
        "'note' is of shape () for 6 items: it was left out",
        "'mean' is of shape (3,) for 6 items: it was left out",
    ]
    assert not any(p.fatal for p in data.problems)


@pytest.mark.parametrize(
    ("y", "cells"),
    [
        (np.array([0, 1, 2, 0, 1, 2]), "012012"),
        (np.array([0, 1, 2, 0, 1, 2], np.float32), "012012"),
        (np.array([[0], [1], [2], [0], [1], [2]], np.uint8), "012012"),
        (np.array([True, False] * 3), "101010"),
        (np.array([b"a", b"b"] * 3), "ababab"),
        (np.array(["a", "b"] * 3), "ababab"),
        (np.array([0, np.nan, 2, 0, 1, 2]), ("0", "", "2", "0", "1", "2")),
        (np.array([0.1, np.nan, 2, 0, 1, 2], np.float32), ("0.1", "", "2.0", "0.0", "1.0", "2.0")),
    ],
)
def test_labels_become_text(y: np.ndarray, cells: Any) -> None:
    assert pellucid.dataset({"x": PIXELS, "y": y}).columns == {"label": tuple(cells)}


def test_classes_name_the_numbers() -> None:
    data = pellucid.dataset({"x": PIXELS, "y": [0, 1, 0, 1, 0, 1], "classes": ["cat", "dog"]})
    assert data.columns == {"label": tuple(WORDS)}
    with pytest.raises(BadInput, match=r"class 2 of item 2 \(from 0\) is not among the 2 names"):
        pellucid.dataset({"x": PIXELS, "y": [0, 1, 2, 1, 0, 1], "class_names": ["cat", "dog"]})


def test_several_labels_an_item_are_several_columns() -> None:
    y = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1]])
    data = pellucid.dataset({"x": PIXELS, "y": y})
    assert data.columns == {"label0": tuple("110101"), "label1": tuple("010011")}
    assert data.label is None
    named = pellucid.dataset({"x": PIXELS, "y": y, "label_names": ["red", "round"]}, label="round")
    assert (named.columns["red"], named.label) == (tuple("110101"), "round")


def test_one_hot_labels_are_classes_too() -> None:
    data = pellucid.dataset({"x": PIXELS, "y": np.eye(3, dtype=int)[[0, 1, 2, 2, 1, 0]], "classes": list("abc")})
    assert (data.label, data.columns["label"], data.columns["b"]) == ("label", tuple("abccba"), tuple("010010"))


def test_rows_become_matrices() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 7))
    data = pellucid.dataset({"x": rows, "y": range(5), "feature_names": list("abcdefg")})
    assert (data[2].array.shape, data[2].array.dtype, data.features) == ((1, 7), np.float32, tuple("abcdefg"))
    assert np.array_equal(data.items.array[:, 0], rows.astype(np.float32))
    ours = rows.astype(np.float32)
    assert np.shares_memory(pellucid.dataset({"x": ours}).items.whole, ours)


def test_floats_and_other_numbers_stay_as_they_are() -> None:
    for kind in (np.float64, ">f4", np.int32, np.float16):
        x = (PIXELS / 7).astype(kind)
        assert np.array_equal(pellucid.dataset({"x": x}).items.array, x)
    assert pellucid.dataset({"x": PIXELS.astype(">f4")}).items.array.dtype.isnative


def test_channels() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3), np.uint8)
    assert pellucid.dataset({"x": colours})[0].array.shape == (8, 9, 3)
    first = np.ascontiguousarray(np.moveaxis(colours, -1, 1))
    turned = pellucid.dataset({"x": first}).items.whole
    assert np.array_equal(turned, colours)
    assert np.shares_memory(turned, first)
    with pytest.raises(BadInput, match=r"'x' of shape \(2, 3, 8, 9\) seems to have its channels first; save them last"):
        pellucid.dataset({"x": first / 255})
    many = np.zeros((2, 20, 30, 7))
    assert pellucid.dataset({"x": many})[0].array.shape == (20, 30, 7)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y": WORDS}, r"none of its arrays \(y\) is called x; call the inputs x and the labels y"),
        ({}, r"none of its arrays \(none\) is called x"),
        ({"x": WORDS}, "'x' holds <U3, not numbers; save it as numbers"),
        ({"x": PIXELS + 1j}, "the numbers of 'x' are complex"),
        ({"x": np.zeros(5)}, r"'x' is of shape \(5,\); save inputs as \[n, height, width\]"),
        ({"x": np.zeros((0, 4, 4))}, r"'x' is of shape \(0, 4, 4\)"),
        ({"x": PIXELS, "y": WORDS[:5]}, r"'y' is of shape \(5,\) for 6 items; save one label an item"),
        ({"x": PIXELS, "y": PIXELS}, r"'y' is of shape \(6, 4, 5\) for 6 items"),
        ({"x": PIXELS, "y_train": WORDS}, "'y_train' has no inputs of its split"),
        ({"x": PIXELS, "y": np.array([1, 2, np.inf] * 2)}, "'label' holds infinite numbers"),
        (
            {"x": np.where(PIXELS[4, 1, 1] == PIXELS, np.nan, 1.0), "y": WORDS},
            r"of 6 items of 'x' hold NaN or infinite",
        ),
        ({"x": np.full((3, 4), 1e300)}, "3 of 3 items of 'x' hold NaN or infinite numbers, the first is number 0"),
        ({"x": PIXELS, "y": np.array([b"\xff", b"a"] * 3)}, "is no text in UTF-8"),
        (
            {"x_train": PIXELS, "x_test": PIXELS[:, :2]},
            r"its items are uint8 \(2, 5\), those of x_train uint8 \(4, 5\)",
        ),
    ],
)
@pytest.mark.parametrize("from_file", [False, True])
def test_what_cannot_be_used_is_told(tmp_path: Path, arrays: dict[str, Any], said: str, from_file: bool) -> None:
    with pytest.raises(BadInput, match=said):
        pellucid.dataset(saved(tmp_path, **arrays) if from_file else arrays)


def test_pickles_stay_shut(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    path = saved(tmp_path, x=PIXELS, y=np.array([Bomb()] * 6, object))
    with pytest.raises(BadInput, match="'y' holds object, which is neither numbers nor text; save it as text"):
        pellucid.dataset(path)
    path = saved(tmp_path, x=np.array([Bomb()] * 6, object))
    with pytest.raises(BadInput, match="'x' holds object, not numbers"):
        pellucid.dataset(path)
    assert not (tmp_path / "ran").exists()


def test_large_arrays_stay_on_the_disk(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 30, 30)).astype(np.float32)
    data = pellucid.dataset(saved(tmp_path, x=x, y=range(50)))
    base: Any = data.items.whole
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert np.array_equal(data.items.array, x)
    assert data[3].array.flags.aligned
    assert data[3].array.flags.writeable
    half = data.take(range(1, 50, 2))
    assert half.items.whole is data.items.whole
    assert np.array_equal(half.items.array, x[1::2])
    assert np.shares_memory(data.take(range(10, 30)).items.array, data.items.whole)
    assert half.take([0, 3]).names()[1].endswith("[7]")


def test_arrays_by_columns(tmp_path: Path) -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(4, 5, 6)))
    for packed in (False, True):
        assert np.array_equal(pellucid.dataset(saved(tmp_path, packed, x=x)).items.array, x)
        both = pellucid.dataset(saved(tmp_path, packed, x_train=x, x_test=x))
        assert np.array_equal(both.items.array, np.concatenate([x, x]))


def test_damaged_files(tmp_path: Path) -> None:
    whole = saved(tmp_path, packed=True, x=PIXELS, y=WORDS).read_bytes()
    path = tmp_path / "e.npz"
    for cut in (1, 30, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(BadInput, match=r"this is no \.npz file, or it is damaged"):
            pellucid.dataset(path)
    for packed in (True, False):
        whole = saved(tmp_path, packed=packed, x_train=PIXELS, x_test=PIXELS).read_bytes()
        middle = whole.index(PIXELS.tobytes()[:8]) if not packed else 200
        path.write_bytes(whole[:middle] + bytes(8) + whole[middle + 8 :])
        with pytest.raises(BadInput, match="damaged"):
            pellucid.dataset(path)
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="the file is empty"):
        pellucid.dataset(path)


def test_a_head_that_promises_more_than_is_there_takes_no_memory(tmp_path: Path) -> None:
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (9000000000, 1000, 1000), }"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(50)
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "d.npz", "w", packing) as file:
            file.writestr("x.npy", npy)
        with pytest.raises(BadInput, match=r"'x' is cut off: 50 of 9000000000000000 bytes are there"):
            pellucid.dataset(tmp_path / "d.npz")


def test_a_list_that_does_not_fit_the_archive(tmp_path: Path) -> None:
    whole = bytearray(saved(tmp_path, x=PIXELS).read_bytes())
    entry = whole.index(b"PK\x01\x02")
    whole[entry + 42 : entry + 46] = struct.pack("<I", 7)  # where the member begins
    (tmp_path / "d.npz").write_bytes(whole)
    with pytest.raises(BadInput, match="damaged"):
        pellucid.dataset(tmp_path / "d.npz")


def test_scikit_learns_digits_as_they_are(tmp_path: Path) -> None:
    digits = load_digits()
    del digits["DESCR"], digits["frame"]
    data = pellucid.dataset(saved(tmp_path, **digits))
    assert (len(data), data[0].array.shape, data.label) == (1797, (8, 8), "label")
    assert data.columns["label"] == tuple(map(str, digits.target))
    assert set(data.columns) == {"label"}
    assert [p.what for p in data.problems] == ["'data' would be inputs, as 'images' is: it was left out"]
