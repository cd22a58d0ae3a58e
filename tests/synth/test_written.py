"""Recipes in a file: what may stand in them, that no text is run, and that mistakes are told with their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.synth import written
from pellucid.synth.expression import value
from pellucid.synth.mesh import open_edges
from pellucid.synth.ranges import Among, Between, Whole
from pellucid.synth.table import objects
from pellucid.synth.textures import red_share

trimesh = pytest.importorskip("trimesh")
MUSHROOM = Path(pellucid.__file__).parents[2] / "docs" / "recipes" / "mushroom.toml"

FRUIT = """
name = "berry"
label = "kind"
[ranges]
size = "10.0..20.0"
seeds = "2..4"
kind = ["small", "large"]
[choices.kind.small]
grown = 1
[choices.kind.large]
grown = 2
[[part]]
name = "skin"
shape = "sphere"
radius = "size * grown"
material = { corners = { top = [255, 0, 0], bottom = [0, 0, 255] } }
deform = [{ bend = 10 }, { twist = 5 }, { dent = 0.5 }]
[[part]]
name = "seed"
shape = "sphere"
count = "seeds"
radius = "size * 0.08"
within = "skin"
[[part]]
name = "stalk"
shape = "tube"
path = [[0, 0, 0], [0, "size", "size"], [0, 0, "size * 3"]]
radius = 1
[[part]]
name = "stand"
shape = "extrude"
outline = [[0, 0], [9, 0], [9, 9], [0, 9]]
round = 2
height = 3
at = [0, 0, "-size * 3"]
turn = [0, 0, 45]
[[part]]
shape = "box"
size = [1, 2, 3]
material = { colour = [10, 20, 30], second = [30, 20, 10], spots = 3 }
"""


def recipe(tmp_path: Path, text: str) -> object:
    (tmp_path / "own.toml").write_text(text)
    return written.read(tmp_path / "own.toml")


def test_the_mushroom_of_the_docs() -> None:
    made = written.read(MUSHROOM)
    assert made.name == "mushroom"
    assert isinstance(made.ranges["size"], Between)
    assert isinstance(made.ranges["warts"], Whole)
    assert isinstance(made.ranges["kind"], Among)
    for number in range(4):
        scene = made.make(1, number)
        assert all(open_edges(p.mesh) == 0 and p.mesh.volume > 0 for p in scene.parts)
        assert sum(p.kind == "wart" for p in scene.parts) == scene.parameters["warts"]
        assert red_share(scene["cap"].mesh) == pytest.approx(scene.parameters["red"], abs=5e-4)
        cap = trimesh.Trimesh(scene["cap"].mesh.vertices, scene["cap"].mesh.faces)
        middles = [p.mesh.vertices.mean(0) for p in scene.parts if p.kind == "wart"]
        assert np.abs(trimesh.proximity.closest_point_naive(cap, middles)[1]).max() < 0.5
    assert np.array_equal(made.make(1, 0).render(40).image, written.read(MUSHROOM).make(1, 0).render(40).image)


def test_every_word_of_a_recipe(tmp_path: Path) -> None:
    made = recipe(tmp_path, FRUIT)
    for number in range(3):
        scene = made.make(0, number)
        values = scene.parameters
        assert all(open_edges(p.mesh) == 0 for p in scene.parts)
        skin = trimesh.Trimesh(scene["skin"].mesh.vertices, scene["skin"].mesh.faces)
        seeds = [p.mesh for p in scene.parts if p.kind == "seed"]
        assert len(seeds) == values["seeds"] == scene.labels["seeds"]
        assert all(skin.contains(s.vertices).all() for s in seeds)
        wide = np.ptp(skin.vertices[:, 1])
        assert wide == pytest.approx(2 * values["size"] * {"small": 1, "large": 2}[values["kind"]], rel=0.15)
        colours = scene["skin"].mesh.colours
        assert {(255, 0, 0), (0, 0, 255)} <= {tuple(c) for c in colours.tolist()}
    generator = pellucid.generator(tmp_path / "own.toml", seed=1).set_size_between(12, 12)
    assert generator.generate().parameters["size"] == 12


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"10.0..20.0"', '"20..10"', "size"),
        ('"10.0..20.0"', "3", "size"),
        ("[ranges]", "[ranges]\nturn = '1..2'", "taken"),
        ("[ranges]", "[rangs]", "ranges"),
        ('label = "kind"', 'label = "knid"', "kind"),
        ('shape = "sphere"\nradius = "size * grown"', 'shape = "spere"', "sphere"),
        ('"size * grown"', '"size * gorwn"', "grown"),
        ('"size * grown"', '"size / 0"', "skin"),
        ('"size * grown"', '"0"', "no volume"),
        ('"size * grown"', "\"__import__('os').system('true')\"", "no arithmetic|no function"),
        ('"size * grown"', '"size.__class__"', "no arithmetic"),
        ('"size * grown"', "true", "no number"),
        ('"size * grown"', f'"{"9**" * 60}9"', "skin"),
        ('"seeds"', "100000", "count"),
        ('"size * 0.08"', '"size * 0.9"', "fit"),
        ('within = "skin"', 'within = "sikn"', "skin"),
        ('within = "skin"', 'inside_of = "skin"', "within|inside"),
        ("{ dent = 0.5 }", "{ dnet = 0.5 }", "dent"),
        ("top = [255, 0, 0]", "top = [255, 0]", "list of 3"),
        ("[choices.kind.small]", "[choices.kind.smal]", "small"),
        ("[[part]]", "[[prat]]", "part"),
        ("round = 2", "round = 2\nradius = 3", "round"),
        ('name = "berry"', "name = ", "no TOML"),
        ("[choices.kind.small]", "[view]\nbackdrop = ['whyte']\n[choices.kind.small]", "white"),
        ("[choices.kind.small]", "[view]\nelevashun = '1..2'\n[choices.kind.small]", "elevation"),
        ('name = "berry"', 'name = "../berry"', "plain name"),
        ('"large"]', '"../large"]', "plain name"),
        ('name = "stand"', 'name = "a\\nb"', "plain name"),
        ("material = { colour", "material = 3 #", "no table"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, old: str, new: str, word: str) -> None:
    assert old in FRUIT
    with pytest.raises(pellucid.BadInput, match=word) as told:
        recipe(tmp_path, FRUIT.replace(old, new))
    assert "own.toml" in str(told.value)


def test_a_share_needs_red_and_green(tmp_path: Path) -> None:
    text = FRUIT.replace("corners = { top = [255, 0, 0], bottom = [0, 0, 255] }", "colour = [0, 90, 0], share = 0.5")
    with pytest.raises(pellucid.BadInput, match="more red than green"):
        recipe(tmp_path, text)


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, data in (("absent.toml", None), ("binary.toml", b"\xff\x00"), ("empty.toml", b""), ("folder.toml", None)):
        if data is not None:
            (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.toml").mkdir()
    for name in ("absent.toml", "binary.toml", "empty.toml", "folder.toml"):
        with pytest.raises(pellucid.BadInput, match=name):
            written.read(tmp_path / name)


def test_arithmetic() -> None:
    names = {"size": 4.0, "k": 3, "kind": "tall"}
    for text, wanted in (("size * 2 - 1", 7), ("-k % 2", 1), ("max(size, k) / 8", 0.5), ("cos(60)", 0.5), (2, 2)):
        assert value(text, names, "here") == pytest.approx(wanted)
    for text in ("kind", "size if k else 1", "[1]", "k ** 9", "'a'", "1e400", "sqrt(-1)", "size(", "", None):
        with pytest.raises(pellucid.BadInput, match="here"):
            value(text, names, "here")


def test_python_is_run_only_when_it_is_trusted(tmp_path: Path) -> None:
    file = tmp_path / "pebble.py"
    file.write_text(
        "from pellucid.synth import shapes\n"
        "from pellucid.synth.ranges import Between\n"
        "from pellucid.synth.scene import Part, Scene\n"
        "from pellucid.synth.table import objects\n\n"
        "@objects.register('pebble', label='class')\n"
        "def pebble(rng, *, size=Between(5, 9)):\n"
        "    'A pebble.'\n"
        "    return Scene('pebble', (Part('stone', shapes.sphere(size)),))\n"
    )
    with pytest.raises(pellucid.BadInput, match="--trust"):
        written.run(file, trust=False)
    assert "pebble" not in objects
    (made,) = written.run(file, trust=True)
    try:
        assert made.make(0).parts[0].name == "stone"
    finally:
        del objects._entries["pebble"]
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "empty.py").write_text("")
    for name, word in (("broken.py", "ZeroDivisionError"), ("empty.py", "registers no"), ("absent.py", "no such")):
        with pytest.raises(pellucid.BadInput, match=word):
            written.run(tmp_path / name, trust=True)
