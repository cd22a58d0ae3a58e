"""What the commands that look inside a network share: their inputs, and the lines that do the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.cli.looking import inputs_of, python_lines
from pellucid.cli.models import Choice, read_size
from pellucid.core.errors import BadInput
from pellucid.core.types import View


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for name in ("b", "a"):
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(f"pictures/{name}.png")
    np.save("flat.npy", np.zeros((4, 5)))
    np.save("deep.npy", np.zeros((4, 5, 2)))
    np.save("many.npy", np.zeros((3, 4, 5)))
    return tmp_path


def test_pictures_and_folders_are_files_without_a_shape(place: Path) -> None:
    named = inputs_of(["pictures", "example:cat"])
    assert named.inputs == named.files == ["pictures/a.png", "pictures/b.png", "example:cat"]
    assert named.shape is None
    assert not inputs_of([]).inputs


def test_matrices_are_read_and_have_a_shape(place: Path) -> None:
    assert inputs_of(["flat.npy"]).shape == (4, 5, 1)
    assert inputs_of(["deep.npy"]).shape == (4, 5, 2)
    many = inputs_of(["many.npy"], stacked=True)
    assert (len(many.inputs), many.shape) == (3, (4, 5, 1))


@pytest.mark.parametrize(
    ("data", "stacked", "said"),
    [
        (["pictures", "lost.png"], False, "no such file"),
        (["many.npy", "flat.npy"], True, "takes one file"),
    ],
)
def test_mistakes_are_told(place: Path, data: list[str], stacked: bool, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        inputs_of(data, stacked=stacked)


def test_the_lines_leave_out_what_is_the_functions_own_default() -> None:
    def look(network: Any, inputs: Any, layers: Any = None, *, units: int = 6, seed: int = 0) -> View:
        raise AssertionError

    choice = Choice("torchvision:resnet18", weights="none", device="auto")
    network = pellucid.open("torchvision:resnet18", weights="none")
    given = {"layers": ["fc"], "units": 6, "seed": 3}
    lines = python_lines(choice, network, look, ["'a.png'"], given, imports=["import math"], last=["v.table"])
    assert lines.splitlines() == [
        "import pellucid",
        "import math",
        "",
        "net = pellucid.open('torchvision:resnet18', weights='none')",
        "v = pellucid.look(net, 'a.png', layers=['fc'], seed=3)",
        "v.show()",
        "v.table",
    ]


def test_sizes() -> None:
    assert read_size("400x600") == (400, 600)
    assert read_size("400") == (400, 400)
    for text in ("400x", "x", "axb", "1.5"):
        with pytest.raises(BadInput, match=f"--size {text}"):
            read_size(text)
