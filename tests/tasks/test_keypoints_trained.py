"""A U-Net that learns where dots and bars are: trained, evaluated, made to point, and looked into."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import pellucid
from pellucid.cli.main import app
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.report.look import figure_of, look_of
from pellucid.tasks.landmarks.matching import matched
from pellucid.training import runs
from pellucid.training.answering import answers
from pellucid.training.plan import Plan
from pellucid.training.runs import Run
from pellucid.training.setup import prepare
from pellucid.training.train import fit, train

CHOICES: dict[str, Any] = {
    "task": "keypoints",
    "model": "unet:8x3",
    "epochs": 14,
    "batch": 4,
    "lr": 0.003,
    "backbone_lr": 1.0,
    "shares": (0.6, 0.2, 0.2),
    "options": {"radius": 0.08},
}
SIDE = 24


def write(folder: Path, count: int = 60, *, seed: int = 0) -> Path:
    """Bright dots and dark crosses between pixels, up to three of each, none in every tenth picture, as a table."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "points"])
        for i in range(count):
            pixels, told = rng.uniform(105, 135, (SIDE, SIDE)), []
            wanted = 0 if i % 10 == 7 else int(rng.integers(1, 6))
            while len(told) < wanted:
                x, y = rng.uniform(2, SIDE - 2, 2)
                if any(np.hypot(x - a, y - b) < 6 for _, a, b in told):
                    continue
                kind = ("dot", "hole")[len(told) % 2]
                spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 3)
                pixels += (100 if kind == "dot" else -100) * spot
                told.append([kind, round(float(x), 3), round(float(y), 3)])
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{i:03}.png")
            table.writerow([f"{i:03}.png", json.dumps(told)])
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    return write(place / "dots").parent


@pytest.fixture(scope="module")
def run(folder: Path, place: Path) -> Run:
    return train(folder / "labels.csv", out=place / "run", **CHOICES)


def data_of(folder: Path) -> Dataset:
    return pellucid.dataset(folder / "labels.csv")


def test_rows_that_name_no_file_are_told(run: Run, folder: Path, tmp_path: Path) -> None:
    some = shutil.copytree(folder, tmp_path / "some")
    with (some / "labels.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["gone.png", "[]"])
    with pytest.raises(BadInput, match=r"gone\.png: there is no such file"):
        pellucid.evaluate(run, some / "labels.csv")


def test_the_network_is_opened_once(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, real = [], runs.open
    monkeypatch.setattr(runs, "open", lambda name: opened.append(name) or real(name))
    pellucid.evaluate(run, folder / "labels.csv")
    assert len(opened) == 1
    pellucid.predict(run, folder / "000.png")
    assert len(opened) == 2


# -- learning -------------------------------------------------------------------------------------


def test_dots_and_holes_are_found(run: Run) -> None:
    rows = {(r["split"], r["metric"]): r for r in run.summary["scores"]}
    found = rows["test", "f1"]
    assert found["value"] > 0.85
    assert found["value_low"] <= found["value"] <= found["value_high"]
    assert found["baseline"] < 0.2
    assert rows["test", "distance"]["value"] < 0.4
    assert rows["test", "count_mae"]["value"] < 0.5 < rows["test", "count_mae"]["baseline"]
    assert [(r["label"], r["what"]) for r in run.summary["classes"]] == [("point", "dot"), ("point", "hole")]
    assert run.summary["classes"][0]["train"] > 30
    assert set(run.task.rule) == {"thresholds", "area"}
    assert len(run.task.rule["thresholds"]) == 2


def test_a_run_opens_again_with_everything_that_it_was_trained_for(run: Run, folder: Path) -> None:
    again = Run.open(run.folder)
    assert again.task.classes == ("dot", "hole")
    assert again.network.classes == ("dot", "hole")
    assert again.task.rule == run.task.rule
    setup = prepare(data_of(folder), again.plan)
    given = answers(again.network, again.task, setup.test)
    value = again.task.scores(setup.test.targets.numpy(), given, again.task.rule)["f1"]
    told = next(r for r in run.summary["scores"] if (r["split"], r["metric"]) == ("test", "f1"))
    assert value == pytest.approx(told["value"], abs=1e-6)


@pytest.mark.parametrize("options", [{"loss": "focal"}, {"refine": "quarter"}, {"sigma": 2.0, "radius": 0.1}])
def test_every_choice_learns(options: dict[str, Any], folder: Path) -> None:
    own = Plan.of({**CHOICES, "epochs": 4, "augment": ("flip", "shift", "light"), "options": options})
    fitted = fit(prepare(data_of(folder), own, check=False))
    losses = [row["loss"] for row in fitted.rows]
    assert losses[-1] < 0.85 * losses[0]
    assert np.isfinite(fitted.rows[-1]["val_f1"])


def test_heatmaps_of_the_focal_loss_are_no_map_of_regions(folder: Path) -> None:
    data = pellucid.dataset(folder)
    plan = Plan.of({**CHOICES, "epochs": 1, "options": {"loss": "focal"}})
    net = fit(prepare(data, plan)).network
    x = net.input.tensor(data[0])[0][None]
    with torch.no_grad():
        highest = net.module(x).sigmoid().amax((2, 3))[0]
    told = {name: value for _, name, value in net.predict(x)[0]}
    assert told == pytest.approx({"dot": float(highest[0]), "hole": float(highest[1])}, abs=1e-5)
    assert net.gives_heatmaps


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        own = {**CHOICES, "epochs": 1, "augment": ("flip", "rotate")}
        train(folder / "labels.csv", out=tmp_path / name, **own)
    assert (tmp_path / "one/best.safetensors").read_bytes() == (tmp_path / "two/best.safetensors").read_bytes()


def test_networks_of_the_fields_library_may_learn(tmp_path: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    own = {**CHOICES, "model": "smp:unet-resnet18", "weights": "none", "epochs": 1, "lr": 0.001, "size": (32, 32)}
    found = train(write(tmp_path / "dots", 10), out=tmp_path / "run", **own)
    assert found.network.input.shape == (1, 32, 32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "small_cnn:4"}, r"it gives 2 where keypoints needs 2 × 24 × 24"),
        ({"model": "efficientnet_lite0"}, r"it does not answer in the form that keypoints needs"),
        ({"options": {"sigma": -1.0}}, r"sigma is -1.0; pass a number above 0"),
    ],
)
def test_what_cannot_point_is_told(changes: dict[str, Any], said: str, folder: Path) -> None:
    with pytest.raises(BadInput, match=said):
        prepare(data_of(folder), Plan.of({**CHOICES, **changes}), check=False)


def test_data_without_points_and_points_outside_are_told(folder: Path) -> None:
    data = data_of(folder)
    with pytest.raises(BadInput, match=r"the data tell of no points"):
        prepare(dataclasses.replace(data, points=None, point_kinds=None), Plan.of(CHOICES))
    outside = (np.array([[3.0, 90.0]]), *(data.points or ())[1:])
    kinds = (("dot",), *(data.point_kinds or ())[1:])
    with pytest.raises(BadInput, match=r"point 0 \(3, 90\) lies outside the picture, 24 × 24"):
        prepare(dataclasses.replace(data, points=outside, point_kinds=kinds), Plan.of(CHOICES))


def test_a_picture_with_more_than_are_looked_for_is_told(run: Run, tmp_path: Path) -> None:
    steps = np.exp(-((np.arange(SIDE) + 0.5 - 4 * np.round((np.arange(SIDE) + 0.5) / 4)) ** 2) / 2)
    pixels = 115 + 110 * steps[:, None] * steps
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "many.png")
    most = 2 * run.task.vocabulary.most + 5
    view = pellucid.predict(run, tmp_path / "many.png")
    assert max(row["peaks"] for row in view.options["counts"]) == most
    (note,) = view.notes
    assert f"many.png may show more: no more than {most} landmarks of a type are looked for" in note
    assert pellucid.predict(run, Path(run.source).parent / "007.png").notes == ()


# -- evaluating -----------------------------------------------------------------------------------


def test_evaluating_what_was_kept_apart(run: Run, folder: Path) -> None:
    view = pellucid.evaluate(run, folder / "labels.csv")
    told = {(r["split"], r["metric"]): r["value"] for r in run.summary["scores"]}
    for row in view.table:
        assert row["value"] == pytest.approx(told["test", row["metric"]], abs=1e-3)
    types = {row["class"]: row for row in view.options["classes"]}
    assert set(types) == {"dot", "hole"}
    assert np.mean([r["f1"] for r in types.values()]) == pytest.approx(told["test", "f1"], abs=1e-6)
    assert view["true"].sum() == sum(r["items"] for r in types.values())
    assert view.pictures is not None
    for case in view.options["cases"]:  # what is drawn is what was scored
        hits = 0
        for kind in range(2):
            own = [np.array([p[1:3] for p in case[k] if p[0] == kind]).reshape(-1, 2) for k in ("found", "true")]
            hits += len(matched(own[0], own[1], view.options["radius"])[0])
        wrong = len(case["true"]) + len(case["found"]) - 2 * hits
        assert (wrong == 0) == ("too many" not in case["said"] and "0 of" not in case["said"] and _all_of(case["said"]))
    assert figure_of(view) is not None
    assert look_of("keypoints").mistakes_figure(view) is not None  # type: ignore[attr-defined]
    texts = " ".join(s.text for s in look_of("keypoints").words(view))
    assert "of 24 × 24 that enter the network" in texts
    assert "by the integral of the heatmap by" in texts
    assert pellucid.load(view.save(run.folder.parent / "view.npz")).table == view.table


def _all_of(said: str) -> bool:
    """Whether "dot 2 of 2, hole 1 of 1" says that all were found."""
    numbers = [part.split()[1::2] for part in said.replace(" and ", " ").split(", ") if " of " in part]
    return all(each[0] == each[1] for each in numbers)


def test_pictures_of_another_run_with_more_landmarks_can_be_judged(run: Run, tmp_path: Path) -> None:
    more = write(tmp_path / "more", 6, seed=9)
    rows = list(csv.reader(more.read_text(encoding="utf-8").splitlines()))
    rows[1][1] = json.dumps([["dot", x + 0.5, 2.5] for x in range(0, 24, 2)])
    with more.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    view = pellucid.evaluate(run, more)
    assert view["true"].max() == 12
    assert view.options["items"] == 6


# -- pointing -------------------------------------------------------------------------------------


def test_points_are_in_the_pixels_of_the_users_own_picture(run: Run, folder: Path, tmp_path: Path) -> None:
    data = data_of(folder)
    i = next(k for k, own in enumerate(data.points or ()) if own is not None and len(own) >= 3)
    Image.open(folder / f"{i:03}.png").resize((3 * SIDE, 2 * SIDE), Image.Resampling.NEAREST).save(tmp_path / "a.png")
    Image.open(folder / "007.png").save(tmp_path / "b.png")  # which shows none
    given = [str(run.folder), str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    done = CliRunner().invoke(app, ["predict", *given, "--out", str(tmp_path / "o"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    rows = [r for r in told["table"] if Path(r["name"]).stem == "a"]
    for kind in ("dot", "hole"):
        own = np.array([[r["x"], r["y"]] for r in rows if r["type"] == kind]).reshape(-1, 2)
        true = [p for p, k in zip((data.points or ())[i], (data.point_kinds or ())[i], strict=True) if k == kind]  # type: ignore[arg-type]
        _, _, distance = matched(own, np.array(true).reshape(-1, 2) * (3, 2), 3.0)
        assert len(distance) == len(true) == len(own)
    counts = {(Path(r["name"]).stem, r["type"]): r for r in told["options"]["counts"]}
    assert counts["b", "dot"]["peaks"] == counts["b", "hole"]["peaks"] == 0
    lines = (tmp_path / "o/predictions.csv").read_text().splitlines()
    assert lines[0] == "picture,type,x,y,height"
    assert len(lines) == 1 + len(told["table"])
    view = pellucid.predict(run, [tmp_path / "a.png", tmp_path / "b.png"])
    assert view.options["cases"][0]["size"] == [2 * SIDE, 3 * SIDE]
    assert figure_of(view) is not None
    assert any("“dot”" in s.text for s in look_of("landmarks").words(view))


def test_a_picture_without_any_landmark_has_no_row(run: Run, tmp_path: Path) -> None:
    flat = np.random.default_rng(0).integers(105, 135, (SIDE, SIDE), dtype=np.uint8)
    view = pellucid.predict(run, flat)
    assert view.table == ()
    assert figure_of(view) is not None
    with pytest.raises(BadInput, match="keypoints paints no masks"):
        pellucid.predict(run, flat, masks=tmp_path)


# -- looking inside -------------------------------------------------------------------------------


def test_one_landmark_of_several_can_be_explained(run: Run, folder: Path) -> None:
    data, network = data_of(folder), pellucid.open(f"run:{run.folder}")
    i = next(k for k, kinds in enumerate(data.point_kinds or ()) if kinds and kinds.count("dot") >= 2)
    dots = [p for p, k in zip((data.points or ())[i], (data.point_kinds or ())[i], strict=True) if k == "dot"]  # type: ignore[arg-type]
    picture = str(folder / f"{i:03}.png")
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    for x, y in dots:
        target = pellucid.targets.keypoint(0, near=(float(x), float(y)))
        found = pellucid.explain(network, picture, method="integrated_gradients", target=target)
        assert found.receipt.relative_gap is not None
        assert found.receipt.relative_gap < 0.05
        mass = np.abs(found.map())
        others = [mass[np.hypot(rows - b, columns - a) < 3].sum() for a, b in dots]
        assert int(np.argmax(others)) == next(k for k, p in enumerate(dots) if p[0] == x)
    all_of_them = np.abs(pellucid.explain(network, picture, method="integrated_gradients", target="dot").map())
    there = np.min([np.hypot(rows - y, columns - x) for x, y in dots], 0) < 3
    assert all_of_them[there].mean() > 1.5 * all_of_them[~there].mean()
    best = network.predict(torch.zeros(1, 1, SIDE, SIDE))[0]
    assert [name for _, name, _ in best] == ["dot", "hole"]  # each with the height of its highest peak
    wanted = [
        "--model",
        f"run:{run.folder}",
        "--target",
        "hole",
        "--method",
        "gradient",
        "--out",
        str(run.folder / "e"),
    ]
    told = CliRunner().invoke(app, ["explain", picture, *wanted])
    assert told.exit_code == 0, told.output
    with pytest.raises(BadInput, match=r"a heatmap for each type of landmark \(dot, hole\); pass one's name"):
        pellucid.explain(network, picture, method="gradient")
    output = network(torch.zeros(1, 1, SIDE, SIDE))
    with pytest.raises(BadInput, match=r"\(99, 3\) lies outside of a map of 24 × 24; give x and y in pixels"):
        pellucid.targets.keypoint(0, near=(99, 3))(output)


def test_a_target_near_a_place_reads_that_place() -> None:
    maps = torch.zeros(1, 1, 20, 30)
    maps[0, 0, 4, 5], maps[0, 0, 15, 22] = 3.0, 8.0
    near = {"near": (5.2, 4.9), "reach": 3}
    assert pellucid.targets.keypoint(0)(maps).item() == 8
    assert pellucid.targets.keypoint(0, **near)(maps).item() == 3
    sharp = 20 * maps
    assert pellucid.targets.keypoint(0, "x", **near)(sharp).item() == pytest.approx(5, abs=1e-3)
    assert pellucid.targets.keypoint(0, "y", **near)(sharp).item() == pytest.approx(4, abs=1e-3)


def test_regions_invariance_and_health_of_the_trained_network(run: Run, folder: Path) -> None:
    network = pellucid.open(f"run:{run.folder}")
    pictures = [str(p) for p in sorted(folder.glob("*.png"))[:6]]
    assert len(pellucid.regions(network, pictures[:2]).table) > 2
    assert len(pellucid.invariance(network, pictures).table) > 2
    assert len(pellucid.health(network, pictures).table) > 2


# -- plates ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_to_ten_landmarks_on_plates(tmp_path: Path) -> None:
    """What docs/keypoints.md says: F1 of at least 0.95 and less than 0.6 of 64 pixels, on plates that it never saw."""
    wanted = ["--count", "300", "--dataset", "--render", "96", "--seed", "1", "--out", str(tmp_path / "plates")]
    made = CliRunner().invoke(app, ["make", "landmark-plate", *wanted])
    assert made.exit_code == 0, made.output
    own = {**CHOICES, "model": "unet:8x4", "size": (64, 64), "epochs": 8, "batch": 8, "augment": ("flip",)}
    del own["shares"]
    found = train(tmp_path / "plates", out=tmp_path / "run", **own)
    rows = {r["metric"]: r for r in found.summary["scores"] if r["split"] == "test"}
    assert rows["f1"]["value"] > 0.95
    assert rows["distance"]["value"] < 0.6
    assert rows["count_mae"]["value"] < 0.5
    assert rows["count_mae"]["baseline"] > 2
