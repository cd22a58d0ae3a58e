"""``pellucid health`` from the outside: a report, JSON, mistakes in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import pellucid
from cli.calling import Call

RESNET = ["torchvision:resnet18", "--weights", "none", "--size", "32"]
COMMAND = ["health"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a broken network of one's own, pictures, and matrices."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(12):
        layers += [nn.Linear(64, 64), nn.ReLU()]
    module = nn.Sequential(*layers, nn.Linear(64, 4))
    for each in module:
        if isinstance(each, nn.Linear):
            nn.init.normal_(each.weight, std=0.02)
            nn.init.zeros_(each.bias)
    torch.save(module, tmp_path / "deep.pt")
    with torch.no_grad():
        module[3].weight[0, 0] = math.nan
    torch.save(module, tmp_path / "spoilt.pt")
    rng = np.random.default_rng(0)
    for i in range(6):
        np.save(tmp_path / f"{i}.npy", rng.normal(size=(8, 8)).astype(np.float32))
    cat = pellucid.read("example:cat").array
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        Image.fromarray(np.roll(cat, 50 * i, 1)).save(tmp_path / "pictures" / f"{i}.jpg")
    rows = "\n".join(f"{i}.npy,{i % 4}" for i in range(6))
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


MATRICES = [f"{i}.npy" for i in range(6)]


def test_a_broken_network_is_named_and_its_cure_tried(place: Path, call: Call) -> None:
    asked = ["file:deep.pt", *MATRICES, "--trust", "--labels", "labels.csv", "--lr", "0.02", "--rates", "--json"]
    code, out, err = call(*asked)
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.health/1"
    first = told["options"]["problems"][0]
    assert first["kind"] == "activations vanish"
    assert (told["options"]["labels"], told["options"]["count"]) == ("given", 6)
    assert told["options"]["trial"]["helps"]
    assert told["warnings"] >= 1
    folder = Path(told["report"]).parent
    page = (folder / "index.html").read_text()
    assert "pellucid.initialise(model" in page
    view = pellucid.load(folder / "view.npz")
    assert "lr_range/lr" in view.arrays
    lines = told["python"]
    scope: dict[str, object] = {}
    exec(compile(lines, "python", "exec"), scope)
    assert scope["v"]["activation"].tobytes() == view["activation"].tobytes()


def test_a_bad_weight_is_told_in_plain_words(place: Path, call: Call) -> None:
    code, out, err = call("file:spoilt.pt", *MATRICES, "--trust", "--no-try")
    assert code == 0, err
    assert "3.weight holds 1 NaN in 4096 numbers" in err
    assert "report:" in out


def test_pictures_and_noise(place: Path, call: Call) -> None:
    code, out, err = call(*RESNET, "pictures", "--json", "--count", "2", "--no-try")
    assert code == 0, err
    assert json.loads(out)["options"]["count"] == 2
    code, out, err = call(*RESNET, "--no-try", "--count", "4", "--json")
    assert code == 0, err
    assert json.loads(out)["options"]["inputs"] == "noise"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["absent.jpg"], "absent.jpg"),
        (["pictures", "--rate", "0"], "learning rate"),
        (["pictures", "--count", "0"], "count"),
        (["pictures", "--labels", "labels.csv"], "labels.csv"),
        (["pictures", "--labels", "absent.csv"], "absent.csv"),
        (["pictures", "--out", "pictures"], "pictures"),
    ],
)
def test_bad_input(more: list[str], word: str, place: Path, call: Call) -> None:
    before = sorted(p.name for p in place.iterdir())
    code, out, err = call(*RESNET, *more)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in place.iterdir()) == before
