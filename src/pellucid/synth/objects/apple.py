"""An apple: skin, flesh, core, chambers with seeds, stem, leaf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.synth import deform, nurbs, shapes
from pellucid.synth.mesh import Mesh
from pellucid.synth.ranges import Between, Whole, among
from pellucid.synth.scene import Cut, Part, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import Colour, grain, mixed, noise, red_share, spots, steered

RED, GREEN = (176, 28, 34), (132, 168, 52)
FLESH, CORE, CHAMBER, SEED = (246, 238, 208), (226, 222, 160), (190, 172, 108), (84, 46, 24)
STEM, LEAF, SPECK = (104, 74, 44), (64, 120, 44), np.array((206, 196, 112))

#: The half profile by variety, as control points of a curve: radius and height in diameters.
PROFILES = {
    "round": [(0, -0.34), (0.05, -0.37), (0.16, -0.46), (0.40, -0.47), (0.56, -0.06), (0.54, 0.42), (0.25, 0.50),
              (0.10, 0.42), (0.03, 0.30), (0, 0.27)],
    "tall": [(0, -0.43), (0.05, -0.46), (0.16, -0.55), (0.38, -0.54), (0.52, -0.08), (0.57, 0.44), (0.26, 0.55),
             (0.10, 0.46), (0.03, 0.34), (0, 0.31)],
    "flat": [(0, -0.28), (0.06, -0.30), (0.20, -0.37), (0.46, -0.38), (0.57, -0.03), (0.54, 0.38), (0.26, 0.44),
             (0.11, 0.37), (0.03, 0.28), (0, 0.27)],
}  # fmt: skip

#: An apple has five chambers, each with room for two seeds.
CHAMBERS = 5


@dataclass(frozen=True)
class Form:
    """What bends the whole fruit: lobes at its foot, and a lean; the same for all that is inside."""

    lobes: float
    phase: float
    lean: tuple[float, float]

    def applied(self, m: Mesh, size: float) -> Mesh:
        """The mesh, given in diameters, in millimetres."""
        x, y, z = m.vertices.T
        wave = 1 + self.lobes * np.cos(5 * np.arctan2(y, x) - self.phase) * np.clip(0.35 - z, 0, 0.8)
        return m.moved(deform.leaning(np.stack([x * wave, y * wave, z], 1), *self.lean) * size)


@objects.register("apple", label="variety")
def apple(
    rng: np.random.Generator,
    *,
    size: float = Between(30, 50, "mm across", least=1, most=1000),
    seeds: int = Whole(3, 8, "seeds", most=10),
    red: float = Between(0.4, 0.6, "of the skin's area", least=0.05, most=0.95, margin=0.001),
    variety: str = among("round", "tall", "flat"),
    leaf: str = among("yes", "no"),
) -> Scene:
    """An apple with a skin of red and green, and seeds in the chambers of its core."""
    form = Form(rng.uniform(0.01, 0.05), rng.uniform(0, 2 * np.pi), tuple(rng.uniform(-0.06, 0.06, 2)))
    skin = deform.roughened(form.applied(body(variety), size), 0.006 * size, 3 / size, rng)
    inner = deform.offset(skin, -0.016 * size)
    painted = painted_skin(skin, (GREEN, RED), red, rng)
    start = rng.uniform(0, 2 * np.pi)
    parts = [
        Part("skin", painted, inside=(150, 60, 44), gloss=0.2),
        Part("flesh", inner.coloured(FLESH), inside=FLESH),
        Part("core", form.applied(core(start), size).coloured(CORE), inside=CORE),
    ]
    chambers = [start + 2 * np.pi * k / CHAMBERS for k in range(CHAMBERS)]
    for k, angle in enumerate(chambers):
        parts.append(Part(f"chamber {k + 1}", form.applied(chamber(angle), size).coloured(CHAMBER), "chamber", CHAMBER))
    order = rng.permutation(CHAMBERS)
    for k in range(seeds):
        kernel = form.applied(seed(chambers[order[k % CHAMBERS]], k // CHAMBERS, seeds > CHAMBERS, rng), size)
        coloured = kernel.coloured(grain(kernel.vertices * 8 / size, rng, SEED))
        parts.append(Part(f"seed {k + 1}", coloured, "seed", SEED, gloss=0.4))
    top = float(body(variety).vertices[:, 2].min() + np.ptp(body(variety).vertices[:, 2])) - 0.2
    parts.append(Part("stem", form.applied(stem(top, rng), size), inside=STEM))
    if leaf == "yes":
        parts.append(Part("leaf", form.applied(leaf_at(top + 0.22, rng), size), inside=LEAF))
    first = chambers[order[0]]
    return Scene(
        "apple",
        tuple(parts),
        labels={"class": "apple", "variety": variety, "seeds": seeds},
        measured={"red_share": round(red_share(painted), 6)},
        sections={"along": _along(parts, first), "across": Cut((0, 0, -0.02 * size), (0, 0, 1))},
    )


def body(variety: str, around: int = 72, along: int = 44) -> Mesh:
    """The fruit's outer form, one diameter across: a curve turned about the axis."""
    line = nurbs.Curve(np.array(PROFILES[variety])).at(np.linspace(0, 1, along))
    line[[0, -1], 0] = 0
    line[:, 0] *= 0.5 / line[:, 0].max()
    return shapes.revolve(line, around)


def painted_skin(skin: Mesh, colours: tuple[Colour, Colour], share: float, rng: np.random.Generator) -> Mesh:
    """Streaks from pole to pole and a blush towards the sun, steered to a share of red; then pale specks."""
    middle = skin.vertices.mean(0)
    away = (skin.vertices - middle) / np.linalg.norm(skin.vertices - middle, axis=1, keepdims=True)
    streaks = noise(away * (5.5, 5.5, 0.9), rng, octaves=3)
    clouds = noise(away * 1.6, rng, octaves=2)
    sun = rng.uniform(0, 2 * np.pi)
    blush = away @ (np.cos(sun), np.sin(sun), 0.35)
    field = 0.9 * streaks + 0.7 * clouds + 0.22 * blush
    specks = 0.4 * spots(skin, 45, 0.016 * np.ptp(skin.vertices[:, 0]), rng)[:, None]

    def paint(threshold: float) -> Mesh:
        colour = mixed(*colours, 0.5 + (field - threshold) / (1.8 * field.std()))
        return skin.coloured(colour * (1 - specks) + SPECK * specks)

    return steered(paint, float(field.min()) - 1, float(field.max()) + 1, share)


def core(start: float) -> Mesh:
    """The lens around the chambers, with a lobe for each."""
    t = np.linspace(-np.pi / 2, np.pi / 2, 21)
    line = np.stack([0.2 * np.cos(t), 0.22 * np.sin(t)], 1)
    line[[0, -1], 0] = 0
    lens = shapes.revolve(line, 50)
    x, y, z = lens.vertices.T
    lobe = 1 + 0.13 * np.cos(5 * (np.arctan2(y, x) - start))
    return lens.moved(np.stack([x * lobe, y * lobe, z], 1))


def chamber(angle: float) -> Mesh:
    """The hollow that holds two seeds."""
    hollow = deform.scaled(shapes.sphere(1, 24), 0.062, 0.048, 0.115)
    return _out_at(hollow, angle)


def seed(angle: float, second: int, crowded: bool, rng: np.random.Generator) -> Mesh:
    """A drop with its point upwards; two of them lie side by side in a chamber."""
    t = np.linspace(0, np.pi, 14)
    drop = np.stack([np.sin(t) * (1 - np.cos(t)) ** 0.6, -np.cos(t)], 1)
    drop[[0, -1], 0] = 0
    drop[:, 0] /= drop[:, 0].max()
    grown = rng.uniform(0.88, 1.0)
    kernel = deform.scaled(shapes.revolve(drop[::-1] * (1, -1), 16), 0.03, 0.017, 0.06 * grown)
    return _out_at(deform.placed(kernel, at=(0, (0.02 if second else -0.02) if crowded else 0.0, 0)), angle)


def _out_at(m: Mesh, angle: float) -> Mesh:
    return deform.placed(deform.placed(m, at=(0.115, 0, 0)), turn=deform.turned(angle))


def stem(foot: float, rng: np.random.Generator) -> Mesh:
    """A bent stalk out of the upper hollow."""
    height = np.linspace(0, rng.uniform(0.26, 0.36), 12)
    thick = 0.017 + 0.012 * (height / height[-1]) ** 3
    tube = shapes.sweep(np.stack([0 * height, 0 * height, height], 1), thick, 12)
    leaned = tube.moved(deform.bent(tube.vertices, rng.uniform(0.3, 0.9), height[-1]))
    up = deform.placed(leaned, at=(0, 0, foot), turn=deform.turned(rng.uniform(0, 2 * np.pi)))
    return up.coloured(grain(up.vertices * 30, rng, STEM, 24))


def leaf_at(foot: float, rng: np.random.Generator) -> Mesh:
    """A leaf: a rational surface over a grid of points, given a thickness."""
    length, width = rng.uniform(0.38, 0.5), rng.uniform(0.16, 0.22)
    u = np.array([0, 0.3, 0.65, 1])[:, None]
    across = np.linspace(-0.5, 0.5, 5)[None]
    broad = np.array([0.12, 1.3, 1.1, 0.03])[:, None] * width
    lift = 0.24 * u - 0.28 * u**2 + 0.7 * width * np.abs(across) * np.sin(np.pi * u)
    points = np.stack([length * u + 0 * across, broad * across, lift], 2)
    sheet = nurbs.Surface(points).at(np.linspace(0, 1, 18), np.linspace(0, 1, 11))
    blade = deform.placed(shapes.slab(sheet, 0.012), at=(0.0, 0, foot), turn=deform.turned(rng.uniform(0, 2 * np.pi)))
    return blade.coloured(grain(blade.vertices * 12, rng, LEAF, 26))


def _along(parts: list[Part], angle: float) -> Cut:
    """The plane through the axis and the middle of the first seed, or of its chamber where there is none."""
    inside = next((p for p in parts if p.kind == "seed"), None) or next(p for p in parts if p.kind == "chamber")
    middle = inside.mesh.vertices.mean(0)
    return Cut(tuple(middle), (float(-np.sin(angle)), float(np.cos(angle)), 0.0))
