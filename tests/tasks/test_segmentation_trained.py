"""A U-Net that learns two shapes: trained, evaluated, made to paint, and looked into, through the public functions."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import pellucid
from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.data.dataset import Dataset
from pellucid.data.masks import read_mask
from pellucid.report.look import figure_of, look_of
from pellucid.report.looks.segmented import write_objects
from pellucid.tasks.painting import scores
from pellucid.training.answering import answers
from pellucid.training.plan import Plan
from pellucid.training.runs import Run
from pellucid.training.setup import prepare
from pellucid.training.train import fit, train
from tasks.painted import NAMES, shapes, write

CHOICES: dict[str, Any] = {
    "task": "segmentation",
    "model": "unet:4x3",
    "epochs": 24,
    "batch": 6,
    "lr": 0.03,
    "backbone_lr": 1.0,
    "shares": (0.6, 0.2, 0.2),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    return write(shapes(place / "drawn", 60), place / "shapes")


@pytest.fixture(scope="module")
def run(folder: Path, place: Path) -> Run:
    return train(folder, out=place / "run", **CHOICES)


# -- learning -------------------------------------------------------------------------------------


def test_shapes_are_learnt(run: Run) -> None:
    rows = {(r["split"], r["metric"]): r for r in run.summary["scores"]}
    found = rows["test", "dice"]
    assert found["value"] > 0.8
    assert found["value_low"] <= found["value"] <= found["value_high"]
    assert found["baseline"] < 0.2
    assert rows["test", "pixel_accuracy"]["value"] > rows["test", "pixel_accuracy"]["baseline"] > 0.7
    row = run.summary["classes"][1]
    assert (row["label"], row["what"]) == ("mask", "square")
    assert row["train"] + row["val"] + row["test"] == 48  # it is missing in every fifth of 60
    assert "--target" in run.summary["next"]["what it looks at"]


def test_a_run_opens_again_with_everything_that_it_was_trained_for(run: Run, folder: Path) -> None:
    again = Run.open(run.folder)
    task, network = again.task, again.network
    assert task.classes == tuple(NAMES.values())
    assert task.vocabulary.numbers == (0, 1, 2)
    assert network.classes == task.classes
    data = pellucid.dataset(folder)
    setup = prepare(data, again.plan)
    value = task.scores(setup.test.targets.numpy(), answers(network, task, setup.test))["dice"]
    told = next(r for r in run.summary["scores"] if (r["split"], r["metric"]) == ("test", "dice"))
    assert value == pytest.approx(told["value"], abs=1e-4)


@pytest.mark.parametrize("loss", ["bce", "dice", "ce_dice", "bce_dice"])
def test_every_loss_learns(loss: str, tmp_path: Path) -> None:
    own = Plan.of({**CHOICES, "epochs": 5, "options": {"loss": loss}})
    fitted = fit(prepare(shapes(tmp_path, 40), own, check=False))
    losses = [row["loss"] for row in fitted.rows]
    assert losses[-1] < 0.8 * losses[0]


def test_overlapping_regions_with_augmentation_go_through(tmp_path: Path) -> None:
    own = Plan.of({**CHOICES, "epochs": 2, "augment": ("flip", "shift"), "options": {"overlapping": True}})
    fitted = fit(prepare(shapes(tmp_path, 20), own, check=False))
    assert fitted.setup.targets.shape == (20, 2, 24, 24)
    assert np.isfinite(fitted.rows[-1]["val_dice"])


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    data = shapes(tmp_path / "drawn", 16)
    for name in ("one", "two"):
        train(data, out=tmp_path / name, **{**CHOICES, "epochs": 1, "augment": ("rotate", "light")})
    assert (tmp_path / "one/best.safetensors").read_bytes() == (tmp_path / "two/best.safetensors").read_bytes()


def test_a_picture_without_a_mask_teaches_nothing_and_is_not_scored(tmp_path: Path) -> None:
    data = shapes(tmp_path, 12)
    data = dataclasses.replace(data, masks=(None, *(data.masks or ())[1:]), split=("test", "test", *["train"] * 10))
    setup = prepare(data, Plan.of({**CHOICES, "epochs": 1}), check=False)
    assert (setup.targets[0] == -1).all()
    loss = setup.task.loss(torch.randn(1, 3, 24, 24), setup.targets[:1])
    assert loss.tolist() == [0]
    from pellucid.training.results import run_view

    view = run_view(fit(setup))
    assert {row["items"] for row in view.table if row["split"] == "test"} == {1}


class Own(nn.Module):
    """Somebody's own network: one convolution."""

    def __init__(self, outputs: int = 3):
        super().__init__()
        self.paint = nn.Conv2d(1, outputs, 5, padding=2)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.paint(x)}


def test_networks_of_ones_own_may_learn(tmp_path: Path) -> None:
    spec = pellucid.InputSpec((24, 24), (0.5,), (0.25,), crop=None)
    network = pellucid.open(Own(), input=spec)
    data = shapes(tmp_path, 30)
    fitted = fit(prepare(data, Plan.of({**CHOICES, "epochs": 5, "model": network.name}), model=network, check=False))
    assert fitted.rows[-1]["loss"] < fitted.rows[0]["loss"]
    with pytest.raises(BadInput, match=r"it gives 4 × 24 × 24 where segmentation needs 3 × 24 × 24; pass model='unet'"):
        prepare(data, Plan.of(CHOICES), model=pellucid.open(Own(4), input=spec), check=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "small_cnn:4"}, r"it gives 3 where segmentation needs 3 × 24 × 24"),
        ({"model": "efficientnet_lite0"}, r"it does not answer in the form that segmentation needs"),
        ({"options": {"loss": "ce", "overlapping": True}}, r"a softmax gives each pixel one region"),
    ],
)
def test_what_cannot_paint_is_told(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        prepare(shapes(tmp_path, 8), Plan.of({**CHOICES, **changes}), check=False)


def test_data_without_masks_are_told(tmp_path: Path) -> None:
    data = dataclasses.replace(shapes(tmp_path, 8), masks=None)
    with pytest.raises(BadInput, match=r"the data tell of no masks"):
        prepare(data, Plan.of(CHOICES))


def test_masks_of_another_size_are_told_all_at_once(tmp_path: Path) -> None:
    data = shapes(tmp_path, 8)
    for i in (2, 5):
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / f"{i:03}.png")
    with pytest.raises(BadInput, match=r"2 problems: .*is 9 × 9, and the picture 24 × 24.*is 9 × 9"):
        prepare(data, Plan.of(CHOICES))


def test_networks_of_the_fields_library_may_learn(tmp_path: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    own = {**CHOICES, "model": "smp:unet-resnet18", "weights": "none", "epochs": 1, "lr": 0.001}
    found = train(shapes(tmp_path / "drawn", 10, side=32), out=tmp_path / "run", **own)
    assert found.network.input.shape == (1, 32, 32)
    assert found.network.module.segmentation_head is not None
    with pytest.raises(BadInput, match=r"it cannot be fed 30 × 32; give sides of multiples of 32"):
        pellucid.open("smp:unet-resnet18", weights="none", input=pellucid.InputSpec((30, 32), crop=None))
    with pytest.raises(BadInput, match=r"smp knows no encoder 'resnet17'; did you mean .*unet-resnet"):
        pellucid.open("smp:unet-resnet17", weights="none")


# -- evaluating -----------------------------------------------------------------------------------


def test_evaluating_what_was_kept_apart(run: Run, folder: Path) -> None:
    view = pellucid.evaluate(run, folder)
    told = {(r["split"], r["metric"]): r["value"] for r in run.summary["scores"]}
    for row in view.table:
        assert row["value"] == pytest.approx(told["test", row["metric"]], abs=1e-4)
        assert row["baseline"] is not None
    assert view.options["split"] == "test"
    regions = {row["class"]: row for row in view.options["classes"]}
    assert set(regions) == {"square", "disc"}
    assert regions["square"]["items"] == run.summary["classes"][1]["test"]
    assert np.mean([r["dice"] for r in regions.values()]) == pytest.approx(told["test", "dice"], abs=1e-4)
    assert view["confusion"].sum() == 12 * 24 * 24
    assert view["truth"].shape[1:] == (2, 24, 24)
    means = [case["dice"] for case in view.options["cases"]]
    assert means == sorted(means)
    assert view.pictures is not None
    assert len(view.pictures) == len(means)


def test_the_worst_pictures_are_shown_as_they_were_scored(run: Run, folder: Path) -> None:
    view = pellucid.evaluate(run, folder, split="all", cases=5)
    for i, case in enumerate(view.options["cases"]):
        there, said = view["truth"][i], view["said"][i]
        both, sizes = (there & said).sum((1, 2)), there.sum((1, 2)) + said.sum((1, 2))
        dice = [2 * b / s for b, s in zip(both, sizes, strict=True) if s]
        assert case["dice"] == pytest.approx(np.mean(dice))
    assert view.options["learnt"] == 36
    warned = [s.text for s in look_of("segmentation").words(view) if s.level == "warning"]
    assert warned[0].startswith("36 of these 60")


def test_masks_whose_numbers_mean_something_else_are_known_by_their_names(run: Run, tmp_path: Path) -> None:
    data = shapes(tmp_path, 10, seed=5)
    right = pellucid.evaluate(run, data)
    for path in data.masks or ():
        Image.fromarray(np.array([0, 9, 4], np.uint8)[read_mask(path or "")]).save(path or "")
    named = dataclasses.replace(data, mask_names={0: "background", 9: "square", 4: "disc"})
    assert pellucid.evaluate(run, named).table == right.table
    with pytest.raises(BadInput, match=r"the mask holds 4, which is no known region; known are 0 background"):
        pellucid.evaluate(run, dataclasses.replace(data, mask_names={}))


def test_figures_and_words_of_an_evaluation(run: Run, folder: Path) -> None:
    view = pellucid.evaluate(run, folder)
    figure = figure_of(view)
    assert [axes.get_title(loc="left").split(":")[0] for axes in figure.axes] == [
        "Each region (pictures that show it)",
        "Which region is taken for which",
        "How the pictures' scores are spread",
    ]
    assert look_of("segmentation").mistakes_figure(view) is not None  # type: ignore[attr-defined]
    texts = " ".join(s.text for s in look_of("segmentation").words(view))
    assert "is left out; one that is wrongly said to counts as 0" in texts
    assert "the 24 × 24 pixels" in texts
    assert pellucid.load(view.save(run.folder.parent / "view.npz")).table == view.table


# -- painting -------------------------------------------------------------------------------------


def test_painting_new_pictures(run: Run, folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "new" / "images"
    pictures.mkdir(parents=True)
    large = Image.open(folder / "images/003.png").resize((48, 36))  # another size and proportions
    large.save(pictures / "a.png")
    Image.open(folder / "images/004.png").save(pictures / "b.png")
    view = pellucid.predict(run, pictures, masks=tmp_path / "new" / "masks")
    mask = read_mask(tmp_path / "new/masks/a.png")
    assert mask.shape == (36, 48)
    truth = np.asarray(Image.fromarray(read_mask(folder / "masks/003.png").astype(np.uint8)).resize((48, 36), 0))
    both = 2 * ((mask == 1) & (truth == 1)).sum() / ((mask == 1).sum() + (truth == 1).sum())
    assert both > 0.75
    rows = {(Path(r["name"]).stem, r["region"]): r for r in view.table}
    assert rows["a", "square"]["pixels"] == (mask == 1).sum()
    assert rows["a", "square"]["share"] == pytest.approx((mask == 1).mean())
    assert json.loads((tmp_path / "new/masks/labels.json").read_text()) == {
        "0": "background",
        "1": "square",
        "2": "disc",
    }
    again = pellucid.dataset(tmp_path / "new")  # what it wrote can be learnt from
    assert again.mask_names == NAMES
    assert pellucid.evaluate(run, again, split="all").table[0]["value"] > 0.9
    assert view.options["sizes"] == [[36, 48], [24, 24]]
    assert figure_of(view) is not None
    assert any("“square” is in" in s.text for s in look_of("segmented").words(view))


def test_all_that_cannot_be_read_is_told_before_anything_is_written(run: Run, folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "new"
    pictures.mkdir()
    whole = (folder / "images/003.png").read_bytes()
    for name, data in {"a": whole, "b": b"no picture", "c": whole, "d": whole[:60]}.items():
        (pictures / f"{name}.png").write_bytes(data)
    with pytest.raises(BadInput) as found:
        pellucid.predict(run, pictures, masks=tmp_path / "masks")
    assert all(f"{name}.png" in str(found.value) for name in "bd")
    assert not (tmp_path / "masks").exists()


def test_nothing_is_written_where_the_only_fault_is_one_picture(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "001.png").write_bytes(b"no picture")
    (tmp_path / "002.png").write_bytes((folder / "images/003.png").read_bytes())
    with pytest.raises(BadInput, match=r"001\.png"):
        pellucid.predict(run, [tmp_path / "001.png", tmp_path / "002.png"], masks=tmp_path / "masks")
    assert not (tmp_path / "masks").exists()


def test_each_picture_is_read_once(run: Run, folder: Path) -> None:
    data = pellucid.dataset(folder)
    read: list[int] = []

    class Counted:
        def __len__(self) -> int:
            return 20

        def __getitem__(self, i: int) -> Sample:
            read.append(i)
            return data[i]

        def name(self, i: int) -> str:
            return data.items.name(i)

    view = pellucid.predict(run, Dataset("counted", Counted()), shown=7)
    assert len(view.options["cases"]) == 7
    assert sorted(read) == list(range(20))


def test_discs_that_touch_are_counted_apart_and_numbered(run: Run, place: Path, tmp_path: Path) -> None:
    picture, truth = touching(place)
    whole = pellucid.predict(run, picture)
    rows = {row["region"]: row for row in whole.table}
    assert rows["disc"]["objects"] == 2
    cut = pellucid.predict(run, picture, instances="watershed", apart=2, objects=tmp_path / "objects")
    disc = next(row for row in cut.table if row["region"] == "disc")
    assert disc["objects"] == len(disc["areas"]) == len(disc["middles"]) == len(truth)
    assert sum(disc["areas"]) == disc["pixels"] == rows["disc"]["pixels"]
    for x, y in truth:
        assert min(np.hypot(x - a, y - b) for a, b in disc["middles"]) < 1.5
    with Image.open(tmp_path / "objects" / "touching.png") as numbers:
        assert numbers.mode == "I;16"
        told = np.asarray(numbers)
    areas = [area for row in cut.table for area in row["areas"]]
    assert np.bincount(told.ravel())[1:].tolist() == areas
    assert (cut["numbers"][0] > 0).tolist() == cut["said"][0].tolist()
    assert figure_of(cut) is not None
    texts = " ".join(s.text for s in look_of("segmented").words(cut))
    assert "more than 2 pixels apart" in texts
    write_objects(tmp_path / "objects.csv", cut)
    with (tmp_path / "objects.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [int(row["object"]) for row in listed] == list(range(1, len(areas) + 1))
    assert [int(row["pixels"]) for row in listed] == areas


def touching(place: Path) -> tuple[Path, list[tuple[int, int]]]:
    """Two dark discs that touch, and one alone, as the network has learnt them."""
    pixels = np.random.default_rng(3).integers(90, 150, (24, 24), dtype=np.uint8)
    rows, columns = np.mgrid[:24, :24]
    middles = [(5, 7), (13, 7), (17, 18)]
    for x, y in middles:
        pixels[(rows - y) ** 2 + (columns - x) ** 2 <= 16] = 35
    Image.fromarray(pixels).save(place / "touching.png")
    return place / "touching.png", [(x + 0.5, y + 0.5) for x, y in middles]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"instances": "watershet"}, r"no objects by 'watershet'; did you mean 'watershed'\?"),
        ({"apart": 3}, r"a distance of seeds, where there are no seeds; pass instances='watershed'"),
        ({"instances": "watershed", "apart": 0}, r"seeds 0 pixels apart; pass 1 or more"),
    ],
)
def test_what_objects_cannot_be(run: Run, place: Path, words: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        pellucid.predict(run, touching(place)[0], **words)


def test_files_of_masks_have_names_of_their_own() -> None:
    from pellucid.training.masks_predicted import _files

    assert _files(["a/1.png", "b/1.png", "x.npz[3]", "example:cat"]) == ["1", "1-2", "x", "cat"]


def test_a_task_without_masks_paints_none(tmp_path: Path) -> None:
    from training.learnable import stripes

    labels = train(stripes(40), out=tmp_path / "run", model="linear", epochs=1)
    with pytest.raises(BadInput, match=r"multiclass paints no masks"):
        pellucid.predict(labels, stripes(4), masks=tmp_path / "masks")
    with pytest.raises(BadInput, match=r"multiclass paints no masks; leave instances= \(--instances\) away"):
        pellucid.predict(labels, stripes(4), instances="watershed")


# -- looking inside -------------------------------------------------------------------------------


def test_the_trained_network_is_seen_through(run: Run, folder: Path) -> None:
    network = pellucid.open(f"run:{run.folder}")
    picture = str(folder / "images/003.png")
    found = pellucid.explain(network, picture, method="integrated_gradients", target="square")
    assert found.receipt.relative_gap is not None
    assert found.receipt.relative_gap < 0.05
    square = read_mask(folder / "masks/003.png") == 1
    there = np.abs(found.map())
    assert there[square].mean() > 4 * there[~square].mean()
    apart = pellucid.targets.segmentation(1, square)
    assert pellucid.explain(network, picture, method="gradient", target=apart).values.shape == (1, 1, 24, 24)
    best = network.predict(torch.zeros(1, 1, 24, 24))[0]
    assert sum(share for *_, share in best) == pytest.approx(1)
    with pytest.raises(BadInput, match=r"the output is a map of classes \(mostly background"):
        pellucid.explain(network, picture, method="gradient")


def test_regions_invariance_and_health_of_the_trained_network(run: Run, folder: Path) -> None:
    network = pellucid.open(f"run:{run.folder}")
    pictures = [str(p) for p in sorted((folder / "images").iterdir())[:6]]
    assert len(pellucid.regions(network, pictures[:2]).table) > 2
    assert len(pellucid.invariance(network, pictures).table) > 2
    assert len(pellucid.health(network, pictures).table) > 2


def test_scores_are_of_the_regions_alone() -> None:
    summary = np.zeros((2, 3, 7), np.float32)
    summary[:, 0, 0] = 1000  # the background is always found
    assert np.isnan(scores.mean(scores.each_region(summary[:, 1:], scores.dice)))
