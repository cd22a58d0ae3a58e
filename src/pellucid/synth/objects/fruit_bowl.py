"""A bowl of fruits that are all as ripe as each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.synth import deform, nurbs, shapes
from pellucid.synth.mesh import Mesh, joined
from pellucid.synth.objects import apple
from pellucid.synth.ranges import Among, Between, Whole, among
from pellucid.synth.scene import Part, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import Colour, mixed, noise, spots

#: The colours of the five degrees of ripeness, from unripe to overripe.
RIPENING: dict[str, tuple[Colour, ...]] = {
    "apple": ((122, 168, 58), (186, 164, 60), (190, 44, 40), (150, 28, 34), (104, 52, 36)),
    "orange": ((98, 142, 52), (192, 172, 52), (242, 150, 28), (222, 124, 30), (146, 88, 40)),
    "banana": ((112, 160, 52), (184, 192, 62), (246, 212, 60), (222, 178, 62), (112, 78, 40)),
    "pear": ((104, 156, 60), (158, 184, 70), (214, 200, 84), (202, 164, 76), (134, 96, 50)),
    "lemon": ((92, 142, 50), (178, 190, 58), (250, 226, 62), (232, 192, 60), (146, 114, 56)),
    "plum": ((132, 152, 80), (148, 92, 104), (104, 44, 94), (78, 30, 72), (56, 32, 46)),
}
SPOT, STALK = (70, 44, 24), (92, 66, 40)
SPOTS = (0, 0, 2, 9, 26)
BOWLS = {"white": (232, 230, 224), "blue": (66, 96, 140), "wood": (134, 92, 54)}

#: A fruit and the balls (x, y, z, radius) [k, 4] that stand for it when it is laid down.
Fruit = tuple[Mesh, np.ndarray]

#: The bowl's inner radius and thickness in millimetres, and how far it is flattened from half a ball.
BOWL, WALL, FLAT = 120.0, 6.0, 0.62


@objects.register("fruit-bowl", label="ripeness", view={"elevation": Between(28, 55, "degrees", least=-89, most=89)})
def fruit_bowl(
    rng: np.random.Generator,
    *,
    fruits: int = Whole(3, 8, "fruits", least=1, most=16),
    ripeness: int = Whole(1, 5, "from unripe to overripe", least=1, most=5),
    kinds: str = Among(("mixed",), ("mixed", *RIPENING)),
    bowl: str = among(*BOWLS),
) -> Scene:
    """A bowl with several fruits, all of one ripeness from 1 to 5, which colour and spots show."""
    chosen = [str(k) for k in rng.choice(list(RIPENING), fruits)] if kinds == "mixed" else [kinds] * fruits
    chosen.sort(key="banana".__eq__)  # what is long is laid on top
    parts = [Part("bowl", vessel(BOWLS[bowl], rng), inside=BOWLS[bowl], gloss=0.25)]
    resting = np.empty((0, 4))
    counted: dict[str, int] = {}
    for kind in chosen:
        fruit, balls = _fruit(kind, ripeness, rng)
        at = settled(balls, resting, rng)
        resting = np.concatenate([resting, balls + np.array([*at, 0.0])])
        counted[kind] = counted.get(kind, 0) + 1
        flesh = RIPENING[kind][ripeness - 1]
        parts.append(Part(f"{kind} {counted[kind]}", deform.placed(fruit, at=at), kind, flesh, gloss=0.22))
    counts = {f"{kind}s": counted.get(kind, 0) for kind in RIPENING}
    labels = {"class": "fruit-bowl", "ripeness": ripeness, "fruits": fruits, **counts}
    return Scene("fruit-bowl", tuple(parts), labels=labels)


def vessel(colour: Colour, rng: np.random.Generator) -> Mesh:
    """A round bowl on a foot, its rim at z = 0."""
    inner = np.radians(np.linspace(-90, -8, 22))
    outer = BOWL + WALL
    line = [(0.0, -outer - 4), (44.0, -outer - 4), (46.0, -outer + 8)]
    line += [(outer * np.cos(a), outer * np.sin(a)) for a in inner[7:]]
    line += [(BOWL * np.cos(a), BOWL * np.sin(a)) for a in inner[::-1]]
    line[-1] = (0.0, -BOWL)
    flat = np.array(line) * (1, FLAT)
    turned = shapes.revolve(flat, 72)
    bands = noise(turned.vertices * (0.02, 0.02, 0.25), rng)
    return turned.coloured(np.array(colour) + 26 * (bands[:, None] - 0.5))


def settled(balls: np.ndarray, resting: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Where a fruit comes to lie: of many places the lowest at which it touches neither the bowl nor the others.

    balls, resting: [k, 4], the balls (x, y, z, radius) that stand for the fruit and for those that lie there already.
    """
    reach, angle = 0.8 * BOWL * np.sqrt(rng.random(120)), rng.uniform(0, 2 * np.pi, 120)
    reach[0] = 0.0  # the middle of the bowl has room for any fruit
    flat = np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)
    z = np.full(len(flat), -np.inf)
    for x, y, up, radius in balls:
        place = flat + np.array([x, y])
        z = np.maximum(z, np.interp(np.hypot(*place.T), *_floor(radius), right=np.inf) - up)
        for ox, oy, oz, other in resting:
            over = (radius + other) ** 2 - ((place - (ox, oy)) ** 2).sum(1)
            z = np.maximum(z, np.where(over > 0, oz + np.sqrt(np.maximum(over, 0)) - up, -np.inf))
    k = int(z.argmin())
    return float(flat[k, 0]), float(flat[k, 1]), float(z[k])


def _floor(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the middle of a ball is that touches the bowl inside: its distance from the axis, its height."""
    angle = np.linspace(-np.pi / 2, 0, 90)
    place = BOWL * np.stack([np.cos(angle), FLAT * np.sin(angle)])
    inward = -np.stack([FLAT * np.cos(angle), np.sin(angle)])
    return tuple(place + (radius + 0.5) * inward / np.linalg.norm(inward, axis=0))


def _fruit(kind: str, ripeness: int, rng: np.random.Generator) -> Fruit:
    """A fruit about the origin, turned by chance."""
    form, balls = FORMS[kind](rng)
    ramp = np.array(RIPENING[kind], np.float64)
    degree = np.clip(ripeness - 1 + 0.7 * (noise(form.vertices / 30, rng) - 0.5), 0, 4)
    low = np.minimum(degree.astype(np.int64), 3)
    base = mixed(ramp[low], ramp[low + 1], degree - low)
    many = rng.poisson(SPOTS[ripeness - 1])
    dirt = spots(form, many, 0.09 * balls[:, 3].max(), rng)
    skin = form.coloured(mixed(base, SPOT, 0.85 * dirt))
    tilt = rng.uniform(-0.5, 0.5) if kind != "banana" else rng.uniform(-0.15, 0.15)
    turn = deform.turned(rng.uniform(0, 2 * np.pi)) @ deform.turned(tilt, 0)
    moved = np.concatenate([balls[:, :3] @ turn.T, balls[:, 3:]], 1)
    return deform.placed(_with_stalk(kind, skin, rng), turn=turn), moved


def _with_stalk(kind: str, m: Mesh, rng: np.random.Generator) -> Mesh:
    if kind not in ("apple", "pear", "plum"):
        return m
    top = {"apple": 14.0, "pear": 52.0, "plum": 20.0}[kind]
    z = np.linspace(0, 20, 8)
    stalk = shapes.sweep(np.stack([0.02 * z**2 / 2, 0 * z, top + z], 1), 1.4, 8)
    return joined(m, stalk.coloured(STALK))


def _apple(rng: np.random.Generator) -> Fruit:
    size = rng.uniform(66, 76)
    m = apple.body(str(rng.choice(list(apple.PROFILES))), 48, 30)
    return m.moved(m.vertices * size), _balls((0, 0, 0, 0.5 * size))


def _orange(rng: np.random.Generator) -> Fruit:
    size = rng.uniform(62, 74)
    m = deform.scaled(shapes.sphere(size / 2, 56), 1, 1, 0.95)
    return deform.roughened(m, 0.5, 0.35, rng), _balls((0, 0, 0, 0.5 * size))


def _lemon(rng: np.random.Generator) -> Fruit:
    half = rng.uniform(38, 42)
    points = [(0, -1), (0.14, -1), (0.2, -0.86), (0.72, -0.62), (0.78, 0.55), (0.22, 0.84), (0.16, 1.02), (0, 1.02)]
    line = nurbs.Curve(np.array(points))
    return _turned(line, half, sideways=True), _balls(
        (0, 0, 0, 0.66 * half), *((k * half, 0, 0, 0.3 * half) for k in (-0.7, 0.7))
    )


def _pear(rng: np.random.Generator) -> Fruit:
    half = rng.uniform(46, 52)
    points = [(0, -0.68), (0.1, -0.72), (0.5, -0.78), (0.82, -0.36), (0.72, 0.24), (0.3, 0.56), (0.34, 1.04)]
    line = nurbs.Curve(np.array([*points, (0.12, 1.14), (0, 1.1)]))
    return _turned(line, half), _balls((0, 0, 0, 0.78 * half), (0, 0, 0.75 * half, 0.34 * half))


def _plum(rng: np.random.Generator) -> Fruit:
    size = rng.uniform(40, 48)
    m = deform.scaled(shapes.sphere(size / 2, 40), 0.94, 0.94, 1.06)
    return m, _balls((0, 0, 0, 0.5 * size))


def _banana(rng: np.random.Generator) -> Fruit:
    length = rng.uniform(135, 160)
    s = np.linspace(0, 1, 34)
    thick = 17.5 * np.interp(
        s, [0, 0.03, 0.1, 0.2, 0.5, 0.8, 0.92, 0.97, 1], [0.25, 0.26, 0.3, 0.82, 1, 0.85, 0.4, 0.24, 0.22]
    )
    tube = shapes.sweep(np.stack([0 * s, 0 * s, (s - 0.5) * length], 1), thick, 5 * 4)
    x, y, _ = tube.vertices.T
    edges = 1 + 0.06 * np.cos(5 * np.arctan2(y, x))  # a banana has five of them
    curved = deform.bent(tube.vertices * np.stack([edges, edges, 1 + 0 * x], 1), rng.uniform(1.3, 1.8), length)
    lying = curved[:, [2, 0, 1]] - np.array([0, float(curved[:, 0].mean()), 0])
    rings = lying[: len(s) * 20].reshape(len(s), 20, 3)[3:-3:4].mean(1)
    return tube.moved(lying), np.concatenate(
        [rings, np.interp(np.arange(len(rings)), (0, 3, 6), (11, 17, 11))[:, None]], 1
    )


def _balls(*balls: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(balls, np.float64)


def _turned(line: nurbs.Curve, half: float, *, sideways: bool = False) -> Mesh:
    profile = line.at(np.linspace(0, 1, 34))
    profile[[0, -1], 0] = 0
    m = shapes.revolve(profile * half, 44)
    return deform.placed(m, turn=deform.turned(np.pi / 2, 1)) if sideways else m


FORMS: dict[str, Callable[[np.random.Generator], Fruit]] = {
    "apple": _apple,
    "orange": _orange,
    "banana": _banana,
    "pear": _pear,
    "lemon": _lemon,
    "plum": _plum,
}
