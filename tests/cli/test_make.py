"""``pellucid make`` as a stranger uses it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pellucid
from pellucid.cli.main import main
from pellucid.data.images import read
from pellucid.synth.folder import thumb

trimesh = pytest.importorskip("trimesh")
MUSHROOM = Path(pellucid.__file__).parents[2] / "docs" / "recipes" / "mushroom.toml"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> object:
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["pellucid", *map(str, args)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capfd.readouterr()

    return run


def test_the_command_of_the_wish(call: object, tmp_path: Path) -> None:
    ask = ("make", "apple", "--count", 2, "--seed", 5, "--size", "30..50", "--seeds", "3..8", "--format", "glb,stl")
    code, out, err = call(*ask, "--render", 64, "--cut", "--out", "one")
    assert code == 0, err
    names = {p.name for p in Path("one").iterdir()}
    for stem in ("apple-000", "apple-001"):
        assert {f"{stem}{e}" for e in (".glb", ".stl", ".json", ".png", "-along.png", "-across.png")} <= names
        facts = json.loads(Path(f"one/{stem}.json").read_text())
        assert 30 <= facts["parameters"]["size"] <= 50
        assert 3 <= facts["parameters"]["seeds"] <= 8
        assert 0.4 <= facts["measured"]["red_share"] <= 0.6
        assert len([p for p in facts["parts"] if p["kind"] == "seed"]) == facts["parameters"]["seeds"]
        assert all(m.is_watertight for m in trimesh.load(f"one/{stem}.glb").geometry.values())
        assert read(f"one/{stem}.png").array.shape == (64, 64, 3)
    assert names - {
        f"apple-00{k}{e}" for k in (0, 1) for e in (".glb", ".stl", ".json", ".png", "-along.png", "-across.png")
    } == {"sheet.png", "summary.json"}
    assert "apple-001.glb" in out
    assert "sheet.png" in out
    code, _, err = call(*ask, "--render", 64, "--cut", "--out", "two")
    assert code == 0, err
    for name in names - {"summary.json"}:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name
    assert call(*ask, "--out", "one")[0] == 0  # what it made itself it may replace
    assert "apple-000-along.png" not in {p.name for p in Path("one").iterdir()}


def test_json_dry_run_and_list(call: object, tmp_path: Path) -> None:
    code, out, err = call("make", "knife", "--json", "--render", "none", "--format", "none")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["schema"] == "pellucid.make/1"
    assert told["objects"][0]["files"] == ["knife-000.json"]
    shutil.rmtree("pellucid-made")
    code, out, _ = call("make", "knife", "coin", "--count", 500, "--dry-run")
    assert code == 0
    assert "1000 objects" in out
    assert json.loads(call("make", "coin", "--dataset", "--dry-run", "--json")[1])["objects"] == 1
    assert not list(tmp_path.iterdir())
    code, out, _ = call("make")
    assert code == 0
    for name in ("apple", "coin", "knife", "vehicle", "fruit-bowl", "landmark-plate"):
        assert f"{name}: " in out
    assert "--seeds 3..8" in out
    assert len(json.loads(call("make", "--json")[1])["objects"]) >= 6
    code, out, _ = call("make", "--help")
    assert code == 0
    assert "--seeds" in out
    assert "3..8" in out


def test_a_data_set(call: object) -> None:
    ask = ("make", "vehicle", "--count", 6, "--dataset", "--render", 48, "--yolo", "--hold-out", "type=van,make=corvo")
    code, out, err = call(*ask, "--tie", "type~backdrop:0.9", "--out", "set", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.dataset/1"
    assert sum(told["splits"].values()) == told["images"] == 6
    top = {p.name for p in Path("set").iterdir()}
    assert {"images", "masks", "labels", "labels.csv", "coco.json", "classes.json", "data.yaml", "sheet.png"} <= top
    assert top == set(told["files"]["all"])
    assert not list(Path("set").rglob("*.glb"))
    assert call(*ask, "--out", "set", "--format", "ply")[0] == 0
    assert len(list(Path("set/models").iterdir())) == 6


@pytest.mark.parametrize("more", [["--dataset"], ["--format", "none"]])
def test_the_sheet_shows_some_of_each_and_says_how_many(more: list[str], call: object) -> None:
    code, out, err = call("make", "coin", "knife", "--count", 20, "--render", 16, "--samples", 1, *more, "--out", "s")
    assert code == 0, err
    assert "36 of 40 shown at a glance" in out
    sheet = read("s/sheet.png").array
    places = [sheet[4 + 196 * r :][:192, 4 + 196 * c :][:, :192] for r in range(6) for c in range(6)]
    rendered = {p.name: read(p).array for p in Path("s").rglob("*-*.png") if p.parent.name != "masks"}
    for name, first in (("coin", 0), ("knife", 18)):
        for k in range(18):
            picture = next(v for n, v in rendered.items() if n in (f"{name}-{k:05d}.png", f"{name}-{k:03d}.png"))
            assert (places[first + k] == thumb(picture)).all()


def test_a_recipe_of_ones_own(call: object) -> None:
    code, out, err = call("make", MUSHROOM, "--warts", 3, "--render", 48, "--cut", "--out", "m")
    assert code == 0, err
    assert "warts 3" in out
    assert Path("m/mushroom-000-along.png").exists()
    code, _, err = call("make", MUSHROOM, "--wartz", 3)
    assert code == 2
    assert "--warts" in err


@pytest.mark.parametrize(
    ("ask", "word"),
    [
        (["aple"], "apple"),
        (["--list"], "there is no --list; leave it away: pellucid make alone lists the objects"),
        (["--dataset"], "name an object: apple"),
        (["--count", "1"], "name an object: apple"),
        (["--out", "there", "--json"], "name an object: apple"),
        (["apple", "apple"], "twice"),
        (["apple", "--sise", "3"], "--size"),
        (["apple", "--size"], "--size needs a value"),
        (["apple", "--size", "50..30"], "30..50"),
        (["apple", "--seeds", "3..80"], "out of bounds"),
        (["apple", "--seeds", "many"], "3..8"),
        (["apple", "--variety", "oblong"], "round"),
        (["apple", "--count", "0"], "--count"),
        (["apple", "--seed", "-1"], "--seed"),
        (["apple", "--render", "huge"], "--render"),
        (["apple", "--render", "4000"], "samples"),
        (["apple", "--format", "blend"], "glb"),
        (["apple", "--cut", "--render", "none"], "--cut"),
        (["apple", "--yolo"], "--dataset"),
        (["apple", "--dataset", "--render", "none"], "whole pictures"),
        (["apple", "--dataset", "--split", "0.5,0.5"], "--split"),
        (["apple", "--dataset", "--hold-out", "variety"], "--hold-out"),
        (["apple", "--dataset", "--hold-out", "varieti=flat"], "variety"),
        (["apple", "--tie", "size"], "--tie"),
        (["apple", "--tie", "size~sedes:1"], "seeds"),
        (["absent.toml"], "absent.toml"),
        (["recipe.py"], "--trust"),
        (["apple", "--out", "full"], "full"),
    ],
)
def test_bad_input(ask: list[str], word: str, call: object, tmp_path: Path) -> None:
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    code, out, err = call("make", *ask)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["full", "mine.txt"]


def test_help_does_not_load_torch() -> None:
    text = "import sys; sys.argv = ['pellucid', 'make', '--help']\nfrom pellucid.cli.main import main\n"
    text += "try: main()\nexcept SystemExit: print('torch' in sys.modules, 'trimesh' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False False")


def test_interrupted_nothing_is_left(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("pellucid"), "make", "apple", "--count", "100000", "--out", "many"]
    started = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ})
    until = time.monotonic() + 60
    while not list(tmp_path.rglob("apple-*.png")):
        assert time.monotonic() < until
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "nothing was left" in err
    assert not list(tmp_path.iterdir())
