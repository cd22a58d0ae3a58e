"""COCO's files: tags, boxes, outlines, keypoints; what is malformed is told by its id."""

import json

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.data.masks import read_mask
from pellucid.data.sets import coco, mask_folders, table
from pellucid.data.sets.checks import inspect
from pellucid.data.sets.opening import dataset, form_of
from pellucid.synth.dataset import Plan, write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects
from pellucid.synth.truth import SEEN

SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]


def entry(id_=1, image=1, category=1, **more):
    return {"id": id_, "image_id": image, "category_id": category, "bbox": [2, 3, 10, 6], **more}


def write(path, annotations, images=("a.png", "b.png"), categories=("cat", "dog")):
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "images": [{"id": k, "file_name": n, "width": 40, "height": 30} for k, n in enumerate(images, start=1)],
        "annotations": annotations,
        "categories": [{"id": k, "name": n} for k, n in enumerate(categories, start=1)],
    }
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path):
    for k, name in enumerate("ab"):
        Image.new("RGB", (40, 30), (k, 40, 90)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_objects_become_tags_boxes_outlines_and_points(home):
    keypoints = [1, 2, 2, 0, 0, 0, 5, 6, 1]
    path = write(
        home / "coco.json",
        [
            entry(1, segmentation=[SQUARE], keypoints=keypoints),
            entry(2, category=2, segmentation={"counts": [0, 1200], "size": [30, 40]}),
            entry(3, category=1),
            entry(4, image=2, category=2, iscrowd=1),
        ],
    )
    data = coco.read(path)
    assert data.problems == ()
    assert data.columns["tags"] == ("cat;dog", "dog")
    assert data.label == "tags"
    assert data.split is None
    assert data.rows == ("coco.json, image 1", "coco.json, image 2")
    assert data.boxes[0].kinds == ("cat", "dog", "cat")
    assert data.boxes[0].corners[0].tolist() == [2, 3, 12, 9]
    assert data.boxes[1].kinds == ("dog",)
    assert [data.asked_boxes(i).tolist() for i in (0, 1)] == [[True, True, True], [False]], "nobody counts a crowd"
    square, whole, nothing = data.outlines[0]
    assert square.mask(30, 40).sum() == 60
    assert whole.mask(30, 40).all()
    assert nothing is None
    assert np.array_equal(data.points[0], [[1, 2], [np.nan, np.nan], [5, 6]], equal_nan=True)
    assert data.points[1] is None
    assert data.take([1]).outlines == ((None,),)


def test_points_are_not_asked_for_where_nobody_marked_them(home):
    """A crowd; and as COCO's own scores have it, an object of which no point is labelled."""
    none, some = [0] * 6, [1, 2, 2, 0, 0, 0]
    marks = [entry(1, keypoints=some), entry(2, keypoints=none), entry(3, iscrowd=1, keypoints=none)]
    marks += [entry(4, category=2), entry(5, category=2, iscrowd=1), entry(6, image=2, iscrowd=1)]
    data = coco.read(write(home / "coco.json", marks))
    assert [sorted(boxes.unpointed) for boxes in data.boxes] == [[1, 2], [0]], "dogs have no points anywhere"
    assert [len(points) for points in data.points] == [4, 0]


def test_a_box_is_taken_from_the_outline_where_it_is_not_told(home):
    told = entry(segmentation=[SQUARE, [20, 20, 25, 20, 25, 28]])
    del told["bbox"]
    assert coco.read(write(home / "coco.json", [told])).boxes[0].corners.tolist() == [[2, 3, 25, 28]]


MALFORMED = {
    "there is no image 7": entry(image=7),
    "there is no image [1]": entry(image=[1]),
    "there is no category None": entry(category=None),
    "its bbox is '[1, 2, 3]', not 4 numbers": entry(bbox=[1, 2, 3]),
    "its bbox is '[1, 2, 3, nan]', not 4 numbers": entry(bbox=[1, 2, 3, float("nan")]),
    "a polygon has 7 numbers": entry(segmentation=[SQUARE[:7]]),
    "its segmentation is neither": entry(segmentation="x"),
    "its run lengths have no counts": entry(segmentation={"size": [30, 40]}),
    "its keypoints are 4 numbers": entry(keypoints=[1, 2, 2, 3]),
    "it has no bbox": {"id": 1, "image_id": 1, "category_id": 1},
}


@pytest.mark.parametrize("said", MALFORMED)
def test_a_malformed_annotation_is_told_and_the_others_are_kept(home, said):
    data = coco.read(write(home / "coco.json", [MALFORMED[said], entry(2, image=2)]))
    assert data.columns["tags"] == ("", "cat")
    (problem,) = data.problems
    assert problem.where == "coco.json, annotation 1"
    assert problem.what.startswith(said)
    assert problem.fatal
    assert inspect(data, None)[0] == problem


def test_ids_that_are_missing_or_twice_and_missing_pictures_are_told(home):
    path = write(home / "coco.json", [entry(), entry(), {"bbox": [1, 2, 3, 4]}], images=("a.png", "c.png"))
    told = {p.where: p.what for p in coco.read(path).problems}
    assert told["coco.json, annotation 1"] == "its id is there twice"
    assert told["coco.json, annotation in place 2"] == "it has no id"
    assert "c.png: there is no such file" in told["coco.json, image 2"]
    with pytest.raises(BadInput, match="it tells of no pictures"):
        coco.read(write(home / "coco.json", [], images=()))
    with pytest.raises(BadInput, match="none of its pictures can be used"):
        coco.read(write(home / "coco.json", [], images=("x.png",)))


@pytest.mark.parametrize("id_", [[1], {}, None])
def test_a_category_without_a_usable_id_is_told(home, id_):
    path = write(home / "coco.json", [entry()])
    told = json.loads(path.read_text())
    told["categories"].append({"id": id_, "name": "cow", "keypoints": ["horn"]})
    path.write_text(json.dumps(told))
    data = coco.read(path)
    assert [p.what for p in data.problems] == ["it has no id"]
    assert data.columns["tags"] == ("cat", "")


def test_what_is_no_coco_file_is_said(home):
    path = home / "coco.json"
    path.write_text("{")
    with pytest.raises(BadInput, match="this is no JSON"):
        coco.read(path)
    path.write_text("[1]")
    with pytest.raises(BadInput, match="no list of images or annotations or categories"):
        coco.read(path)


def test_folders_of_coco_and_of_labelling_tools_are_recognised_with_their_splits(home, tmp_path):
    layout = tmp_path / "coco"
    for split, names in (("train", ("a.png", "b.png")), ("val", ("c.png",))):
        write(layout / "annotations" / f"instances_{split}2017.json", [entry()], images=names)
        write(layout / "annotations" / f"captions_{split}2017.json", [])
        (layout / f"{split}2017").mkdir()
        for name in names:
            Image.new("RGB", (40, 30)).save(layout / f"{split}2017" / name)
    assert coco.recognises(layout)
    data = coco.read(layout)
    assert data.split == ("train", "train", "val")
    assert data.rows[2] == "instances_val2017.json, image 1"
    exported = tmp_path / "exported"
    for split in ("train", "valid"):
        write(exported / split / "_annotations.coco.json", [entry()], images=("a.png",))
        Image.new("RGB", (40, 30)).save(exported / split / "a.png")
    assert coco.recognises(exported)
    assert coco.read(exported).split == ("train", "val")
    assert not coco.recognises(tmp_path / "coco" / "val2017")
    write(home / "coco_a.json", [])
    write(home / "coco_b.json", [])
    with pytest.raises(BadInput, match=r"several files of annotations could be meant: coco_a\.json, coco_b\.json"):
        coco.read(home)


def test_what_make_writes_is_read_back_box_for_box_and_pixel_for_pixel(tmp_path):
    bowl = recipe_of(objects["fruit-bowl"])
    write_dataset(tmp_path, Wish((bowl,), count=3, seed=1, formats=(), size=96, supersample=1), Plan())
    data, known = coco.read(tmp_path / "coco.json"), table.read(tmp_path)
    assert data.columns["tags"] == known.columns["tags"]
    kinds = json.loads((tmp_path / "classes.json").read_text())
    for i in range(3):
        assert data.boxes[i].kinds == known.boxes[i].kinds
        assert np.array_equal(data.boxes[i].corners, known.boxes[i].corners)
        drawn = np.zeros((96, 96), np.int32)
        for kind, outline in zip(data.boxes[i].kinds, data.outlines[i], strict=True):
            drawn[outline.mask(96, 96)] = kinds.index(kind)
        mask = read_mask(known.masks[i])
        assert np.array_equal(drawn[drawn > 0], mask[drawn > 0])
        assert ((drawn == 0) & (mask > 0)).sum() < SEEN  # of what is hardly seen nothing is told
    assert inspect(data, None, needs=("boxes",)) == ()


@pytest.mark.parametrize("name", ["person_keypoints.json", "annotations.json", "mine.json"])
def test_a_folder_is_read_by_its_file_of_whatever_name(name, home):
    write(home / name, [entry(1), entry(2, image=2)])
    (home / "notes.json").write_text('{"images": 3}', encoding="utf-8")
    assert form_of(home) is coco
    assert dataset(home).columns["tags"] == ("cat", "cat")
    (home / "images").mkdir()
    (home / "masks").mkdir()
    for folder in ("images", "masks"):
        Image.new("L", (40, 30)).save(home / folder / "a.png")
    assert form_of(home) is mask_folders, "whoever has masks means these"


def test_an_outline_outside_of_its_picture_is_told(home):
    far, below = [50, 3, 60, 3, 60, 9], [2, 31, 12, 31, 12, 39]
    shapes = [[SQUARE], [far], [below], [[-5, 3, 12, 3, 12, 9]], {"counts": [600], "size": [20, 30]}]
    path = write(home / "coco.json", [entry(k, segmentation=shape) for k, shape in enumerate(shapes, start=1)])
    told = [(p.what, p.fatal) for p in inspect(coco.read(path), None, needs=("masks",)) if "outline" in p.what]
    assert told == [
        ("outline 1 (within 50, 3, 60, 9) lies outside the picture, 40 × 30", True),
        ("outline 2 (within 2, 31, 12, 39) lies outside the picture, 40 × 30", True),
        ("outline 4: the run lengths are of a picture of 30 × 20, and this one is 40 × 30", True),
    ]
    assert not any(p.fatal for p in inspect(coco.read(path), None, needs=("boxes",))), "boxes are not about outlines"
