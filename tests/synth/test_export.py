"""The established formats, opened again by an independent library; JSON beside; the same bytes for the same seed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.synth import export
from pellucid.synth.recipe import recipe
from pellucid.synth.table import objects

trimesh = pytest.importorskip("trimesh")

OBJECTS = sorted(objects)


@pytest.mark.parametrize("name", OBJECTS)
def test_glb_opens_equal_part_by_part(name: str, tmp_path: Path) -> None:
    scene = recipe(name).make(1)
    opened = trimesh.load(scene.save(tmp_path / "made.glb"), process=False)
    assert sorted(opened.geometry) == sorted(p.name for p in scene.parts)
    for part in scene.parts:
        found = opened.geometry[part.name]
        assert found.is_watertight
        assert (found.faces == part.mesh.faces).all()
        assert (found.visual.vertex_colors[:, :3] == part.mesh.colours).all()
        x, y, z = np.asarray(found.vertices).T * 1000  # glTF: metres, y up
        np.testing.assert_allclose(np.stack([x, -z, y], 1), part.mesh.vertices, rtol=1e-5, atol=1e-3)
        assert found.volume * 1e9 == pytest.approx(part.mesh.volume, rel=1e-3)


@pytest.mark.parametrize("kind", ["obj", "ply", "stl"])
def test_the_others_open_equal_and_watertight(kind: str, tmp_path: Path) -> None:
    scene = recipe("apple").make(1)
    more = {"split_objects": True} if kind == "obj" else {}
    opened = trimesh.load(scene.save(tmp_path / f"made.{kind}"), **more)
    parts = opened.geometry if hasattr(opened, "geometry") else {"all": opened}
    if kind == "obj":
        assert sorted(parts) == sorted(p.name for p in scene.parts)
    assert all(m.is_watertight for m in parts.values())
    assert sum(m.volume for m in parts.values()) == pytest.approx(sum(p.mesh.volume for p in scene.parts), rel=1e-4)
    assert sum(len(m.faces) for m in parts.values()) == len(scene.whole.faces)
    if kind != "stl":
        skin = parts["skin"] if kind == "obj" else parts["all"]
        ours = scene["skin"].mesh if kind == "obj" else scene.whole
        assert np.abs(skin.visual.vertex_colors[:, :3].mean(0) - ours.colours.mean(0)).max() < 1


@pytest.mark.parametrize("kind", ["obj", "ply", "stl"])
@pytest.mark.parametrize("name", OBJECTS)
def test_opened_as_usual_all_in_one_it_is_watertight(name: str, kind: str, tmp_path: Path) -> None:
    for number in range(4 if kind == "stl" else 2):  # a usual load merges vertices that coincide
        scene = recipe(name).make(7, number)
        opened = trimesh.load(scene.save(tmp_path / f"made.{kind}"))
        assert opened.is_watertight, number
        assert len(opened.faces) == len(scene.whole.faces)


@pytest.mark.parametrize("kind", list(export.FORMATS))
def test_same_seed_same_bytes(kind: str) -> None:
    first, again, other = (export.encoded(recipe("knife").make(s), kind) for s in (4, 4, 5))
    assert first == again != other


def test_the_facts_beside(tmp_path: Path) -> None:
    scene = recipe("apple").make(2, 3)
    scene.save(tmp_path / "apple.stl")
    told = json.loads((tmp_path / "apple.json").read_text())
    assert (told["object"], told["seed"], told["number"]) == ("apple", 2, 3)
    assert told["parameters"] == scene.parameters
    assert [p["name"] for p in told["parts"]] == [p.name for p in scene.parts]
    assert told["measured"]["red_share"] == scene.measured["red_share"]
    again = pellucid.generator(told["object"], seed=told["seed"])
    assert again.recipe.draw(told["seed"], told["number"]) == told["parameters"]


def test_formats_and_libraries_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = recipe("knife").make(0)
    with pytest.raises(pellucid.BadInput, match="glb"):
        scene.save(tmp_path / "knife.gltb")
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(pellucid.BadInput, match="mesh"):
        scene.save(tmp_path / "knife.glb")
    assert not list(tmp_path.iterdir())
