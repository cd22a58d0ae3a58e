"""A folder to train from: the table is read by the product's own reader, and every truth agrees with every other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.data.folders import pictures_in
from pellucid.data.labels import matched, read_columns
from pellucid.synth import truth
from pellucid.synth.dataset import Plan, run_lengths, write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.outlines import area
from pellucid.synth.recipe import recipe

PLAN = Plan(held_out=({"type": "ball", "landmarks": "2"},), yolo=True)


def decoded(told: dict[str, Any]) -> np.ndarray:
    """COCO's run lengths as a mask, literally."""
    height, width = told["size"]
    flat: list[bool] = []
    for k, count in enumerate(told["counts"]):
        flat += [bool(k % 2)] * count
    return np.array(flat).reshape(width, height).T


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Wish, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("set")
    plates = recipe("landmark-plate").with_ranges({"landmarks": (1, 3), "posts": (1, 3)})
    wish = Wish((plates,), count=24, seed=3, size=96, supersample=1)
    return folder, wish, write_dataset(folder, wish, PLAN)


def test_the_table_is_what_was_made(made: tuple[Path, Wish, dict[str, Any]]) -> None:
    folder, wish, told = made
    sources = pictures_in([str(folder / "images")])
    columns = matched(read_columns(folder / "labels.csv"), sources, where="labels.csv")
    assert len(sources) == told["images"] == 24
    by_name = {f"landmark-plate-{s.number:05d}": s for s in wish.scenes()}
    for k, source in enumerate(sources):
        scene = by_name[Path(source).stem]
        picture = scene.render(96)
        assert (np.asarray(Image.open(source)) == picture.image).all()
        assert Path(source).parent.name == columns["landmarks"][k] == str(scene.labels["landmarks"])
        assert columns["class"][k] == scene.labels["class"]
        assert int(columns["seen_landmark"][k]) == truth.counts(picture)["landmark"]
        points = np.array(json.loads(columns["points"][k])).reshape(-1, 2)
        np.testing.assert_allclose(points, truth.points(picture), atol=1e-3)
        boxes = json.loads(columns["boxes"][k])
        assert [b[1:] for b in boxes] == [list(b) for b in truth.boxes(picture).values()]
        assert set(columns["tags"][k].split(";")) == {b[0] for b in boxes}


def test_masks_agree_with_the_parts(made: tuple[Path, Wish, dict[str, Any]]) -> None:
    folder, wish, told = made
    names = json.loads((folder / "classes.json").read_text())
    assert names == ["background", *told["kinds"]]
    for scene in wish.scenes():
        labels = np.asarray(Image.open(folder / f"masks/landmark-plate-{scene.number:05d}.png"))
        picture = scene.render(96)
        for kind in scene.kinds:
            assert ((labels == names.index(kind)) == truth.mask(picture, kind)).all()


def test_coco_agrees_with_the_masks(made: tuple[Path, Wish, dict[str, Any]]) -> None:
    folder, _, told = made
    coco = json.loads((folder / "coco.json").read_text())
    files = {i["id"]: i for i in coco["images"]}
    names = {c["id"]: c["name"] for c in coco["categories"]}
    assert [names[k + 1] for k in range(len(names))] == told["kinds"]
    held = {"list": 0, "dict": 0}
    for each in coco["annotations"]:
        image = files[each["image_id"]]
        labels = np.asarray(Image.open(folder / "masks" / Path(image["file_name"]).name))
        x, y, w, h = each["bbox"]
        assert (labels[y : y + h, x : x + w] == each["category_id"]).sum() >= each["area"] >= truth.SEEN
        lines = each["segmentation"]
        held[type(lines).__name__] += 1
        if isinstance(lines, list):
            assert sum(area([*zip(line[::2], line[1::2], strict=True)]) for line in lines) == each["area"]
            xs, ys = (np.concatenate([line[k::2] for line in lines]) for k in (0, 1))
            assert (xs.min(), ys.min(), xs.max(), ys.max()) == (x, y, x + w, y + h)
        else:
            mask = decoded(lines)
            assert mask.sum() == each["area"]
            assert (labels[mask] == each["category_id"]).all()
    assert min(held.values()) > 0  # with holes and without


def test_yolo_agrees_with_coco(made: tuple[Path, Wish, dict[str, Any]]) -> None:
    folder, _, _ = made
    coco = json.loads((folder / "coco.json").read_text())
    for image in coco["images"]:
        text = (folder / image["file_name"].replace("images/", "labels/")).with_suffix(".txt").read_text()
        theirs = [a for a in coco["annotations"] if a["image_id"] == image["id"]]
        for line, each in zip(text.splitlines(), theirs, strict=True):
            kind, *box = map(float, line.split())
            x, y, w, h = np.array(each["bbox"]) / 96
            assert kind == each["category_id"] - 1
            np.testing.assert_allclose(box, [x + w / 2, y + h / 2, w, h], atol=1e-6)
    listed = [n for s in ("train", "val", "test", "held_out") for n in (folder / f"{s}.txt").read_text().split()]
    assert sorted(listed) == sorted(f"./{i['file_name']}" for i in coco["images"])


def test_held_out_combinations_are_in_no_other_split(made: tuple[Path, Wish, dict[str, Any]]) -> None:
    rows = read_columns(made[0] / "labels.csv")
    facts = [json.loads(line) for line in (made[0] / "objects.jsonl").read_text().splitlines()]
    for split, fact in zip(rows["split"], facts, strict=True):
        meant = fact["parameters"]["type"] == "ball" and fact["labels"]["landmarks"] == 2
        assert (split == "held_out") == meant
    assert {"train", "held_out"} <= set(rows["split"])


def test_splits_have_their_shares_and_stay_when_more_are_made() -> None:
    plan = Plan({"train": 0.6, "val": 0.1, "test": 0.3})
    scene = recipe("knife").make(0)
    splits = [plan.split(scene.replace(number=n)) for n in range(3000)]
    for name, share in plan.splits.items():
        assert splits.count(name) / 3000 == pytest.approx(share, abs=0.03)


def test_several_objects_are_sorted_by_object(tmp_path: Path) -> None:
    told = write_dataset(tmp_path, Wish((recipe("knife"), recipe("coin")), count=2, size=48, supersample=1), Plan())
    assert told["classes"] == {"knife": 2, "coin": 2}
    rows = read_columns(tmp_path / "labels.csv")
    assert rows["facing"][:2] == ["", ""]
    assert set(rows["facing"][2:]) <= {"left", "right"}
    assert rows["seen_head"] == ["0", "0", "1", "1"]


def test_run_lengths() -> None:
    rng = np.random.default_rng(0)
    for mask in (rng.random((5, 7)) < 0.5, np.zeros((2, 3), bool), np.ones((2, 3), bool)):
        told = run_lengths(mask)
        assert sum(told["counts"]) == mask.size
        assert (decoded(told) == mask).all()


def test_what_cannot_be_held_out() -> None:
    with pytest.raises(pellucid.BadInput, match="type"):
        Plan(held_out=({"tpye": "van"},)).check((recipe("vehicle"),))


def test_objects_of_one_number_tell_nothing_of_each_other() -> None:
    names, count = ("apple", "knife", "vehicle"), 2000
    drawn = {n: [recipe(n).draw(0, k) for k in range(count)] for n in names}
    plan, scenes = Plan(), {n: recipe(n).make(0) for n in names}
    splits = {n: [plan.split(s.replace(number=k)) == "train" for k in range(count)] for n, s in scenes.items()}
    for one, other in (names[:2], names[1:]):
        for wanted in ("turn", "zoom", "light", "size"):
            pair = [d[wanted] for d in drawn[one]], [d[wanted] for d in drawn[other]]
            assert abs(np.corrcoef(*pair)[0, 1]) < 0.08, wanted
        assert abs(np.corrcoef(splits[one], splits[other])[0, 1]) < 0.08
        same = sum(a["backdrop"] == b["backdrop"] for a, b in zip(drawn[one], drawn[other], strict=True))
        assert same / count == pytest.approx(0.25, abs=0.04)
    for name in names:  # and no backdrop is any object's own
        found = [d["backdrop"] for d in drawn[name]]
        assert all(found.count(b) / count == pytest.approx(0.25, abs=0.04) for b in set(found))
