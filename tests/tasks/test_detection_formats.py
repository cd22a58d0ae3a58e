"""Boards as COCO and as YOLO write them: the same boxes, learnt, judged and found by the commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid
from cli.calling import call
from pellucid.synth.boards import KINDS, Board, boards

SIDE = 24
QUICK = ("--task", "detection", "--model", "grid:2", "--epochs", "1", "--batch", "8")


@pytest.fixture(scope="module")
def made() -> list[Board]:
    return boards(18, side=SIDE, figures=(1, 2), seed=4)


def as_coco(made: Sequence[Board], folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    told: dict[str, list[Any]] = {"images": [], "annotations": []}
    told["categories"] = [{"id": 10 + k, "name": name} for k, name in enumerate(KINDS)]  # ids have gaps, as COCO's do
    for i, each in enumerate(made):
        Image.fromarray(each.picture).save(folder / "images" / f"{i:03}.png")
        told["images"].append({"id": 100 + i, "file_name": f"{i:03}.png", "width": SIDE, "height": SIDE})
        for (x0, y0, x1, y1), kind in zip(each.corners.tolist(), each.kinds, strict=True):
            box = {"id": len(told["annotations"]), "image_id": 100 + i, "category_id": 10 + KINDS.index(kind)}
            told["annotations"].append(box | {"bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0})
    (folder / "coco.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / "coco.json"


def as_yolo(made: Sequence[Board], folder: Path) -> Path:
    for i, each in enumerate(made):
        part = "train" if i < 12 else "val"
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(each.picture).save(folder / "images" / part / f"{i:03}.png")
        middle = (each.corners[:, :2] + each.corners[:, 2:]) / 2 / SIDE
        sides = (each.corners[:, 2:] - each.corners[:, :2]) / SIDE
        rows = np.concatenate([middle, sides], 1).tolist()
        lines = [f"{KINDS.index(k)} {' '.join(map(repr, row))}" for k, row in zip(each.kinds, rows, strict=True)]
        (folder / "labels" / part / f"{i:03}.txt").write_text("\n".join(lines), encoding="utf-8")
    names = ", ".join(KINDS)
    (folder / "boards.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\nnames: [{names}]\n")
    return folder / "boards.yaml"


@pytest.mark.parametrize("form", [as_coco, as_yolo])
def test_boards_of_a_format_go_through_all_commands(
    form: Any, made: list[Board], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = form(made, tmp_path / "data")
    data = pellucid.dataset(source)
    told = {Path(name).name: own for name, own in zip(data.names(), data.boxes or (), strict=True)}
    for i, each in enumerate(made):
        own = told[f"{i:03}.png"]
        np.testing.assert_allclose(own.corners, each.corners, atol=1e-6)
        assert own.kinds == each.kinds

    def said(*words: object) -> dict[str, Any]:
        code, out, err = call(monkeypatch, capfd, *words, "--json")
        assert code == 0, err
        return json.loads(out)

    run, items = tmp_path / "run", sum(split == "val" for split in data.split or ())
    trained = said("train", source, *QUICK, "--out", run)
    if items:
        assert trained["options"]["items"]["val"] == items, "the format's own splits are kept"
    judged = said("evaluate", run, "--out", tmp_path / "judged")
    page = (tmp_path / "judged" / "index.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("What each level is for", "AP, overlap 0.5", "Lost without"))
    found = {row["metric"]: row for row in judged["table"]}
    assert found["map50"]["baseline_low"] <= found["map50"]["baseline"] <= found["map50"]["baseline_high"]
    assert sorted(judged["options"]["kinds"]) == sorted(KINDS)
    picture = next((tmp_path / "data").rglob("*.png"))
    seen = said("predict", run, picture, "--out", tmp_path / "seen")
    assert all(0 <= row["x0"] <= row["x1"] <= SIDE for row in seen["table"])


def test_crowds_go_through_training_and_evaluation(
    made: list[Board], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = as_coco(made, tmp_path / "data")
    told = json.loads(source.read_text(encoding="utf-8"))
    told["categories"].append({"id": 30, "name": "heap"})
    for i in range(len(made)):  # one of a kind that is taught, and one that there are only heaps of
        crowd = {"image_id": 100 + i, "iscrowd": 1, "bbox": [0, 0, SIDE, SIDE // 2]}
        told["annotations"] += [crowd | {"id": 900 + 2 * i + k, "category_id": c} for k, c in enumerate((10, 30))]
    source.write_text(json.dumps(told), encoding="utf-8")
    code, out, err = call(monkeypatch, capfd, "train", source, *QUICK, "--out", tmp_path / "run", "--json")
    assert code == 0, err
    boxes = sum(row[s] for row in json.loads(out)["classes"] for s in ("train", "val", "test"))
    assert boxes == sum(len(each.kinds) for each in made)
    words = ["evaluate", tmp_path / "run", "--split", "all", "--out", tmp_path / "judged", "--json"]
    code, out, err = call(monkeypatch, capfd, *words)
    assert code == 0, err
    options = json.loads(out)["options"]
    assert sorted(options["kinds"]) == sorted(KINDS)
    assert options["boxes"] == boxes
    assert all(case["unasked"] == [[0, 0, SIDE, SIDE // 2]] * 2 for case in options["cases"])
    assert (tmp_path / "judged" / "mistakes.png").exists()
