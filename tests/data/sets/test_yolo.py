"""YOLO's files: boxes in pixels, outlines, keypoints, splits; what is malformed is told by file and line."""

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.data.images import size_of
from pellucid.data.sets import coco, table, yolo
from pellucid.data.sets.checks import inspect
from pellucid.synth.dataset import Plan, write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects

YAML = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"


@pytest.fixture
def home(tmp_path):
    for split, names in (("train", "ab"), ("val", "c")):
        (tmp_path / "images" / split).mkdir(parents=True)
        (tmp_path / "labels" / split).mkdir(parents=True)
        for k, name in enumerate(names):
            Image.new("RGB", (40, 20), (k, 40, 90)).save(tmp_path / "images" / split / f"{name}.png")
            (tmp_path / "labels" / split / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text(YAML)
    return tmp_path


def labels(home, text):
    (home / "labels/train/a.txt").write_text(text)


def test_shares_become_pixels_and_folders_splits(home):
    labels(home, "1 0.25 0.5 0.5 1\n0 0.5 0.5 0.1 0.2\n1 0 0 0.5 0 0.5 0.5\n")
    data = yolo.read(home)
    assert data.problems == ()
    assert data.split == ("train", "train", "val")
    assert data.columns["tags"] == ("dog;cat", "cat", "cat")
    assert data.boxes[0].kinds == ("dog", "cat", "dog")
    assert data.boxes[0].corners == pytest.approx(np.array([[0, 0, 20, 20], [18, 8, 22, 12], [0, 0, 20, 10]]))
    assert [o is None for o in data.outlines[0]] == [True, True, False]
    assert data.outlines[0][2].mask(20, 40).sum() == pytest.approx(100, abs=10)
    assert yolo.read(home / "data.yaml").rows == data.rows == ("train/a.png", "train/b.png", "val/c.png")


def test_names_as_a_list_lists_of_pictures_and_paths_of_exports(home):
    (home / "train.txt").write_text("./images/train/a.png\n\nimages/train/b.png\n")
    (home / "data.yaml").write_text("train: train.txt\nval: ../images/val\ntest:\nnc: 2\nnames: [cat, dog]\n")
    data = yolo.read(home)
    assert data.split == ("train", "train", "val")
    assert data.rows[:2] == ("train.txt, line 1", "train.txt, line 3")
    (home / "data.yaml").write_text("path: nowhere\ntrain: [images/train, images/val]\nnames: [cat, dog]\n")
    assert yolo.read(home).split == ("train",) * 3


def test_keypoints_are_told_by_their_shape(home):
    labels(home, "0 0.5 0.5 0.5 0.5 0.1 0.2 2 0 0 0\n")
    (home / "data.yaml").write_text(YAML + "kpt_shape: [2, 3]\n")
    data = yolo.read(home)
    assert np.allclose(data.points[0], [[4, 4], [np.nan, np.nan]], equal_nan=True)
    assert data.points[1] is None


def test_pictures_without_labels_show_no_object(home):
    (home / "labels/train/a.txt").unlink()
    labels_b = home / "labels/train/b.txt"
    labels_b.write_text("")
    data = yolo.read(home)
    assert data.columns["tags"] == ("", "", "cat")
    (note,) = data.problems
    assert not note.fatal
    assert note.what.startswith("1 of 3 pictures have no file of labels")
    for path in home.glob("labels/*/*"):
        path.unlink()
    with pytest.raises(BadInput, match=r"none of its 3 pictures has a file of labels, first .*labels/train/a\.txt"):
        yolo.read(home)


MALFORMED = {
    "there is no class 2; names has 2": "2 0.5 0.5 0.1 0.1",
    "there is no class 0.5": "0.5 0.5 0.5 0.1 0.1",
    "'cat 0.5 0.5 0.1 0.1' is not made of numbers": "cat 0.5 0.5 0.1 0.1",
    "a number is not finite": "0 0.5 nan 0.1 0.1",
    "4 numbers are neither a box (5) nor an outline": "0 0.5 0.5 0.1",
    "6 numbers are neither": "0 0.5 0.5 0.1 0.1 0.9",
}


@pytest.mark.parametrize("said", MALFORMED)
def test_a_malformed_line_is_told_and_the_others_are_kept(home, said):
    labels(home, f"1 0.5 0.5 0.5 0.5\n\n{MALFORMED[said]}\n")
    data = yolo.read(home)
    assert data.columns["tags"][0] == "dog"
    (problem,) = data.problems
    assert problem.where == "train/a.txt, line 3"
    assert problem.what.startswith(said)
    assert problem.fatal


def test_damaged_and_missing_pictures_are_told_and_boxes_outside_are_found_later(home):
    (home / "images/train/b.png").write_text("none")
    (home / "train.txt").write_text("images/train/a.png\nimages/train/x.png\nimages/train/b.png\n")
    (home / "data.yaml").write_text("train: train.txt\nval: images/val\nnames: [cat, dog]\n")
    labels(home, "0 0.9 0.5 0.5 0.5\n")
    data = yolo.read(home)
    assert [p.where for p in data.problems] == ["train.txt, line 2", "train.txt, line 3"]
    found = inspect(data, None)
    (outside,) = (p for p in found if "reaches out of the picture, 40 × 20" in p.what)
    assert outside.where == "train.txt, line 1"


def test_what_is_no_such_data_set_is_said(home):
    for text, said in {
        "train: [": "this is no YAML",
        "- 1": "does not name the classes",
        "names: [a]": "names no pictures",
        "names: [a, a]\ntrain: images/train": "no list of different classes",
        "names: {x: a}\ntrain: images/train": "no list of different classes",
        "names: [a]\ntrain: images/nothing": r"there is no .*images/nothing",
        "names: [a]\ntrain: images/train\nkpt_shape: 3": "kpt_shape is 3",
        "names: !!python/object/apply:os.getcwd []\ntrain: x": "this is no YAML",
    }.items():
        (home / "data.yaml").write_text(text)
        with pytest.raises(BadInput, match=said):
            yolo.read(home)


def test_only_the_last_images_of_a_path_is_replaced(tmp_path):
    path = tmp_path / "images" / "my" / "images" / "images.png"
    assert yolo.labels_of(path) == tmp_path / "images" / "my" / "labels" / "images.txt"
    assert yolo.labels_of(tmp_path / "flat" / "a.png") == tmp_path / "flat" / "a.txt"


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_the_size_of_a_turned_picture_is_that_of_the_upright_one(tmp_path, ending):
    path = tmp_path / f"turned.{ending}"
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    assert size_of(path) == (40, 20)
    Image.new("RGB", (40, 20)).save(path)
    assert size_of(path) == (20, 40)


def test_the_three_forms_of_what_make_writes_agree(tmp_path):
    bowl = recipe_of(objects["fruit-bowl"])
    plan = Plan(yolo=True)
    write_dataset(tmp_path, Wish((bowl,), count=12, formats=(), size=96, supersample=1), plan)
    forms = [yolo.read(tmp_path / "data.yaml"), coco.read(tmp_path / "coco.json"), table.read(tmp_path)]
    assert [f.problems for f in forms] == [()] * 3
    by_file = [{name: f.take([i]) for i, name in enumerate(f.names())} for f in forms]
    for name, first in by_file[0].items():
        for other in by_file[1:]:
            (same,) = (d for n, d in other.items() if n.endswith(name.rpartition("/")[2]))
            assert same.boxes[0].kinds == first.boxes[0].kinds
            assert np.abs(same.boxes[0].corners - first.boxes[0].corners).max() < 1e-3
            assert same.columns["tags"] == first.columns["tags"]
        (listed,) = (d for n, d in by_file[2].items() if n.endswith(name.rpartition("/")[2]))
        assert first.split == listed.split


def test_the_size_of_a_png_is_read_without_decoding_it(tmp_path):
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:200])
    assert size_of(path) == (30, 50)
