"""``pellucid compare`` as a user runs it: real processes, the default network, real photos, a real browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.cli.main import main
from pellucid.cli.results import is_report

PELLUCID = Path(sys.executable).with_name("pellucid")
METHODS = ("gradient", "guided_backprop", "input_times_gradient", "grad_cam", "lrp")
ORDERED = ["gradient", "guided_backprop", "input_times_gradient", "lrp", "grad_cam"]
NAMED = [word for m in METHODS for word in ("--method", m)]


def run(*args: Any, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    return subprocess.run([PELLUCID, "compare", *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The sheet of two photos and five methods, and what --json said of it."""
    place = tmp_path_factory.mktemp("compare")
    done = run("example:cat", "example:coffee", *NAMED, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return place / "pellucid-compare", json.loads(done.stdout)


def test_the_folder_holds_the_sheet_the_page_and_every_map(made: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = made
    assert summary["schema"] == "pellucid.compare/1"
    assert summary["methods"] == ORDERED
    assert summary["left_out"] == {}
    assert {p.name for p in folder.iterdir()} == set(summary["files"]["all"])
    assert {p.name for p in folder.parent.iterdir()} == {"pellucid-compare"}
    assert json.loads((folder / "summary.json").read_text())["photos"] == summary["photos"]
    cat, coffee = summary["photos"]
    assert cat["predictions"][0]["name"] == "tiger cat"
    assert coffee["predictions"][0]["name"] == "espresso"
    stored = pellucid.load(folder / "explanations.npz")
    for photo in (cat, coffee):
        assert [e["method"] for e in photo["explanations"]] == ORDERED
        for told in photo["explanations"]:
            assert told["receipt"]["seconds"] > 0
            with Image.open(folder / told["file"]) as picture:
                assert picture.size == (448, 448)
            assert stored[told["array"]].method == told["method"]
    lrp = cat["explanations"][ORDERED.index("lrp")]["receipt"]
    assert lrp["relative_gap"] < 1e-4
    assert cat["explanations"][0]["receipt"]["relative_gap"] is None


def test_the_picture_is_a_grid_of_photos_and_methods(made: tuple[Path, dict[str, Any]]) -> None:
    with Image.open(made[0] / "sheet.png") as picture:
        inked = (np.asarray(picture.convert("RGB")) < 250).any(2)
    height, width = inked.shape
    assert 1 < width / height < 2.5
    assert inked.mean() > 0.4
    assert min(half.mean() for half in np.array_split(inked, 2, axis=1)) > 0.3  # no empty half


def test_the_python_lines_reproduce_the_sheet(made: tuple[Path, dict[str, Any]], default_network: Any) -> None:
    folder, summary = made
    line = next(l for l in summary["python"].splitlines() if l.startswith("c = "))
    scope = {"pellucid": pellucid, "net": default_network, "photos": ["example:cat", "example:coffee"]}
    exec(line, scope)
    again = scope["c"]
    stored = pellucid.load(folder / "explanations.npz")
    for row, photo in zip(again.explanations, summary["photos"], strict=True):
        for explanation, told in zip(row, photo["explanations"], strict=True):
            np.testing.assert_array_equal(explanation.values, stored[told["array"]].values)


#: Elements whose text is wider than they are: cut off, or written over the neighbour.
OVERFLOWING = """[...document.querySelectorAll('h1, h2, th, td, p, li, dd, dt, figcaption, .short span')]
    .filter(e => e.checkVisibility() && !e.closest('.sr-only') && e.scrollWidth > e.clientWidth + 1
            && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline')
    .map(e => e.textContent.trim().slice(0, 50))"""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("photos", [1, 2])
def test_the_page_in_a_browser(
    made: tuple[Path, dict[str, Any]], browser: Any, width: int, photos: int, tmp_path: Path
) -> None:
    folder = made[0] if photos == 2 else _one_photo(made, tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    address = (folder / "index.html").as_uri()
    page.on("console", lambda m: complaints.append(m.text))
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.on("request", lambda r: r.url.startswith("data:") or r.url == address or complaints.append(r.url[:200]))
    page.goto(address)
    assert page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0
    assert page.locator("button.view").count() == photos * len(METHODS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == []
    for link in page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
        assert link.startswith("#") or (folder / link).is_file(), link
    view = page.locator("button.view").nth(1)
    view.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(250)
    assert view.locator(".heat").evaluate("e => getComputedStyle(e).opacity") == "0"  # the bare photo
    if photos == 2:
        _check_sticky(page)
    context.close()
    assert complaints == []


def _check_sticky(page: Any) -> None:
    """The names of methods and photos stay in sight when the sheet is scrolled."""
    page.set_viewport_size({"width": 390, "height": 420})
    moved = page.evaluate(
        """() => {
        const sheet = document.querySelector('.sheet'), box = () => sheet.getBoundingClientRect();
        sheet.scrollTop = 120; sheet.scrollLeft = 250;
        const head = document.querySelector('.sheet thead').getBoundingClientRect();
        const row = document.querySelector('.sheet tbody th').getBoundingClientRect();
        return [sheet.scrollTop, sheet.scrollLeft, head.top - box().top, row.left - box().left];
    }"""
    )
    assert moved[:2] == [120, 250]
    assert moved[2:] == pytest.approx([1, 1], abs=1)  # the border


def _one_photo(made: tuple[Path, dict[str, Any]], place: Path) -> Path:
    """The page of the first photo alone, from the values that the command stored."""
    from pellucid.report.run import PhotoResult, Prediction, Run
    from pellucid.report.sheet_page import write_sheet

    folder, summary = made
    stored, told = pellucid.load(folder / "explanations.npz"), summary["photos"][0]
    maps = tuple(stored[e["array"]] for e in told["explanations"])
    best = tuple(Prediction(**p) for p in told["predictions"])
    photo = PhotoResult(told["name"], told["source"], maps[0].pictures[0], best, maps)
    left_out = {"rise": "it is slow: 1 forward a mask"}
    write_sheet(place, Run("pellucid compare", "import pellucid", summary["network"], (photo,), left_out=left_out))
    return place


def in_process(*args: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The command without a process of its own: exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["pellucid", "compare", *args])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), *capfd.readouterr()


def test_what_cannot_run_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["example:cat", "--model", "timm:test_vit", "--weights", "none", "--quick", "--target", "3"]
    code, _, err = in_process(*args, monkeypatch=monkeypatch, capfd=capfd)
    assert code == 0, err
    for said in (
        "grad_cam is left out: ",
        "pattern_net is left out: it needs fitted patterns",
        "rise is left out: it is slow",
        "smooth is left out: it wraps another method",
        "weights are random",
    ):
        assert said in err
    page = (tmp_path / "pellucid-compare" / "index.html").read_text(encoding="utf-8")
    assert "Left out" in page
    assert "it needs fitted patterns" in page


def test_a_sheet_may_be_replaced_and_other_folders_may_not(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert is_report(made[0])
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine.txt").touch()
    done = run("example:cat", "--method", "gradient", "--out", "s", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["mine.txt"]


SMALL = ("--model", "timm:test_resnet", "--weights", "none")

BAD = {
    "missing file": (["absent.jpg"], "no such file"),
    "one colour": (["flat.png", *SMALL], "same value"),
    "unknown method": (["cat.png", "--method", "gradcam"], "grad_cam"),
    "unknown class": (["cat.png", *SMALL, "--quick", "--target", "tigre cat"], "tiger cat"),
    "unknown layer": (["cat.png", *SMALL, "--quick", "--layer", "stages.9"], "no layer matches"),
    "layer for none": (["cat.png", *SMALL, "--method", "gradient", "--layer", "blocks.4"], "layer"),
    "named and quick": (["cat.png", "--quick", "--method", "gradient"], "quick"),
    "named without patterns": (["cat.png", *SMALL, "--method", "gradient", "--method", "pattern_net"], "patterns fit"),
    "no such patterns": (["cat.png", *SMALL, "--method", "pattern_net", "--patterns", "absent.npz"], "absent.npz"),
    "unknown option": (["cat.png", "--method", "occlusion", "--windo", "9"], "--window"),
    "option of another": (["cat.png", "--method", "grad_cam", "--window", "9"], "no option of grad_cam"),
    "option of one left out": (["cat.png", *SMALL, "--quick", "--window", "9"], "name occlusion"),
    "out is a file": (["cat.png", "--method", "gradient", "--out", "cat.png"], "cat.png"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bad")
    Image.fromarray(pellucid.read("example:cat").array).save(place / "cat.png")
    Image.new("RGB", (300, 300), "green").save(place / "flat.png")
    return place


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_the_cure(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    args, word = BAD[case]
    before = sorted(folder.iterdir())
    monkeypatch.chdir(folder)
    code, out, err = in_process(*args, monkeypatch=monkeypatch, capfd=capfd)
    assert code == 2, err
    assert out == ""
    assert word in err
    assert len(err.strip().splitlines()) == 1, err
    assert sorted(folder.iterdir()) == before


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    endless = ["--method", "gradient", "--method", "smoothgrad", "--samples", "100000"]
    with subprocess.Popen(
        [PELLUCID, "compare", "example:cat", *endless], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            deadline = time.monotonic() + 60
            while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.5)
            started.send_signal(signal.SIGINT)
            _, said = started.communicate(timeout=60)
        finally:
            started.kill()
    assert started.returncode == 130
    assert said.strip() == "pellucid: interrupted; nothing was left half-written"
    assert list(tmp_path.iterdir()) == []
