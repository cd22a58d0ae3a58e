"""The command line as a user runs it: real processes, real files, real photos."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
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
from pellucid.cli.interrupt import interruptible
from pellucid.cli.main import main
from pellucid.core.progress import track
from pellucid.data.images import EXAMPLES, read

PELLUCID = Path(sys.executable).with_name("pellucid")
CAT = read("example:cat").array
QUICK = ("--method", "grad_cam")


def run(*args: Any, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    return subprocess.run([PELLUCID, *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True, **more)


# -- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], ["explain", "--help"], ["layers", "--help"], ["models", "--help"]]
)
def test_help_does_not_load_torch(args: list[str], tmp_path: Path) -> None:
    code = f"""
import sys
from pellucid.cli.main import main
sys.argv = ["pellucid", *{args!r}]
try:
    main()
except SystemExit as end:
    assert not end.code
assert not {{"torch", "matplotlib", "timm"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_version(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"pellucid {pellucid.__version__}\n"


def test_layers(tmp_path: Path) -> None:
    done = run("layers", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("blocks", "BatchNormAct2d", "1280 × 7 × 7", "4 652 008 parameters", "stages: blocks.0"):
        assert word in done.stdout
    found = json.loads(run("layers", "timm:test_resnet", "type:Conv2d", "--json", cwd=tmp_path).stdout)
    assert {l["type"] for l in found["layers"]} == {"Conv2d"}


def test_methods(tmp_path: Path) -> None:
    done = run("methods", cwd=tmp_path)
    for word in ("integrated_gradients", "completeness", "localisation", "arXiv:1610.02391", "1 forward a window"):
        assert word in done.stdout
    assert "--tolerance" in run("methods", "integrated_gradients", cwd=tmp_path).stdout
    names = [m["name"] for m in json.loads(run("methods", "--json", cwd=tmp_path).stdout)["methods"]]
    assert {"gradient", "smoothgrad", "occlusion", "grad_cam"} <= set(names)


def test_models(tmp_path: Path) -> None:
    assert run("models", "lite0", cwd=tmp_path).stdout.split()[0] == "efficientnet_lite0"
    assert "torchvision:vgg16" in json.loads(run("models", "*vgg1*", "--json", cwd=tmp_path).stdout)["models"]


# -- explain --------------------------------------------------------------------------------------


def test_explain_two_photos_two_targets_as_json(tmp_path: Path) -> None:
    Image.fromarray(CAT).save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(read("example:coffee").array).save(tmp_path / "b.png")
    args = ["a.jpg", "b.png", "--method", "occlusion", "--method", "grad_cam", "--target", "top", "--target", "285"]
    done = run("explain", *args, "--window", "56", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["schema"] == "pellucid.explain/1"
    report = Path(summary["report"])
    assert report == tmp_path / "pellucid-report" / "index.html"
    assert {p.name for p in tmp_path.iterdir()} == {"a.jpg", "b.png", "pellucid-report"}
    stored = pellucid.load(report.with_name("explanations.npz"))
    maps = [v for v in stored.values() if isinstance(v, pellucid.Explanation)]
    assert len(maps) == 8
    assert {(m.method, m.target[0]) for m in maps} == {
        (m, t) for m in ("occlusion", "grad_cam") for t in ("tiger cat", "espresso", "Egyptian cat")
    }
    assert maps[0].options["window"] == 56
    assert len(list(report.parent.glob("*.png"))) >= 9
    assert "pellucid explain a.jpg b.png" in report.read_text(encoding="utf-8")


#: In the 224 × 224 crop, as top, left, bottom, right.
EVIDENCE = [
    ("grad_cam", "example:cat", "tiger cat", (20, 30, 190, 200)),  # the face
    ("grad_cam", "example:coffee", "espresso", (40, 40, 200, 200)),  # the cup
    ("occlusion", "example:coffee", "espresso", (40, 40, 200, 200)),
]


@pytest.mark.parametrize(("method", "photo", "target", "box"), EVIDENCE)
def test_the_evidence_is_where_the_object_is(
    default_network: pellucid.Network, method: str, photo: str, target: str, box: tuple[int, int, int, int]
) -> None:
    map_ = pellucid.explain(default_network, photo, method, target).map()
    top, left, bottom, right = box
    row, column = np.unravel_index(map_.argmax(), map_.shape)
    assert top <= row <= bottom
    assert left <= column <= right
    positive = np.clip(map_, 0, None)
    area = (bottom - top) * (right - left) / map_.size
    assert positive[top:bottom, left:right].sum() / positive.sum() > area + 0.05


def test_the_python_lines_reproduce_the_run(tmp_path: Path) -> None:
    args = ["example:cat", "--model", "timm:test_resnet", "--weights", "none", "--seed", 3, "--target", 7]
    args += ["--method", "grad_cam", "--layer", "stage:1", "--layer", "stage:2", "--relu", "true"]
    args += ["--method", "integrated_gradients", "--of", "probability", "--tolerance", 0.5]
    done = run("explain", *args, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    stored = pellucid.load(tmp_path / "pellucid-report" / "explanations.npz")
    told = [v for v in stored.values() if isinstance(v, pellucid.Explanation)]
    lines = json.loads(done.stdout)["python"].splitlines()
    scope: dict[str, Any] = {}
    exec("\n".join(l for l in lines if not l.startswith(("e =", "e.", "v"))), scope)
    again = [eval(l.removeprefix("e = "), scope) for l in lines if l.startswith("e =")]
    assert len(again) == len(told) == 4
    assert [e.receipt.layer for e in again] == [e.receipt.layer for e in told]
    for ours, theirs in zip(again, told, strict=True):
        np.testing.assert_array_equal(ours.values, theirs.values)


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = run(
            "explain", "example:cat", "--method", "smoothgrad", "--samples", 2, "--out", name, "--seed", 3, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    one, two = (pellucid.load(tmp_path / n / "explanations.npz") for n in ("one", "two"))
    assert one.keys() == two.keys()
    for key in one:
        same = one[key].values == two[key].values if isinstance(one[key], pellucid.Explanation) else None
        assert same is None or same.all()


def test_a_report_is_replaced_and_other_folders_are_not(tmp_path: Path) -> None:
    assert run("explain", "example:cat", *QUICK, "--out", "r", cwd=tmp_path).returncode == 0
    assert run("explain", "example:coffee", *QUICK, "--out", "r", cwd=tmp_path).returncode == 0
    assert not list((tmp_path / "r").glob("*cat*"))
    (tmp_path / "r" / "notes.txt").touch()  # the user's own, in a report of ours
    assert run("explain", "example:cat", *QUICK, "--out", "r", cwd=tmp_path).returncode == 2
    assert (tmp_path / "r" / "notes.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    done = run("explain", "example:cat", *QUICK, "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_a_vision_transformer_keeps_the_methods_that_suit_it(tmp_path: Path) -> None:
    args = ["--model", "timm:test_vit", "--weights", "none", "--target", 3, "--window", 80]
    done = run("explain", "example:cat", *args, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {e["method"] for e in found["photos"][0]["explanations"]} == {"integrated_gradients", "occlusion"}
    said = " ".join(found["notes"])
    assert "grad_cam is not shown" in said
    assert "weights are random" in said
    assert run("explain", "example:cat", *args, *QUICK, cwd=tmp_path).returncode == 2  # asked for by name


def test_another_size_keeps_the_rest_of_the_preprocessing(tmp_path: Path) -> None:
    done = run("explain", "example:cat", "--size", "192", *QUICK, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)["photos"][0]["explanations"][0]["receipt"]
    assert receipt["provenance"]["preprocessing"]["size"] == [192, 192]
    assert receipt["provenance"]["preprocessing"]["mean"] == [127, 127, 127]


@pytest.mark.parametrize("after", [0.0, 2.0])  # seconds of work in the temporary folder
def test_ctrl_c_leaves_nothing(after: float, tmp_path: Path) -> None:
    endless = ["--method", "smoothgrad", "--samples", "100000"]
    with subprocess.Popen(
        [PELLUCID, "explain", "example:cat", *endless], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            deadline = time.monotonic() + 60
            while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert list(tmp_path.iterdir())  # it is at work in its temporary folder
            time.sleep(after)
            started.send_signal(signal.SIGINT)
            _, said = started.communicate(timeout=60)
        finally:
            started.kill()
    assert started.returncode == 130
    assert said.strip() == "pellucid: interrupted; nothing was left half-written"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_that_a_library_swallows_is_asked_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        with contextlib.suppress(BaseException):  # as an import does that catches everything
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            list(track(range(3), "steps"))
    assert signal.getsignal(signal.SIGINT) is before


# -- bad input ------------------------------------------------------------------------------------


class Bomb:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("it-ran"),)


def bad_files(folder: Path) -> None:
    Image.fromarray(CAT).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:9000])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.png").touch()
    (folder / "folder").mkdir()
    Image.new("P", (20_000, 20_000)).save(folder / "huge.png")
    Image.new("RGB", (300, 300), "green").save(folder / "flat.png")
    (folder / "evil.pt").write_bytes(pickle.dumps(Bomb()))


BAD = {
    "missing file": (["absent.jpg"], "no such file"),
    "a folder": (["folder"], "folder"),
    "not an image": (["text.jpg"], "not"),
    "truncated": (["cut.jpg"], "cut.jpg"),
    "zero bytes": (["empty.png"], "empty"),
    "huge": (["huge.png"], "pixels"),
    "one colour": (["flat.png"], "same value"),
    "unknown example": (["example:dog"], "'cat'"),
    "unknown model": (["whole.jpg", "--model", "efficientnet_lite"], "efficientnet_lite0"),
    "unknown layer": (["whole.jpg", "--method", "grad_cam", "--layer", "block.4"], "blocks.4"),
    "many layers": (["whole.jpg", "--method", "grad_cam", "--layer", "blocks.*"], "7 layers"),
    "no unit": (["whole.jpg", *QUICK, "--unit", "blocks.4"], "LAYER:CHANNEL"),
    "unit out of range": (["whole.jpg", *QUICK, "--unit", "blocks.4:999"], "no unit 999"),
    "no patterns": (["whole.jpg", "--method", "pattern_net"], "patterns fit"),
    "mistyped rule": (["whole.jpg", "--method", "lrp", "--composite", "conv=zplus"], "z_plus"),
    "unknown method": (["whole.jpg", "--method", "gradcam"], "grad_cam"),
    "unknown class": (["whole.jpg", "--target", "tigre cat"], "tiger cat"),
    "class out of range": (["whole.jpg", "--target", "1000"], "0 to 999"),
    "unknown option": (["whole.jpg", "--method", "occlusion", "--windo", "9"], "--window"),
    "option of another": (["whole.jpg", "--method", "grad_cam", "--window", "9"], "no option of grad_cam"),
    "option's value": (["whole.jpg", "--method", "occlusion", "--window", "wide"], "window"),
    "window too large": (["whole.jpg", "--method", "occlusion", "--window", "300"], "does not fit"),
    "baseline": (["whole.jpg", "--method", "occlusion", "--baseline", "grey"], "baseline"),
    "of": (["whole.jpg", *QUICK, "--of", "softmax"], "probability"),
    "device": (["whole.jpg", *QUICK, "--device", "tpu"], "device"),
    "a pickle": (["whole.jpg", "--model", "file:evil.pt", "--architecture", "timm:resnet18"], "evil.pt"),
    "a pickle, alone": (["whole.jpg", "--model", "file:evil.pt"], "architecture"),
    "class names": (["whole.jpg", *QUICK, "--classes", "absent.txt"], "absent.txt"),
    "out is a file": (["whole.jpg", *QUICK, "--out", "whole.jpg"], "whole.jpg"),
    "out below a file": (["whole.jpg", *QUICK, "--out", "whole.jpg/report"], "whole.jpg"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bad")
    bad_files(place)
    return place


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_the_cure(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    args, word = BAD[case]
    before = sorted(folder.iterdir())
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["pellucid", "explain", *args])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capfd.readouterr()
    assert end.value.code == 2, err
    assert out == ""
    assert word in err
    assert len(err.strip().splitlines()) == 1, err
    assert sorted(folder.iterdir()) == before  # nothing written, and no pickle ran


@pytest.mark.parametrize("case", ["missing file", "truncated", "a pickle", "unknown method"])
def test_bad_input_in_a_process_of_its_own(case: str, folder: Path) -> None:
    args, word = BAD[case]
    before = sorted(folder.iterdir())
    done = run("explain", *args, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert sorted(folder.iterdir()) == before


def test_pictures_of_every_kind_are_read_rightly(tmp_path: Path) -> None:
    """The same cat, nine ways: the network must see the same in all of them."""
    picture = Image.fromarray(CAT)
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    picture.quantize(256).save(tmp_path / "palette.png")
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    grey = np.asarray(picture.convert("L"))
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    files = sorted(p.name for p in tmp_path.iterdir())
    done = run("explain", *files, *QUICK, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for photo in json.loads(done.stdout)["photos"]:
        names = {p["name"] for p in photo["predictions"][:3]}
        assert names & {"tiger cat", "Egyptian cat", "tabby"}, (photo["name"], names)


def test_no_space_to_write(tmp_path: Path) -> None:
    """Files of at most 20 kB, as on a full disk: one line, exit 2, nothing left."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
    done = run("explain", "example:cat", *QUICK, cwd=tmp_path, preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_example_can_be_explained(default_network: pellucid.Network) -> None:
    for name in EXAMPLES:
        assert pellucid.explain(default_network, f"example:{name}", "gradient").values.any()
