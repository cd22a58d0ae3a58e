"""``pellucid.anchors``: boxes from data sets and tables, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.report.look import look_of
from pellucid.report.plain import dumps, plain
from pellucid.tasks.boxes.sizes import sizes_of
from pellucid.tasks.detecting.anchoring import anchors_of


def table(count: int = 120) -> np.ndarray:
    rng = np.random.default_rng(0)
    kinds = np.array([[10, 20], [60, 40], [150, 150]])[rng.integers(0, 3, count)]
    return (kinds * np.exp(0.2 * rng.standard_normal((count, 2)))).round(2)


def coco(folder: Path, *, split: bool = False) -> Path:
    """Six pictures of 40 × 80 with three boxes each; with ``split`` only the first four are to be trained on."""
    rng = np.random.default_rng(0)
    told: dict[str, dict[str, list]] = {}
    for i in range(6):
        name = "instances_val.json" if split and i > 3 else "instances_train.json"
        own = told.setdefault(name, {"images": [], "annotations": [], "categories": [{"id": 1, "name": "thing"}]})
        Image.fromarray(rng.integers(0, 255, (40, 80, 3), np.uint8)).save(folder / f"{i}.png")
        own["images"].append({"id": i, "file_name": f"{i}.png", "height": 40, "width": 80})
        for j in range(3):
            box = [0, 0, 4 + 2 * i + j, 10 + 3 * j + i]
            own["annotations"].append({"id": 10 * i + j, "image_id": i, "category_id": 1, "bbox": box})
    for name, own in told.items():
        (folder / name).write_text(json.dumps(own))
    return folder


def test_boxes_of_pictures_as_a_detector_sees_them(tmp_path: Path) -> None:
    folder = coco(tmp_path)
    own = sizes_of(folder)
    assert (len(own.sizes), own.pictures, own.unit) == (18, 6, "the pictures' own pixels")
    assert own.groups.tolist() == np.repeat(np.arange(6), 3).tolist()
    assert own.sizes[:3].tolist() == [[4, 10], [5, 13], [6, 16]]
    fitted = sizes_of(folder, (640, 640))
    np.testing.assert_allclose(fitted.sizes, own.sizes * 8)  # 80 pixels of width become 640
    squeezed = sizes_of(folder, (160, 640), squeeze=True)
    np.testing.assert_allclose(squeezed.sizes, own.sizes * [8, 4])
    assert "squeezed to 160 × 640" in squeezed.unit


def test_only_boxes_to_train_on_are_looked_at(tmp_path: Path) -> None:
    data = pellucid.dataset(coco(tmp_path, split=True))
    assert set(data.split or ()) == {"train", "val"}
    assert sizes_of(data).pictures == 4


def test_boxes_without_area_are_left_out_and_told(tmp_path: Path) -> None:
    data = pellucid.dataset(coco(tmp_path))
    assert data.boxes is not None
    data.boxes[0].corners[0] = [3, 3, 3, 9]  # type: ignore[union-attr]
    found = sizes_of(data)
    assert len(found.sizes) == 17
    assert found.notes == ("1 of 18 boxes have no area and are left out.",)
    assert pellucid.anchors(data, 3, most=4, restarts=2).notes == found.notes


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (path,) = coco(tmp_path).rglob("*.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    told["annotations"][0]["bbox"][2] = float("nan")
    path.write_text(json.dumps(told), encoding="utf-8")
    (note,) = sizes_of(pellucid.dataset(tmp_path)).notes
    assert note.startswith("Left out: ")
    assert "its bbox is" in note


@pytest.mark.parametrize("name", ["b.npy", "b.csv", "named.csv", "b.tsv", "b.npz:sizes"])
def test_tables_of_widths_and_heights(name: str, tmp_path: Path) -> None:
    sizes = table(30)
    np.save(tmp_path / "b.npy", sizes)
    np.savetxt(tmp_path / "b.csv", sizes, delimiter=",")
    np.savetxt(tmp_path / "named.csv", sizes, delimiter=",", header="width,height", comments="")
    np.savetxt(tmp_path / "b.tsv", sizes, delimiter="\t")
    np.savez(tmp_path / "b.npz", sizes=sizes, others=np.zeros(3))
    found = sizes_of(str(tmp_path / name))
    np.testing.assert_allclose(found.sizes, sizes)
    assert (found.unit, found.pictures) == ("the file's own unit", 30)


def test_the_view_says_what_the_anchors_are_worth() -> None:
    sizes = table()
    view = pellucid.anchors(sizes, 6, most=8, restarts=3)
    assert view["anchors"].shape == (6, 2)
    assert (np.diff(view["anchors"].prod(1)) > 0).all()
    assert [row["level"] for row in view.table] == [1, 1, 2, 2, 3, 3]
    assert sum(row["boxes"] for row in view.table) == 120
    assert view["curve"][5] == view["overlap"].mean() == view.options["figures"]["average_iou"]["value"]
    assert sum(row["iou"] * row["share"] for row in view.table) == pytest.approx(view["curve"][5])
    assert view.options["paste"][0] == np.rint(view["anchors"][:2]).astype(int).ravel().tolist()
    figures = view.options["figures"]
    assert figures["held_out_iou"]["value"] < figures["average_iou"]["value"]
    for other in view.options["rivals"].values():
        assert other["better_by"]["value"] == pytest.approx(view["curve"][5] - other["value"])
    again = pellucid.anchors(sizes, 6, most=8, restarts=3)
    assert view == again
    assert json.loads(dumps(plain(view.options)))["k"] == 6


def test_a_view_is_kept(tmp_path: Path) -> None:
    view = pellucid.anchors(table(40), 2, most=3, restarts=1)
    loaded = pellucid.load(view.save(tmp_path / "a.npz"))
    assert loaded["anchors"].tobytes() == view["anchors"].tobytes()
    look_of("anchors").figure(loaded)
    look_of("anchors").words(loaded)


@pytest.mark.parametrize(("scale", "first"), [(1.0, int), (0.01, float), (0.0001, float)])
def test_lists_to_paste_are_whole_pixels_where_those_are_fine_enough(scale: float, first: type) -> None:
    view = pellucid.anchors(table() * scale, 3, most=3, restarts=1)
    numbers = [v for level in view.options["paste"] for v in level]
    assert all(isinstance(v, first) for v in numbers)
    np.testing.assert_allclose(numbers, view["anchors"].ravel(), rtol=0.1)


def test_few_boxes_of_one_picture_have_no_interval(tmp_path: Path) -> None:
    data = pellucid.dataset(coco(tmp_path)).take([2])
    view = pellucid.anchors(data, 2, most=3, restarts=1)
    assert "held_out_iou" not in view.options["figures"]
    assert view.options["figures"]["average_iou"]["low"] is None
    said = look_of("anchors").words(view)
    assert "Only 3 boxes for 2 anchors" in said[0].text
    look_of("anchors").figure(view)


def test_more_anchors_than_the_draw_has_different_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = np.concatenate([np.full((400, 2), 50.0), table(12)])
    monkeypatch.setattr("pellucid.tasks.boxes.anchors.DRAWN", 60)
    view = pellucid.anchors(sizes, 10, most=10, restarts=1)
    assert len(view["anchors"]) == 10
    assert len(view["curve"]) < 10
    look_of("anchors").figure(view)
    assert look_of("anchors").words(view)


# -- words and figure -----------------------------------------------------------------------------


def said(view: object) -> str:
    return " ".join(s.text for s in look_of("anchors").words(view))  # type: ignore[arg-type]


def test_the_words_give_lists_to_paste_recalls_and_rivals() -> None:
    view = pellucid.anchors(table(), 6, most=8, restarts=3)
    text = said(view)
    first = view.options["paste"][0]
    assert f"[{first[0]},{first[1]}, {first[2]},{first[3]}]" in text
    for word in ("Best possible recall", "YOLOv3's for COCO (9)", "6 by Euclidean K-means", "One anchor for all"):
        assert word in text
    assert "boxes that they were not fitted to" in text
    drawn = look_of("anchors").figure(view)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert [len(drawn.axes), titles[1]] == [3, "The anchors, to scale"]


def test_what_training_takes_is_written_as_it_takes_it(tmp_path: Path) -> None:
    path = coco(tmp_path)
    view = pellucid.anchors(path, 9, size=(64, 64), squeeze=True, most=9, restarts=2)
    told = said(view).split("--anchors ")[1].split(" ")[0]
    np.testing.assert_allclose(anchors_of(told, np.empty((0, 2))).reshape(-1, 2), view["anchors"] / 64, rtol=1e-3)
    assert "--anchors" not in said(pellucid.anchors(path, 9, size=(64, 64), most=9, restarts=2)), "shares are not known"


def test_own_anchors_that_bring_nothing_are_told() -> None:
    from pellucid.tasks.boxes.rivals import COCO

    rng = np.random.default_rng(0)
    sizes = np.repeat(np.array(COCO, float), 40, 0) * rng.uniform(0.98, 1.02, (360, 2))
    levels = [s.level for s in look_of("anchors").words(pellucid.anchors(sizes, restarts=5, most=9))]
    assert "warning" in levels
    assert "bring next to nothing here" in said(pellucid.anchors(sizes, restarts=5, most=9))
    assert "bring next to nothing" not in said(pellucid.anchors(table(), restarts=2, most=9))


def test_boxes_out_of_reach_are_a_warning() -> None:
    sizes = np.concatenate([np.full((90, 2), 10.0) * np.linspace(0.9, 1.1, 90)[:, None], [[500.0, 500.0]] * 10])
    view = pellucid.anchors(sizes, 1, most=1, restarts=2)
    assert "10 % of the boxes have no anchor within 4 times" in said(view)
    look_of("anchors").figure(view)


def test_bad_input(tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", table(30))
    np.save(tmp_path / "zero.npy", table(30) * [1, 0])
    (tmp_path / "none").mkdir()
    for kind in ("a", "b"):
        (tmp_path / "none" / kind).mkdir()
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "none" / kind / "x.png")
    cases = [
        ("absent", {}, "there is no such file or folder"),
        ("none", {}, "the data tell of no boxes"),
        ("b.npy", {"size": 640}, "does not know its pictures"),
        ("zero.npy", {}, "zero.npy: 30 of 30 sizes are not positive"),
        ("b.npy", {"k": 31}, "31 anchors for boxes of 30 different sizes"),
        ("b.npy", {"k": 0}, "0 anchors"),
        ("b.npy", {"k": 2, "levels": 3}, "3 levels for 2 anchors"),
        ("b.npy", {"update": "mode"}, "update is 'mode'"),
        ("none", {"size": 0}, "a size of 0 × 0"),
    ]
    for name, options, message in cases:
        with pytest.raises(BadInput) as error:
            pellucid.anchors(str(tmp_path / name), **options)
        assert message in str(error.value)
