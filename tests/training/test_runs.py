"""Runs: folders that say everything, go on bit-exactly after Ctrl-C and kill -9, and open in every other function."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
import typer
from safetensors.torch import load_file, save_file
from torch import nn

import pellucid
from pellucid.cli.learning import Choices, learning_command
from pellucid.core.errors import BadInput
from pellucid.training import runs
from pellucid.training.plan import Plan
from pellucid.training.results import command_of
from pellucid.training.runs import Run
from pellucid.training.train import train
from training.learnable import digits, stripes, undrawn  # noqa: F401  (a fixture)

#: With dropout (small_cnn has it) and augmentation.
CHOICES: dict[str, Any] = {"model": "small_cnn:4", "epochs": 3, "batch": 16, "lr": 0.01, "augment": ("flip", "shift")}

WEIGHTS = (runs.BEST, runs.LAST)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(stripes(), out=tmp_path_factory.mktemp("runs") / "stripes", **CHOICES)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / runs.METRICS).read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def assert_same(one: Path, other: Path) -> None:
    for name in WEIGHTS:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert rows_of(one) == rows_of(other)


# -- the folder -----------------------------------------------------------------------------------


def test_the_folder_holds_everything_and_opens_again(run: Run) -> None:
    names = {p.name for p in run.folder.iterdir()}
    assert names == {
        *(runs.CONFIG, runs.SPLIT, runs.METRICS, runs.SUMMARY, runs.VIEW, runs.BEST, runs.LAST, runs.STATE),
        *("curves.png", "report.html"),
    }
    again = Run.open(f"run:{run.folder}")
    assert again.done
    assert again.plan == run.plan
    assert again.plan.augment == ("flip", "shift")
    assert again.task.classes == ("column", "row")
    assert len(again.rows) == 3
    assert [i.split for i in again.items].count("train") == 56
    assert set(again.split) == set(stripes().names())
    assert all(len(i.content) == 32 for i in again.items)
    assert "Run(" in repr(again)
    assert again.view.kind == "run"
    assert again.show() is not None


def test_the_summary_tells_scores_with_intervals_and_a_baseline(run: Run) -> None:
    told = run.summary
    assert told["schema"] == "pellucid.run/1"
    assert told["data"]["items"] == {"train": 56, "val": 12, "test": 12}
    row = next(r for r in told["scores"] if (r["split"], r["metric"]) == ("test", "accuracy"))
    assert row["items"] == 12
    assert row["value_low"] <= row["value"] <= row["value_high"]
    assert row["baseline"] == pytest.approx(0.5, abs=0.1)
    assert told["classes"] == [
        {"label": "way", "what": "column", "train": 28, "val": 6, "test": 6},
        {"label": "way", "what": "row", "train": 28, "val": 6, "test": 6},
    ]
    assert told["command"].startswith("pellucid train stripes ")
    assert "--augment flip,shift" in told["command"]
    assert "model='small_cnn:4'" in told["python"]


def test_the_command_line_says_the_same_plan(run: Run) -> None:
    heard: list[Choices] = []
    words = shlex.split(command_of(run.plan, "stripes", run.folder))
    app = typer.Typer()

    def take(choices: Choices, data: str, out: str = "") -> None:
        heard.append(choices)

    app.callback()(lambda: None)
    learning_command(app, take, name="train")
    app(["train", *words[2:]], standalone_mode=False)
    assert heard[0].plan() == run.plan


def test_metrics_hold_no_nan(tmp_path: Path) -> None:
    runs.write_metrics(tmp_path, [{"epoch": 1, "loss": float("nan"), "lr": 0.1}])
    assert json.loads((tmp_path / runs.METRICS).read_text()) == {"epoch": 1, "loss": None, "lr": 0.1}


# -- going on -------------------------------------------------------------------------------------


def test_ctrl_c_ends_whole_and_goes_on_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    def press(row: Any, best: int) -> None:
        if row["epoch"] == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)  # whoever runs the tests in the background ignores it
    with pytest.raises(KeyboardInterrupt):
        train(stripes(), out=tmp_path / "run", on_epoch=press, **CHOICES)
    left = Run.open(tmp_path / "run")
    assert not left.done
    assert len(left.rows) == 2
    assert not [p for p in left.folder.iterdir() if p.name.startswith(".")]  # nothing half-written
    assert pellucid.open(f"run:{left.folder}").classes == ("column", "row")
    with pytest.raises(BadInput, match="not done"):
        _ = left.summary
    for view in (pellucid.evaluate(left, stripes(8, seed=5), split="all"), pellucid.predict(left, stripes(4))):
        assert view.notes[0].startswith("The training is not done (2 of 3 epochs): the best weights so far are used.")
        assert view.notes[0].endswith(f"pellucid train --resume --out {shlex.quote(str(left.folder))}")
    with pytest.raises(BadInput, match=r"interrupted run here; .*--resume"):
        train(stripes(), out=left.folder, **CHOICES)
    train(stripes(), out=left.folder, resume=True, **CHOICES)
    assert_same(run.folder, left.folder)
    assert Run.open(left.folder).notes == ()
    assert signal.getsignal(signal.SIGINT) is before


_SCRIPT = """
import sys, time
import torch
torch.set_num_threads(1)
from pellucid.training import fit
from pellucid.training.train import train
from training.learnable import stripes
step = fit.Loop._step
def slow(self, places):
    time.sleep(0.05)
    step(self, places)
fit.Loop._step = slow
train(stripes(), out=sys.argv[1], **eval(sys.argv[2]))
"""


def killed(folder: Path, choices: dict[str, Any]) -> None:
    """Train in another process, and kill it without a word while it is in its second epoch."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", _SCRIPT, str(folder), repr(choices)], env=environment)
    try:
        while len((folder / runs.METRICS).read_text().splitlines() if (folder / runs.METRICS).exists() else ()) < 1:
            assert process.poll() is None, "the training ended before it could be killed"
            time.sleep(0.01)
        time.sleep(0.07)
    finally:
        process.kill()
        process.wait()
    assert not (folder / runs.SUMMARY).exists()


@pytest.mark.slow
def test_kill_9_goes_on_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    killed(tmp_path / "run", CHOICES)
    train(stripes(), out=tmp_path / "run", resume=True, **CHOICES)
    assert_same(run.folder, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    "own",
    [
        {"optimizer": "sgd"},
        {"unfreeze_from": "head", "augment": (), "epochs": 60, "model": "small_cnn:4"},
        {"unfreeze_from": "stage2.conv2", "augment": (), "patience": 3},
        {"lr": "find", "optimizer": "adam", "clip": 0.5},
    ],
)
def test_kill_9_of_every_kind_goes_on_to_the_same_bytes(own: dict[str, Any], tmp_path: Path) -> None:
    choices = {**CHOICES, **own}
    whole = train(stripes(), out=tmp_path / "whole", **choices)
    killed(tmp_path / "killed", choices)
    train(stripes(), out=tmp_path / "killed", resume=True, **choices)
    assert_same(whole.folder, tmp_path / "killed")


def test_a_finished_run_taken_up_again_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    whole = train(stripes(), out=tmp_path / "run", **CHOICES)
    train(stripes(), out=whole.folder, resume=True, **CHOICES)
    assert_same(run.folder, whole.folder)


def interrupted(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(stripes(), out=folder, on_epoch=lambda row, best: signal.raise_signal(signal.SIGINT), **CHOICES)


def test_other_data_or_choices_are_refused(tmp_path: Path) -> None:
    interrupted(tmp_path / "run")
    with pytest.raises(BadInput, match=r"the choices changed \(lr: 0.01 → 0.02\)"):
        train(tmp_path / "no data are read", out=tmp_path / "run", resume=True, **{**CHOICES, "lr": 0.02})
    with pytest.raises(BadInput, match="not those that it was begun with"):
        train(stripes(84), out=tmp_path / "run", resume=True, **CHOICES)
    changed = stripes()
    changed.items.whole[7, 0, 0] ^= 1  # type: ignore[union-attr]
    with pytest.raises(BadInput, match="not those that it was begun with"):
        train(changed, out=tmp_path / "run", resume=True, **CHOICES)


# -- places ---------------------------------------------------------------------------------------


def test_folders_that_are_taken_are_not_touched(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a finished run here"):
        train(stripes(), out=run.folder, **CHOICES)
    with pytest.raises(BadInput, match="nothing to resume"):
        train(stripes(), out=tmp_path / "none", resume=True, **CHOICES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for choice in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(BadInput, match="holds other files"):
            train(stripes(), out=tmp_path / "mine", **choice, **CHOICES)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="not a folder"):
        train(stripes(), out=tmp_path / "file", **CHOICES)


def test_overwrite_replaces_a_run_whole(tmp_path: Path) -> None:
    first = train(stripes(), out=tmp_path / "run", **{**CHOICES, "epochs": 2})
    second = train(stripes(), out=first.folder, overwrite=True, **{**CHOICES, "epochs": 1})
    assert len(second.rows) == 1
    assert len(Run.open(first.folder).rows) == 1


def test_data_that_cannot_be_learnt_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one class alone"):
        train(stripes(6).take([0, 2, 4]), out=tmp_path / "run", **CHOICES)
    assert not (tmp_path / "run").exists()


# -- hostile folders ------------------------------------------------------------------------------


def copy_of(run: Run, place: Path) -> Path:
    place.mkdir()
    for path in run.folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    return place


def told_in_one_line(what: Any) -> str:
    with pytest.raises(BadInput) as caught:
        what()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "key", ["plan", "task", "network", "task.kind", "task.vocabulary", "network.head", "network.input"]
)
def test_a_config_that_lacks_something_is_told(run: Run, tmp_path: Path, key: str) -> None:
    folder = copy_of(run, tmp_path / "run")
    config = tomllib.loads((folder / runs.CONFIG).read_text())
    part = config
    *path, last = key.split(".")
    for name in path:
        part = part[name]
    del part[last]
    (folder / runs.CONFIG).write_text(tomli_w.dumps(config))

    def use() -> None:
        opened = Run.open(folder)
        _ = opened.plan, opened.task, opened.network

    assert last in told_in_one_line(use)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("plan", "batch", "many"),
        ("plan", "probe_epochs", "none"),
        ("plan", "colour", 3),
        ("task", "kind", "telepathy"),
        ("task", "options", {"balance": "sideways"}),
        ("task", "vocabulary", {"values": 3}),
        ("network", "model", "resnet_of_nobody"),
        ("network", "head", {"kind": "linear", "outputs": 7}),
        ("network", "head", {"kind": "round", "outputs": 2}),
        ("network", "input", {"size": [3]}),
        ("network", "model", "small_cnn:8"),
    ],
)
def test_a_config_of_other_values_is_told(run: Run, tmp_path: Path, part: str, key: str, value: Any) -> None:
    folder = copy_of(run, tmp_path / "run")
    config = tomllib.loads((folder / runs.CONFIG).read_text())
    config[part][key] = value
    (folder / runs.CONFIG).write_text(tomli_w.dumps(config))

    def use() -> None:
        opened = Run.open(folder)
        _ = opened.plan, opened.task, opened.network

    told_in_one_line(use)


def test_damaged_files_are_told(run: Run, tmp_path: Path) -> None:
    folder = copy_of(run, tmp_path / "run")
    (folder / runs.BEST).write_bytes((folder / runs.BEST).read_bytes()[:500])
    assert runs.BEST in told_in_one_line(lambda: Run.open(folder).network)
    (folder / runs.BEST).unlink()
    assert "best.safetensors is missing" in told_in_one_line(lambda: Run.open(folder).network)
    (folder / runs.SPLIT).write_text("what,ever\n1,2\n")
    assert runs.SPLIT in told_in_one_line(lambda: Run.open(folder).items)
    (folder / runs.METRICS).write_text("{half")
    assert runs.METRICS in told_in_one_line(lambda: Run.open(folder))
    (folder / runs.METRICS).unlink()
    (folder / runs.SUMMARY).write_text("[")
    assert runs.SUMMARY in told_in_one_line(lambda: Run.open(folder).summary)
    (folder / runs.CONFIG).write_bytes(b"\xff\xfe broken")
    assert runs.CONFIG in told_in_one_line(lambda: Run.open(folder))
    (folder / runs.CONFIG).unlink()
    assert "no run" in told_in_one_line(lambda: Run.open(folder))
    assert "no such folder" in told_in_one_line(lambda: Run.open(tmp_path / "nowhere"))


def test_a_damaged_state_is_told(run: Run, tmp_path: Path) -> None:
    folder = copy_of(run, tmp_path / "run")
    again = lambda: train(stripes(), out=folder, resume=True, **CHOICES)  # noqa: E731
    (folder / runs.STATE).write_bytes((folder / runs.STATE).read_bytes()[:-100])
    assert "the run is finished, and there is nothing to resume" in told_in_one_line(again)
    (folder / runs.SUMMARY).unlink()
    said = told_in_one_line(again)
    assert "cannot be read" in said
    assert "the best weights of 3 of 3 epochs, which are whole: --model " in said
    (folder / runs.STATE).unlink()
    before = (folder / runs.BEST).read_bytes()
    assert "state.safetensors is missing" in told_in_one_line(again)
    assert (folder / runs.BEST).read_bytes() == before
    second = {**CHOICES, "model": f"run:{folder}", "unfreeze_from": "all", "epochs": 1}  # the cure
    assert train(stripes(), out=tmp_path / "second", **second).done
    (folder / runs.BEST).unlink()
    assert "restore it, or train again" in told_in_one_line(again)
    save_file({"seen": torch.zeros(2)}, folder / runs.STATE, metadata={"state": "{}", "scaler": "{}", "mark": "other"})
    assert "not those" in told_in_one_line(again)


def test_the_weights_of_another_network_are_told(run: Run, tmp_path: Path) -> None:
    folder = copy_of(run, tmp_path / "run")
    weights = load_file(folder / runs.BEST)
    weights.pop("classifier.bias")
    save_file(weights, folder / runs.BEST)
    assert "classifier.bias" in told_in_one_line(lambda: Run.open(folder).network)


# -- looking inside -------------------------------------------------------------------------------


def test_a_run_opens_in_everything_that_looks_inside(run: Run) -> None:
    network = pellucid.open(f"run:{run.folder}")
    assert network.classes == ("column", "row")
    samples = list(stripes(24))
    for method in ("gradient", "lrp", "occlusion"):
        explained = pellucid.explain(network, samples[:1], method)
        assert np.isfinite(explained.values).all()
    assert pellucid.regions(network, samples, clusters=2).table
    assert pellucid.filters(network, samples).table
    assert pellucid.health(network).table
    assert pellucid.invariance(network, samples).table
    x = np.stack([s.array for s in samples])
    assert network.input.channels == 1
    assert x.shape == (24, 8, 8)


def test_a_run_of_a_module_of_ones_own_opens_with_it(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9))
    before = {n: t.clone() for n, t in module.state_dict().items()}
    own = pellucid.open(module, input=pellucid.InputSpec((8, 8), (0.0,), (1.0,), crop=None))
    found = train(stripes(), out=tmp_path / "run", model=own, epochs=1, batch=16)
    assert all(torch.equal(before[n], t) for n, t in module.state_dict().items())
    assert found.network.classes == ("column", "row")
    assert pellucid.evaluate(found, stripes()).table
    assert "model=model" in found.summary["python"]
    assert found.summary["command"] == ""
    told = told_in_one_line(lambda: pellucid.open(f"run:{found.folder}"))
    assert "a module of somebody's own; pass that module" in told
    again = Run.open(found.folder, model=own)
    x = again.network.probe(2)
    assert torch.equal(again.network(x), found.network(x))


def test_a_run_goes_on_from_a_run(run: Run, tmp_path: Path) -> None:
    second = train(stripes(90, seed=3), out=tmp_path / "second", model=f"run:{run.folder}", epochs=1, batch=16)
    assert second.plan.unfreeze_from == "head"
    third = train(stripes(), out=tmp_path / "third", model=f"run:{second.folder}", epochs=1, unfreeze_from="all")
    first = load_file(run.folder / runs.BEST)
    assert torch.equal(load_file(second.folder / runs.BEST)["stage1.conv1.weight"], first["stage1.conv1.weight"])
    assert third.network.classes == ("column", "row")


@pytest.mark.slow
def test_the_default_networks_head_learns_from_codes_and_opens(tmp_path: Path) -> None:
    data = digits(60)
    found = train(data, out=tmp_path / "run", epochs=30, shares=(0.6, 0.2, 0.2))
    assert found.plan.unfreeze_from == "head"
    assert found.rows[-1]["train_accuracy"] > 0.9
    network = found.network
    assert network.input.size == (224, 224)
    assert np.isfinite(pellucid.explain(network, [data[0]], "gradient").values).all()


def test_a_plan_is_its_plain_values() -> None:
    plan = Plan(labels=("a",), size=(8, 9), augment=("flip",), options={"balance": "classes"}, clip=1.0)
    assert Plan.of(tomllib.loads(tomli_w.dumps(plan.plain()))) == plan
