"""``pellucid patterns fit`` and what it is for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from cli.calling import call
from pellucid.data.folders import pictures_in
from pellucid.data.images import read

RESNET = ["torchvision:resnet18", "--weights", "none", "--size", "64"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    (place / "more").mkdir(parents=True)
    (place / ".hidden").mkdir()
    cat = read("example:cat").array
    for i, name in enumerate(["b.png", "a.jpg", "more/c.JPG", ".hidden/d.png"]):
        Image.fromarray(np.roll(cat, 40 * i, 1)).save(place / name)
    (place / "notes.txt").write_text("no picture")
    return place


def test_folders_give_their_pictures(folder: Path) -> None:
    names = [Path(p).name for p in pictures_in([str(folder), "example:cat"])]
    assert names == ["a.jpg", "b.png", "c.JPG", "example:cat"]
    (folder / "empty").mkdir()
    with pytest.raises(pellucid.BadInput, match="no picture in this folder"):
        pictures_in([str(folder / "empty")])


def test_fitted_patterns_explain(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    code, out, err = call(monkeypatch, capfd, "patterns", "fit", *RESNET, folder, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["images"], told["layers"]) == (3, 21)
    fitted = pellucid.load(told["file"])
    assert fitted.images == 3
    model = ["--model", RESNET[0], *RESNET[1:]]
    ask = ["--method", "pattern_attribution", "--patterns", "patterns.npz", "--json"]
    code, out, err = call(monkeypatch, capfd, "explain", "example:cat", *model, *ask)
    assert code == 0, err
    (found,) = json.loads(out)["photos"][0]["explanations"]
    assert any("fitted to 3 images" in n for n in found["receipt"]["notes"])
    (shown,) = pellucid.load(Path("pellucid-report/explanations.npz")).values()
    assert shown.options["patterns"] == "patterns.npz"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["absent.jpg"], "absent.jpg"),
        (["pictures", "--estimator", "robust"], "relu"),
        (["pictures", "--out", "pictures/a.jpg/patterns"], "a.jpg"),
    ],
)
def test_bad_input(
    more: list[str], word: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    code, out, err = call(monkeypatch, capfd, "patterns", "fit", *RESNET, *more)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in folder.parent.iterdir()) == ["pictures"]
