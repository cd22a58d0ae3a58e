"""Inputs as batches that are read when they are asked for, and tables about them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nets import SPEC, images
from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.data.batches import as_batch
from pellucid.data.labels import matched, read_columns
from pellucid.data.stream import Stream


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(11):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / f"p{i:02}.png")
    return tmp_path


def stream(inputs: object) -> Stream:
    return Stream(SPEC, inputs, "cpu", torch.float32)


def test_a_folder_streams_what_one_batch_holds(folder: Path) -> None:
    files = sorted(map(str, folder.glob("*.png")))
    whole, found = as_batch(SPEC, files, "cpu", torch.float32), stream(str(folder))
    assert len(found) == 11
    assert found.names == whole.names == tuple(f"p{i:02}" for i in range(11))
    assert found.sources == tuple(files)
    for _ in range(2):  # as often as wanted
        parts = list(found.batches(4))
        assert [r for r, _ in parts] == [slice(0, 4), slice(4, 8), slice(8, 11)]
        assert torch.equal(torch.cat([b.x for _, b in parts]), whole.x)
        np.testing.assert_array_equal(np.concatenate([b.pictures for _, b in parts]), whole.pictures)


def test_anything_that_is_an_input_can_be_streamed(folder: Path) -> None:
    mixed = [folder, Sample(np.eye(9, dtype=np.uint8), ("height", "width"), source="a/eye.png"), "example:cat"]
    found = stream(mixed)
    assert found.names[-2:] == ("eye", "example:cat")
    assert len(found) == 13
    assert len(stream("example:*")) >= 9
    x = images(5)
    parts = list(stream(x).batches(2))
    assert torch.equal(torch.cat([b.x for _, b in parts]), x)
    assert [n for _, b in parts for n in b.names] == [f"sample {i}" for i in range(5)]


def test_a_bad_picture_is_named_and_no_thread_is_left(folder: Path) -> None:
    (folder / "p05.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"p05\.png"):
        list(stream(str(folder)).batches(2))
    assert not [t for t in threading.enumerate() if t.name.startswith("pellucid-read")]


def test_who_stops_early_leaves_no_thread(folder: Path) -> None:
    batches = stream(str(folder)).batches(1)
    next(batches)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("pellucid-read")]


@pytest.mark.parametrize("inputs", [[], torch.zeros(0, 3, 12, 12), torch.full((1, 3, 12, 12), float("nan"))])
def test_nothing_and_nonsense_are_refused_at_once(inputs: object) -> None:
    with pytest.raises(BadInput):
        stream(inputs)


# -- tables ---------------------------------------------------------------------------------------


def table(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "image,side\nb.png,left\nx.png,up\na.png,right\n"),
        ("t.csv", "side;File\nleft;d/b.png\n\nright;d/a.png\n"),
        ("t.tsv", "\ufeffname\tside\nb\tleft\na\tright\n"),
    ],
)
def test_rows_come_in_the_order_of_the_pictures(tmp_path: Path, name: str, text: str) -> None:
    columns = read_columns(table(tmp_path, text, name))
    assert matched(columns, ["d/a.png", "d/b.png"]) == {"side": ["right", "left"]}


def test_parquet_tables(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"path": ["a", "b"], "n": [1, None]}), tmp_path / "t.parquet")
    assert matched(read_columns(tmp_path / "t.parquet"), ["b", "a"]) == {"n": ["", "1"]}
    (tmp_path / "t.parquet").write_bytes(b"PAR1no")
    with pytest.raises(BadInput, match="no Parquet file"):
        read_columns(tmp_path / "t.parquet")


BAD = [
    ("", "0 bytes"),
    ("\n\n", "blank lines"),
    ("image,side\n", "no rows"),
    ("image,side\na,b,c\n", "row 2 has 3 cells"),
    ("image,image\na,b\n", "doubled"),
    ("side,mood\nleft,fine\n", "none of its columns"),
    ("image,side\na.png,left\na.png,right\nb.png,left\n", "has two rows"),
    ("image,side\na.png,left\nc.png,left\n", "1 of 2 pictures have no row, first 'd/b.png'"),
    (
        "image,side\na.jpg,l\nb.jpg,l\n",
        "only without folders and endings: the picture is 'd/a.png', its row is 'a.jpg'",
    ),
    ("image,side\na.png,l\ne/b.png,l\n", "the picture is 'd/b.png', its row is 'e/b.png'"),
    ("image,side\nd/a.png,l\nb.png,l\n", "only without folders and endings"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        matched(read_columns(table(tmp_path, text)), ["d/a.png", "d/b.png"])


def test_names_that_match_only_in_part_come_with_the_cure() -> None:
    with pytest.raises(BadInput) as caught:
        matched({"image": ["e/a.jpg"], "side": ["left"]}, ["d/a.png"])
    assert "have no row" not in str(caught.value)
    assert caught.value.cure == "write each picture's file name (a.png) into the table, without other folders"


def test_pictures_of_one_name_need_their_paths() -> None:
    columns = {"image": ["x/a.png", "y/a.png"], "side": ["left", "right"]}
    assert matched(columns, ["y/a.png", "x/a.png"]) == {"side": ["right", "left"]}
    with pytest.raises(BadInput, match=r"two pictures are called 'a\.png'"):
        matched({"image": ["a.png"], "side": ["left"]}, ["y/a.png", "x/a.png"])
