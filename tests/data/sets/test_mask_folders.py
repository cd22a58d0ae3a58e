from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.masks import read_mask


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def pair(folder: Path, image: str, mask: str, value: int = 1) -> None:
    write(folder / image, np.arange(36, dtype=np.uint8).reshape(6, 6))
    write(folder / mask, np.full((6, 6), value, np.uint8))


def test_masks_have_the_names_of_their_pictures(tmp_path: Path) -> None:
    pair(tmp_path, "images/b.jpg", "masks/b.png", 2)
    pair(tmp_path, "images/A.png", "masks/a.png", 1)
    data = pellucid.dataset(tmp_path)
    assert [Path(n).name for n in data.names()] == ["A.png", "b.jpg"]
    assert data.masks is not None
    assert [int(read_mask(m or "").max()) for m in data.masks] == [1, 2]
    assert (data.columns, data.label, data.split, data.problems) == ({}, None, None, ())


@pytest.mark.parametrize(
    "layout", ["images/{split}/{n}.png masks/{split}/{n}.png", "{split}/images/{n}.png {split}/masks/{n}.png"]
)
def test_splits_are_within_or_around(tmp_path: Path, layout: str) -> None:
    for n, split in enumerate(("train", "train", "valid", "test")):
        pair(tmp_path, *layout.format(n=n, split=split).split())
    data = pellucid.dataset(tmp_path)
    assert sorted(data.split or ()) == ["test", "train", "train", "val"]
    assert all(Path(i).stem == Path(m or "").stem for i, m in zip(data.names(), data.masks or (), strict=True))


def test_a_mask_may_say_that_it_is_one(tmp_path: Path) -> None:
    pair(tmp_path, "JPEGImages/1.jpg", "SegmentationClass/1_mask.png")
    assert len(pellucid.dataset(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("labels.json", json.dumps({"0": "outside", "1": "lung"})), ("classes.txt", "outside\nlung\n")],
)
def test_names_of_regions_stand_beside(tmp_path: Path, name: str, text: str) -> None:
    pair(tmp_path, "images/1.png", "masks/1.png")
    (tmp_path / name).write_text(text)
    assert pellucid.dataset(tmp_path).mask_names == {0: "outside", 1: "lung"}


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    pair(tmp_path, "images/1.png", "masks/1.png")
    write(tmp_path / "images/2.png", np.zeros((6, 6), np.uint8))
    write(tmp_path / "masks/3.png", np.zeros((6, 6), np.uint8))
    pair(tmp_path, "images/4.png", "masks/4.png")
    write(tmp_path / "masks/4_mask.png", np.zeros((6, 6), np.uint8))
    data = pellucid.dataset(tmp_path)
    told = {Path(p.where).name: (p.what, p.fatal) for p in data.problems}
    assert len(data) == 1
    assert told["2.png"] == ("there is no mask of it, so nothing is learnt from it", False)
    assert told["3.png"] == ("there is no picture to this mask", False)
    assert told["4.png"] == ("there are 2 masks of it: 4.png, 4_mask.png; leave one", True)


def test_no_mask_at_all(tmp_path: Path) -> None:
    pair(tmp_path, "images/1.png", "masks/2.png")
    with pytest.raises(BadInput, match=r"none of its pictures has a mask; give each mask its picture's name"):
        pellucid.dataset(tmp_path)


def test_masks_that_keep_no_numbers(tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / kind / "1.jpg")
    with pytest.raises(
        BadInput, match=r"masks/1.jpg: JPEG and WebP do not keep a mask's numbers; write the masks anew"
    ):
        pellucid.dataset(tmp_path)
