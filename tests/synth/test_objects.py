"""What every object keeps to, whatever the seed; and what each of them is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid.synth import generators, truth
from pellucid.synth.mesh import Mesh, open_edges
from pellucid.synth.objects import coin, fruit_bowl, vehicle
from pellucid.synth.ranges import Among, Between, Whole, narrowed
from pellucid.synth.recipe import VIEW, Recipe, Tie, recipe
from pellucid.synth.scene import Light, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import red_share

trimesh = pytest.importorskip("trimesh")

OBJECTS = sorted(objects)
SEEDS = st.integers(0, 2**32)


def same(a: Scene, b: Scene) -> bool:
    pairs = zip(a.parts, b.parts, strict=True)
    equal = all(
        x.name == y.name
        and all(getattr(x.mesh, f).tobytes() == getattr(y.mesh, f).tobytes() for f in ("vertices", "faces", "colours"))
        for x, y in pairs
    )
    return equal and a.facts() == b.facts() and a.render(48).image.tobytes() == b.render(48).image.tobytes()


@pytest.mark.parametrize("name", OBJECTS)
@settings(deadline=None, max_examples=8)
@given(seed=SEEDS, number=st.integers(0, 10_000))
def test_every_object(name: str, seed: int, number: int) -> None:
    """Closed parts, values within their ranges, in view, the same for the same seed."""
    made = recipe(name)
    scene = made.make(seed, number)
    assert all(open_edges(p.mesh) == 0 and p.mesh.volume > 0 for p in scene.parts)
    for each, value in scene.parameters.items():
        range_ = made.ranges[each]
        assert value in range_.known if isinstance(range_, Among) else range_.low <= value <= range_.high
    assert same(scene, made.make(seed, number))
    seen = scene.render(64).parts >= 0
    assert 0.02 < seen.mean() < 0.95
    assert not any(edge.any() for edge in (seen[0], seen[-1], seen[:, 0], seen[:, -1]))


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_differ_and_ranges_do_not_disturb_each_other(name: str) -> None:
    made = recipe(name)
    drawn = [made.draw(0, n) for n in range(4)] + [made.draw(1, 0)]
    assert all(a != b for i, a in enumerate(drawn) for b in drawn[:i])
    narrow = made.with_ranges({"turn": (10, 20), "backdrop": "slate"})
    for n in range(4):
        assert {**narrow.draw(0, n), "turn": 0, "backdrop": ""} == {**made.draw(0, n), "turn": 0, "backdrop": ""}


# -- the apple ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS)
def test_an_apples_seeds_are_inside(seed: int) -> None:
    """Each in a chamber, that in the core, that in the flesh, that in the skin; and no two meet."""
    scene = recipe("apple").with_ranges({"seeds": (3, 10)}).make(seed)
    seeds, chambers = ([judged(p.mesh) for p in scene.parts if p.kind == k] for k in ("seed", "chamber"))
    core, flesh, skin = (judged(scene[n].mesh) for n in ("core", "flesh", "skin"))
    assert len(seeds) == scene.parameters["seeds"] == scene.labels["seeds"]
    for kernel in seeds:
        assert sum(c.contains(kernel.vertices).all() for c in chambers) == 1
    for chamber in chambers:
        assert core.contains(chamber.vertices).all()
    assert flesh.contains(core.vertices).all()
    assert skin.contains(flesh.vertices).all()
    for i, one in enumerate(seeds):
        for other in seeds[:i]:
            assert _gap(one, other) > 0


def judged(m: Mesh) -> trimesh.Trimesh:
    """For an independent library's opinion."""
    return trimesh.Trimesh(m.vertices, m.faces, process=False)


def _gap(one: trimesh.Trimesh, other: trimesh.Trimesh) -> float:
    """How far apart two convex bodies are along the line of their middles; above 0 they cannot meet."""
    way = other.vertices.mean(0) - one.vertices.mean(0)
    return float((other.vertices @ way).min() - (one.vertices @ way).max())


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS)
def test_an_apples_skin_is_as_red_as_asked(seed: int) -> None:
    scene = recipe("apple").make(seed)
    measured = red_share(scene["skin"].mesh)
    assert 0.4 <= measured <= 0.6
    assert measured == pytest.approx(scene.parameters["red"], abs=5e-4)
    assert scene.measured["red_share"] == pytest.approx(measured, abs=1e-6)


def test_an_apples_red_is_seen_from_all_sides() -> None:
    """Independent of the mesh: the share of red pixels, averaged over the directions of view, is the share of area.

    (Cauchy: a face is seen in proportion to its area; an apple is nearly convex.)
    """
    scene = recipe("apple").with_ranges({"red": 0.5, "leaf": "no"}).make(3)
    skin = scene.replace(parts=(scene["skin"],), light=Light(ambient=1.0, direct=0.0))
    skin = skin.replace(parts=(truth_matte(skin.parts[0]),))
    red = total = 0
    from pellucid.synth.scene import around

    for level in np.degrees(np.arcsin(np.linspace(-0.95, 0.95, 9))):
        for turn in range(0, 360, 30):
            look = around(scene.parts, turn=turn, elevation=float(level), zoom=1, field=0.0)
            picture = skin.render(64, camera=look)
            seen = picture.parts == 0
            pixel_area = (look.height / 64) ** 2
            red += pixel_area * (picture.image[..., 0] > picture.image[..., 1])[seen].sum()
            total += pixel_area * seen.sum()
    assert red / total == pytest.approx(0.5, abs=0.03)


def truth_matte(part: object) -> object:
    import dataclasses

    return dataclasses.replace(part, gloss=0.0)  # type: ignore[type-var]


def test_an_apple_is_as_wide_as_asked() -> None:
    for size in (30, 50, 80):
        skin = recipe("apple").with_ranges({"size": size}).make(0)["skin"].mesh
        assert np.ptp(skin.vertices[:, :2], axis=0).mean() == pytest.approx(size, rel=0.08)


# -- coins ----------------------------------------------------------------------------------------


def test_a_coins_mirror_image_is_exact() -> None:
    """The same seed, facing the other way: each vertex at −x to the bit, and the mirrored picture."""
    left, right = (recipe("coin").with_ranges({"facing": f, "turn": 0, "light": 0}).make(7) for f in ("left", "right"))
    for a, b in zip(left.parts, right.parts, strict=True):
        assert (a.mesh.vertices * (-1, 1, 1) == b.mesh.vertices).all()
        assert (a.mesh.colours == b.mesh.colours).all()
    seen, mirrored = left.render(128), right.render(128)
    assert (seen.parts != mirrored.parts[:, ::-1]).mean() < 1e-3  # ties on the pixels' own edges
    apart = np.abs(seen.image.astype(int) - mirrored.image[:, ::-1])
    assert (apart > 1).any(2).mean() < 2e-3
    assert (left.labels["facing"], right.labels["facing"]) == ("left", "right")


@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_a_nose_points_where_the_label_says(seed: int) -> None:
    """On its side alone the outline stands out between the eye and the mouth."""
    scene = recipe("coin").make(seed)
    x, y = scene["head"].mesh.vertices[:, :2].T / scene.parameters["size"] / 0.36
    reach = lambda side, low, high: (side * x)[(y > low) & (y < high)].max()  # noqa: E731
    out = {side: reach(side, -0.1, 0.15) - max(reach(side, 0.3, 0.38), reach(side, -0.35, -0.26)) for side in (1, -1)}
    facing = 1 if scene.labels["facing"] == "right" else -1
    assert out[facing] > 0.05 > out[-facing]


def test_letters_do_not_tell_where_a_coin_looks() -> None:
    """Over many coins the letters of the left- and the right-facing lie about the middle alike."""
    means = {"left": [], "right": []}
    for number in range(120):
        rng = np.random.default_rng(number)
        letters = coin.inscription(12, rng)
        side = np.concatenate([m.vertices[:, 0] for m in letters]).mean()
        means["left" if number % 2 else "right"].append(side)
    both = [np.mean(m) for m in means.values()]
    assert np.abs(both).max() < 0.03  # in diameters of the coin; all on one side would be 0.4


# -- the others -----------------------------------------------------------------------------------


def test_a_vehicles_make_is_in_grille_and_lamps_alone() -> None:
    first = recipe("vehicle").with_ranges({"type": "van", "make": "arden"}).make(0, 1)
    for make in vehicle.MAKES:
        other = recipe("vehicle").with_ranges({"type": "van", "make": make}).make(0, 1)
        for a, b in zip(first.parts, other.parts, strict=True):
            same_form = a.mesh.vertices.shape == b.mesh.vertices.shape and (a.mesh.vertices == b.mesh.vertices).all()
            assert same_form == (make == "arden" or a.kind not in ("grille", "lamp")), (make, a.name)
            assert {tuple(c) for c in a.mesh.colours} == {tuple(c) for c in b.mesh.colours}


def test_types_and_makes_look_different() -> None:
    pictures = {}
    for type in vehicle.TYPES:
        for make in vehicle.MAKES:
            wish = {
                "type": type,
                "make": make,
                "turn": 90,
                "elevation": 10,
                "zoom": 0.9,
                "colour": "red",
                "roof": "bare",
            }
            pictures[type, make] = recipe("vehicle").with_ranges(wish).make(0).render(96).parts
    keys = list(pictures)
    assert all((pictures[a] != pictures[b]).mean() > 0.004 for i, a in enumerate(keys) for b in keys[:i])


def test_ripeness_is_seen_in_colour_and_spots() -> None:
    """Every fruit's mean colour moves by each degree, and the overripe ones have spots."""
    for kind in fruit_bowl.RIPENING:
        means = []
        for ripeness in range(1, 6):
            bowl = recipe("fruit-bowl").with_ranges({"kinds": kind, "fruits": 5, "ripeness": ripeness}).make(1)
            colours = [p.mesh.colours.mean(0) for p in bowl.parts if p.kind == kind]
            assert bowl.labels["ripeness"] == ripeness
            assert bowl.labels[f"{kind}s"] == len(colours) == 5
            means.append(np.mean(colours, axis=0))
        assert (np.linalg.norm(np.diff(means, axis=0), axis=1) > 12).all(), kind
    assert list(np.diff(fruit_bowl.SPOTS) >= 0) == [True] * 4


def test_fruits_lie_in_the_bowl_beside_each_other() -> None:
    for number in range(6):
        scene = recipe("fruit-bowl").with_ranges({"kinds": "orange"}).make(2, number)
        bowl, fruits = judged(scene["bowl"].mesh), [judged(p.mesh) for p in scene.parts if p.kind == "orange"]
        for i, one in enumerate(fruits):
            assert not bowl.contains(one.vertices).any()
            for other in fruits[:i]:
                assert not other.contains(one.vertices).any()


def test_landmarks_are_listed_and_counted() -> None:
    for number in range(5):
        scene = recipe("landmark-plate").make(3, number)
        marks = [p for p in scene.parts if p.kind == "landmark"]
        assert len(marks) == len(scene.landmarks) == scene.labels["landmarks"] == scene.parameters["landmarks"]
        for mark in marks:
            x, y, z = scene.landmarks[mark.name]
            low, high = mark.mesh.vertices.min(0), mark.mesh.vertices.max(0)
            assert (low[:2] <= (x, y)).all()
            assert (high[:2] >= (x, y)).all()
            assert z == pytest.approx(high[2], abs=0.02 * np.ptp(scene.whole.vertices[:, 0]))
    with pytest.raises(pellucid.BadInput, match="do not fit"):
        recipe("landmark-plate").with_ranges({"landmarks": 24, "others": 12, "posts": 6}).make()


# -- ranges, recipes, generators ------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(-50, 50), st.integers(0, 40), st.floats(0, 1, exclude_max=True))
def test_ranges_hold(low: int, wide: int, share: float) -> None:
    whole, real = Whole(low, low + wide), Between(low, low + wide)
    assert low <= whole.at(share) <= low + wide
    assert low <= real.at(share) <= low + wide
    counted = [whole.at(s) for s in (np.arange(1000) + 0.5) / 1000]
    assert set(counted) == set(range(low, low + wide + 1))
    names = Among(("a", "b", "c"))
    assert [names.at(s) for s in (0, 0.34, 0.67)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wish", "ends"),
    [
        ("30..50", (30, 50)),
        ("40", (40, 40)),
        (40, (40, 40)),
        ((30, 50), (30, 50)),
        ([3.5, 4], (3.5, 4)),
        ("1e1..2e1", (10, 20)),
    ],
)
def test_ranges_are_read(wish: object, ends: tuple[float, float]) -> None:
    found = narrowed(Between(1, 2, most=100), wish, "size")
    assert (found.low, found.high) == ends


@pytest.mark.parametrize(
    ("range_", "wish", "word"),
    [
        (Between(1, 2), "50..30", "ends before"),
        (Between(1, 2), "a..b", "no range"),
        (Between(1, 2), "nan", "no range"),
        (Between(1, 2), "1..2..3", "no range"),
        (Between(1, 2), "", "no range"),
        (Between(1, 2, most=10), "1..11", "out of bounds"),
        (Whole(1, 2), "1.5..3", "whole"),
        (Whole(1, 2), (1, 2.5), "whole"),
        (Among(("a",), ("a", "bee")), "be", "bee"),
        (Among(("a",), ("a", "b")), [], "one or several"),
    ],
)
def test_what_is_no_range(range_: object, wish: object, word: str) -> None:
    with pytest.raises(pellucid.BadInput, match=word):
        narrowed(range_, wish, "size")  # type: ignore[arg-type]


def test_factors_are_independent_unless_they_are_tied() -> None:
    made = recipe("fruit-bowl").with_ranges({"backdrop": ("white", "grey", "sand", "sky", "slate")})

    def pairs(of: Recipe) -> np.ndarray:
        drawn = [of.draw(1, n) for n in range(1500)]
        names = made.ranges["backdrop"].known
        return np.array([(d["ripeness"], names.index(d["backdrop"])) for d in drawn]).T

    free, tied = pairs(made), pairs(made.tied([Tie("ripeness", "backdrop", 0.8)]))
    assert abs(np.corrcoef(free)[0, 1]) < 0.06
    assert (free[0] == tied[0]).all()  # what leads is not touched
    # Bound in 4 of 5; of the others, the ranks agree by chance in 1 of 5.
    assert np.corrcoef(tied)[0, 1] == pytest.approx(0.8, abs=0.05)
    with pytest.raises(pellucid.BadInput, match="ripeness"):
        made.tied([Tie("ripenes", "backdrop", 0.5)])
    with pytest.raises(pellucid.BadInput, match="share"):
        made.tied([Tie("ripeness", "backdrop", 1.5)])


def test_the_apple_generator_of_the_wish() -> None:
    generator = pellucid.AppleGenerator().set_size_between(30, 50).set_seeds_between(3, 8)
    one, other = generator.generate(), generator.generate()
    assert not same(one, other)
    assert same(one, pellucid.AppleGenerator().generate())
    assert 30 <= one.parameters["size"] <= 50
    assert 3 <= one.parameters["seeds"] <= 8
    assert pellucid.AppleGenerator().recipe is not generator.recipe  # a generator's ranges are its own
    assert repr(generator).startswith("AppleGenerator(seed=0): size=30..50, seeds=3..8, ")
    assert pellucid.CoinGenerator().set_facing_among("left").generate().labels["facing"] == "left"
    assert "size" in pellucid.KnifeGenerator.set_size_between.__doc__
    with pytest.raises(pellucid.BadInput, match="out of bounds"):
        generator.set_seeds_between(3, 80)
    with pytest.raises(AttributeError, match="PearGenerator"):
        generators.PearGenerator  # noqa: B018


@pytest.mark.parametrize("name", OBJECTS)
def test_each_object_has_its_generator(name: str) -> None:
    made = pellucid.generator(name, seed=2)
    assert same(made.generate(), recipe(name).make(2, 0))
    assert hasattr(pellucid, f"{name.title().replace('-', '')}Generator")
    for each in (*VIEW, *recipe(name).ranges):
        assert any(hasattr(made, f"set_{each}_{end}") for end in ("between", "among"))


def test_a_registered_object_of_ones_own() -> None:
    from pellucid.synth import shapes
    from pellucid.synth.scene import Part

    def pebble(rng: np.random.Generator, *, size: float = Between(5, 9)) -> Scene:  # type: ignore[assignment]
        """A pebble."""
        return Scene("pebble", (Part("stone", shapes.sphere(size)),))

    with objects.temporary("pebble", pebble, label="class"):
        scene = pellucid.generator("pebble").set_between("size", 6, 6).generate()
        assert np.linalg.norm(scene["stone"].mesh.vertices, axis=1) == pytest.approx(6)
        assert truth.counts(scene.render(32)) == {"stone": 1}
        assert scene.render(32, cut=True).parts.max() == 0  # a section through its middle is given
    with pytest.raises(pellucid.BadInput, match="apple"):
        recipe("aple")


def test_scenes_refuse_what_is_none() -> None:
    with pytest.raises(pellucid.BadInput, match="nothing in it"):
        Scene("empty", ())
    scene = recipe("knife").make(0)
    with pytest.raises(pellucid.BadInput, match="two parts"):
        scene.replace(parts=(scene.parts[0], scene.parts[0]))
    with pytest.raises(pellucid.BadInput, match="0 or more"):
        recipe("knife").make(-1)
