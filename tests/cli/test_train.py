"""``pellucid train``: the summary, the last word, going on after Ctrl-C, mistakes."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from cli import calling
from cli.calling import Call
from pellucid.cli.train import _Heard, default_folder, epoch_line
from pellucid.training.runs import Run
from training.learnable import stripes, undrawn, write  # noqa: F401  (a fixture)

COMMAND = ["train"]
SMALL = ["--model", "small_cnn:4", "--epochs", "3", "--batch", "16", "--lr", "0.01"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(stripes(80), tmp_path_factory.mktemp("train") / "stripes")


@pytest.fixture(autouse=True)
def within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_last_word_is_scores_report_and_what_to_do_next(data: Path, call: Call) -> None:
    code, out, err = call(data, *SMALL)
    assert code == 0, err
    assert "80 items (56 train, 12 val, 12 test)" in out
    assert "small_cnn:4 learns multiclass: 9 layers" in out
    assert "on test" in out
    assert "95 % from" in out
    assert "Accuracy" in out
    lines = out.strip().splitlines()
    assert any(line.startswith("report: ") and line.endswith("runs/stripes-multiclass/report.html") for line in lines)
    assert f"pellucid evaluate runs/stripes-multiclass {data}" in out
    assert "pellucid predict runs/stripes-multiclass IMAGES" in out
    assert "pellucid explain IMAGES --model run:runs/stripes-multiclass" in out
    assert Run.open("runs/stripes-multiclass").done
    assert "epoch 1/3" not in err  # no terminal


def test_the_layers_of_a_run_need_no_word_on_weights(
    data: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(data, *SMALL, "--out", "runs/a")[0] == 0
    code, out, err = calling.call(monkeypatch, capfd, "layers", "run:runs/a")
    assert code == 0, err
    assert "run:runs/a: " in out
    assert "classifier" in out


def test_json_is_the_summary_alone(data: Path, call: Call) -> None:
    code, out, err = call(data, *SMALL, "--out", "runs/a", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.run/1"
    assert told["run"] == "runs/a"
    assert {row["split"] for row in told["scores"]} == {"train", "val", "test"}
    assert told["report"].endswith("runs/a/report.html")
    again = shlex.split(told["command"])
    code, _, err = call(*again[2:-1], "runs/b", "--json")
    assert code == 0, err
    assert (Path("runs/a") / "best.safetensors").read_bytes() == (Path("runs/b") / "best.safetensors").read_bytes()


def test_a_dry_run_checks_and_trains_nothing(data: Path, call: Call) -> None:
    code, out, _ = call(data, *SMALL, "--dry-run")
    assert code == 0
    assert "nothing was trained" in out
    assert "learns multiclass" in out
    assert not Path("runs").exists()
    code, out, _ = call(data, *SMALL, "--dry-run", "--json", "--unfreeze-from", "head")
    told = json.loads(out)
    assert told["items"] == {"train": 56, "val": 12, "test": 12}
    assert told["learns"]["layers"] == ["classifier"]
    assert told["classes"][0] == {"label": "class", "what": "column", "train": 28, "val": 6, "test": 6}


def test_a_dry_run_lists_what_is_wrong(tmp_path: Path, call: Call) -> None:
    folder = write(stripes(20), tmp_path / "broken")
    (folder / "row" / "0000.png").write_bytes(b"no picture")
    (folder / "column" / "0001.png").write_bytes(b"")
    code, out, err = call(folder, *SMALL, "--dry-run")
    assert code == 2
    assert "2 problems" in err
    assert len(err.strip().splitlines()) == 1
    assert not out


# -- going on -------------------------------------------------------------------------------------


def test_ctrl_c_says_how_to_go_on_and_that_goes_on(data: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        heard = _Heard.epoch

        def press(self: _Heard, row: Any, best: int) -> None:
            heard(self, row, best)
            if row["epoch"] == 1:
                signal.raise_signal(signal.SIGINT)

        patch.setattr(_Heard, "epoch", press)
        code, _, err = call(data, *SMALL, "--seed", 4)
    assert code == 130
    (line,) = err.strip().splitlines()
    assert line.startswith("pellucid: interrupted at epoch 2; go on with: pellucid train ")
    assert line.endswith(" --out runs/stripes-multiclass --resume")
    code, _, err = call(*shlex.split(line.partition("pellucid train ")[2]))
    assert code == 0, err
    assert len(Run.open("runs/stripes-multiclass").rows) == 3
    call(data, *SMALL, "--seed", 4, "--out", "runs/whole")
    names = ("best.safetensors", "last.safetensors")
    assert all(
        (Path("runs/whole") / n).read_bytes() == (Path("runs/stripes-multiclass") / n).read_bytes() for n in names
    )


def test_resume_needs_the_folder_alone(data: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_Heard, "epoch", lambda *_: signal.raise_signal(signal.SIGINT))
        assert call(data, *SMALL, "--out", "runs/a")[0] == 130
    code, _, err = call("--resume", "--out", "runs/a")
    assert code == 0, err
    assert Run.open("runs/a").done
    code, _, err = call("--resume", "--out", "runs/a", "--lr", "0.02")
    assert code == 2
    assert "the choices changed (lr: 0.01 → 0.02)" in err
    code, _, err = call(data, "--resume", "--out", "runs/none")
    assert code == 2
    assert "nothing to resume" in err


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no data were named"),
        (["nowhere"], "no such file or folder"),
        (["{data}", "--label", "way"], "'class'"),
        (["{data}", "--task", "regression"], "is no number"),
        (["{data}", "--resume", "--overwrite"], "leave one of them away"),
        (["{data}", "--resume"], "nothing to resume"),
        (["{data}", "--unfreeze-from", "stage9"], "stage"),
        (["{data}", "--model", "small_cn"], "small_cn"),
        (["{data}", "--epochs", "0"], "above 0"),
        (["{data}", "--threshold", "f1"], "no option of multiclass"),
    ],
)
def test_mistakes_are_one_line(data: Path, call: Call, words: list[str], told: str) -> None:
    code, _, err = call(*(w.format(data=data) for w in words))
    assert code == 2
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("runs").exists()


def test_a_run_is_not_written_over_unasked(data: Path, call: Call) -> None:
    assert call(data, *SMALL, "--epochs", "1")[0] == 0
    code, _, err = call(data, *SMALL)
    assert code == 2
    assert "--overwrite" in err
    assert call(data, *SMALL, "--epochs", "1", "--overwrite", "--seed", "1")[0] == 0
    assert Run.open("runs/stripes-multiclass").plan.seed == 1


# -- small parts ----------------------------------------------------------------------------------


def test_default_folders() -> None:
    assert default_folder("my fruit", "binary") == Path("runs/my-fruit-binary")
    assert default_folder("fruit/labels.csv", "binary") == Path("runs/fruit-binary")
    assert default_folder("fruit/apples.csv", "ordinal") == Path("runs/apples-ordinal")


def test_an_epochs_line_marks_the_best() -> None:
    row = {"epoch": 3, "loss": 0.41234, "val_loss": 0.5, "val_accuracy": 0.875, "seconds": 1.25}
    line = epoch_line(row, 3, 30, "accuracy")
    assert line == "epoch  3/30  loss 0.4123  validation 0.5000, accuracy 0.875  1.2 s  ★ best"
    assert "★" not in epoch_line(row, 2, 30, "accuracy")
    bare = {"epoch": 3, "loss": 0.4, "train_accuracy": 0.5, "seconds": 0.1}
    assert "accuracy 0.5" in epoch_line(bare, 3, 30, "accuracy")
