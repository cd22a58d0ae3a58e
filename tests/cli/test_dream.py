"""``pellucid dream``: the command, its folder, its mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from cli.calling import Call

SMALL = ["--model", "torchvision:resnet18", "--weights", "none", "--input-size", "64", "--images", "example:coffee"]
QUICK = [*SMALL, "--size", "64", "--steps", "2"]
COMMAND = ["dream"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("film", ["webp", "my.gif"])
def test_what_is_saved_is_what_is_shown(film: str, here: Path, call: Call) -> None:
    asked = ["example:cat", *QUICK, "--layer", "layer2", "--octaves", "2", "--animate", film, "--json"]
    code, out, err = call(*asked)
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.dream/1"
    assert told["options"]["size"] == [43, 64]
    folder = here / "pellucid-dream"
    name = "dream.webp" if film == "webp" else film
    assert {p.name for p in folder.iterdir()} == set(told["files"]["all"]) >= {"dream.png", name, "index.html"}
    view = pellucid.load(folder / "view.npz")
    saved = np.asarray(Image.open(folder / "dream.png"))
    assert np.array_equal(saved, view["picture"])
    assert np.array_equal(saved, view.pictures[0])
    with Image.open(folder / name) as moving:
        assert (moving.n_frames, moving.size) == (5, (64, 43))
        moving.seek(4)
        last = np.asarray(moving.convert("RGB")).astype(int)
    assert np.abs(last - saved).mean() < 12  # both formats lose a little
    page = (folder / "index.html").read_text()
    assert name in page
    assert "data:image/png" in page


def test_the_python_lines_do_the_same(here: Path, call: Call) -> None:
    code, out, err = call(*QUICK, "--unit", "layer2:3", "--seed", "5", "--json")
    assert code == 0, err
    told = json.loads(out)
    scope: dict[str, object] = {}
    exec(told["python"], scope)
    assert np.array_equal(scope["v"]["picture"], pellucid.load(here / "pellucid-dream/view.npz")["picture"])


def test_words_and_table(here: Path, call: Call) -> None:
    code, out, err = call(*QUICK, "--channel", "tiger cat")
    assert code == 0, err
    assert "“tiger cat”" in out
    assert "128 crops of 1 natural picture" in out
    assert "92 ± 2 %" in out
    assert "Percentile" in out
    assert "random" in err


def test_a_dry_run_writes_nothing(here: Path, call: Call) -> None:
    code, out, err = call("example:cat", *QUICK, "--dry-run")
    assert code == 0, err
    assert "8 steps at 4 sizes up to 43 × 64 take about" in out
    code, out, err = call("example:cat", *QUICK, "--dry-run", "--json")
    assert (code, json.loads(out)["steps"]) == (0, 8), err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["absent.jpg"], "absent.jpg"),
        (["--layer", "layer9"], "layer"),
        (["--layer", "layer2", "--channel", "zebra"], "channels have no names"),
        (["--channel", "zebrra"], "zebra"),
        (["--unit", "layer2"], "LAYER:CHANNEL"),
        (["--animate", "mp4"], "gif, webp"),
        (["--animate", "../x.gif"], "gif, webp"),
        (["--size", "big"], "HEIGHTxWIDTH"),
        (["--mode", "wild"], "octaves"),
        (["--images", "nowhere.jpg"], "nowhere.jpg"),
        (["example:cat", "--mode", "fourier"], "from noise"),
    ],
)
def test_bad_input(more: list[str], word: str, here: Path, call: Call) -> None:
    code, out, err = call(*QUICK, *more)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len([line for line in err.splitlines() if "warning" not in line]) == 1
    assert list(here.iterdir()) == []


def test_a_module_of_ones_own_and_a_matrix(here: Path, call: Call) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 63, 2)), "net.pt")
    np.save("m.npy", np.random.default_rng(0).normal(size=(7, 9)).astype(np.float32))
    own = ["--model", "file:net.pt", "--trust", "--layer", "1", "--images", "none", "--steps", "2"]
    code, _, err = call("m.npy", *own)
    assert code == 0, err
    assert pellucid.load("pellucid-dream/view.npz")["picture"].shape == (7, 9, 1)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(here: Path) -> None:
    command = [sys.executable, "-c", "from pellucid.cli.main import main; main()", "dream", "example:cat"]
    running = subprocess.Popen([*command, "--steps", "5000"], cwd=here, stderr=subprocess.PIPE, env=os.environ)
    deadline = time.monotonic() + 60
    while not any(here.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.2)  # until its folder aside is there
    time.sleep(6)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"nothing was left half-written" in err
    assert list(here.iterdir()) == []
