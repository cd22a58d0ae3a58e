"""Pictures with masks are read once each: for the network, their targets and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.data.dataset import Files
from pellucid.data.sets.opening import open_dataset
from pellucid.training.plan import Plan
from pellucid.training.runs import Run
from pellucid.training.scenes_evaluated import scenes_of
from pellucid.training.setup import prepare
from pellucid.training.train import train
from training.learnable import undrawn  # noqa: F401  (a fixture)

CHOICES: dict[str, Any] = {"task": "segmentation", "model": "unet:2x1", "epochs": 1, "size": (8, 8)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of two sizes, each with a bright square."""
    place = tmp_path_factory.mktemp("squares")
    generator = np.random.default_rng(0)
    for part in ("images", "masks"):
        (place / part).mkdir()
    for i in range(10):
        mask = np.zeros((16 + 8 * (i % 2), 16), bool)
        mask[2 + i % 5 : 9 + i % 5, 3:10] = True
        pixels = generator.integers(0, 60, mask.shape, dtype=np.uint8) + 150 * mask.astype(np.uint8)
        Image.fromarray(pixels).save(place / "images" / f"{i}.png")
        Image.fromarray(255 * mask.astype(np.uint8)).save(place / "masks" / f"{i}.png")
    return place


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each picture was read."""
    found: Counter[str] = Counter()
    plain = Files.__getitem__

    def counting(self: Files, i: int) -> object:
        found[self.paths[i]] += 1
        return plain(self, i)

    monkeypatch.setattr(Files, "__getitem__", counting)
    return found


def test_each_picture_is_read_once(folder: Path, tmp_path: Path, reads: Counter[str]) -> None:
    run = train(folder, out=tmp_path / "run", **CHOICES)
    reads.clear()
    scenes = scenes_of(Run.open(run.folder), open_dataset(folder), "all")
    told = [(output.shape[0], target.shape[0]) for output, target in scenes.outputs()]
    assert told == [(10, 10)]
    assert len(reads) == 10
    assert set(reads.values()) == {1}
    data = open_dataset(folder)
    plan = Plan.of({**CHOICES, "device": "cpu"})
    first = data.names()[0]
    reads.clear()
    setup = prepare(data, plan)
    assert {path: count for path, count in reads.items() if path != first} == dict.fromkeys(data.names()[1:], 1)
    assert reads[first] == 2  # whose size says how the network is fed
    again = prepare(data, plan, check=False)  # which looks at nothing beforehand
    assert setup.targets.equal(again.targets)


def test_pictures_without_a_mask_are_counted_and_left_out(folder: Path, tmp_path: Path) -> None:
    run = train(folder, out=tmp_path / "run", **CHOICES)
    every = open_dataset(folder)
    data = replace(every, masks=tuple(None if i in (0, 4) else mask for i, mask in enumerate(every.masks or ())))
    scenes, whole = scenes_of(run, data, "all"), scenes_of(run, every, "all")
    kept = [i for i in range(10) if i not in (0, 4)]
    assert (scenes.skipped, len(scenes.items)) == (2, 8)
    assert scenes.items.names() == tuple(whole.items.names()[i] for i in kept)
    assert scenes.examples.targets.equal(whole.examples.targets[kept])
    some = scenes.examples.x(slice(0, 8), run.network.device)
    assert some.equal(whole.examples.x(slice(0, 10), run.network.device)[kept])
