"""A knife: blade, bolster, handle, rivets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.synth import deform, shapes
from pellucid.synth.mesh import Mesh
from pellucid.synth.ranges import Between, Whole, among
from pellucid.synth.scene import Part, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import grain, noise

STEEL, DARK_STEEL = (196, 202, 208), (150, 156, 164)
HANDLES = {"wood": (120, 76, 42), "black": (44, 44, 48), "red": (150, 34, 34), "bone": (226, 214, 186)}


@dataclass(frozen=True)
class Type:
    """edge, spine: how far the blade reaches below and above the axis along its length, in lengths of the knife.

    blade: its share of the length. teeth: waves of the edge. double: sharp on both sides.
    """

    blade: float
    edge: tuple[float, ...]
    spine: tuple[float, ...]
    teeth: int = 0
    double: bool = False


TYPES = {
    "chef": Type(0.62, (0.105, 0.105, 0.1, 0.085, 0.058, 0.0), (0.03, 0.03, 0.028, 0.022, 0.012, 0.0)),
    "paring": Type(0.48, (0.045, 0.05, 0.05, 0.042, 0.028, 0.0), (0.028, 0.028, 0.026, 0.022, 0.012, 0.0)),
    "bread": Type(0.64, (0.042, 0.042, 0.042, 0.042, 0.038, 0.022), (0.03, 0.03, 0.03, 0.03, 0.026, 0.0), teeth=26),
    "cleaver": Type(0.58, (0.18, 0.18, 0.18, 0.18, 0.18, 0.175), (0.03, 0.03, 0.03, 0.03, 0.03, 0.026)),
    "dagger": Type(
        0.6, (0.035, 0.046, 0.044, 0.038, 0.026, 0.0), (0.035, 0.046, 0.044, 0.038, 0.026, 0.0), double=True
    ),
}


@objects.register("knife", label="type", view={"elevation": Between(50, 85, "degrees", least=-90, most=90)})
def knife(
    rng: np.random.Generator,
    *,
    size: float = Between(160, 320, "mm long", least=5, most=3000),
    type: str = among(*TYPES),
    handle: str = among(*HANDLES),
    rivets: int = Whole(0, 3, "rivets", most=5),
    bend: float = Between(-8, 8, "degrees, along the handle", least=-60, most=60),
) -> Scene:
    """A knife of one of five types, with a handle of wood, plastic or bone."""
    form = TYPES[type]
    thick = rng.uniform(0.009, 0.013)
    grip = shaft(1 - form.blade, np.radians(bend), rng)
    parts = [
        Part("blade", blade(form, thick), inside=DARK_STEEL, gloss=0.5),
        Part("bolster", bolster(form, thick), inside=DARK_STEEL, gloss=0.5),
        Part("handle", grip, inside=HANDLES[handle], gloss=0.15),
    ]
    for k in range(rivets):
        along = -(1 - form.blade) * (k + 1) / (rivets + 1)
        parts.append(Part(f"rivet {k + 1}", rivet(along, np.radians(bend), 1 - form.blade), "rivet", DARK_STEEL, 0.6))
    done = [Part(p.name, _finished(p, size, HANDLES[handle], rng), p.kind, p.inside, p.gloss) for p in parts]
    labels = {"class": "knife", "type": type, "handle": handle, "rivets": rivets}
    return Scene("knife", tuple(done), labels=labels)


def _finished(part: Part, size: float, wood: tuple[int, int, int], rng: np.random.Generator) -> Mesh:
    m = part.mesh.moved(part.mesh.vertices * size)
    if part.kind == "handle":
        return m.coloured(grain(part.mesh.vertices * (9, 60, 60), rng, wood, 30))
    shade = 14 * (2 * noise(part.mesh.vertices * (2, 40, 2), rng) - 1)  # brushed along the blade's length
    return m.coloured(np.array(STEEL if part.kind == "blade" else DARK_STEEL) + shade[:, None])


def blade(form: Type, thick: float) -> Mesh:
    """Rings of six points from the bolster to the tip: the two edges and the flanks between."""
    s = np.linspace(0, 1, 120 if form.teeth else 48)
    edge = np.interp(s, np.linspace(0, 1, 6), form.edge) if form.teeth else _smooth(form.edge, s)
    spine = _smooth(form.spine, s)
    if form.teeth:
        edge = edge - 0.006 * np.abs(np.sin(np.pi * form.teeth * s))
    # Even where it ends in a point no two corners coincide, or the files would open with a seam.
    edge, spine = np.maximum(edge, 2e-4), np.maximum(spine, 2e-4)
    x = form.blade * s
    half = thick / 2 * (1 - 0.6 * s)
    # A single edge keeps its thickness up to the spine; a double one has it in the middle.
    shape = [
        (-1.0, 0.02),
        (-0.45, 0.85),
        (0.0, 1.0),
        (0.6, 1.0 if not form.double else 0.55),
        (1.0, 0.8 if not form.double else 0.02),
    ]
    y = np.stack([np.where(k < 0, -k * -edge, k * spine) for k, _ in shape], 1)
    z = np.stack([half * w for _, w in shape], 1)
    side = np.stack([np.broadcast_to(x[:, None], y.shape), y, z], 2)
    other = side[:, ::-1] * (1, 1, -1)
    return shapes.loft(np.concatenate([side, other], 1))


def _smooth(values: tuple[float, ...], s: np.ndarray) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator

    # The last stretch falls like a circle's end, so that a tip is round and not a wedge.
    given = np.linspace(0, 1, len(values))
    return np.asarray(PchipInterpolator(given, values)(1 - (1 - s) ** 1.35))


def bolster(form: Type, thick: float) -> Mesh:
    """What joins blade and handle; a dagger's reaches far out as a guard."""
    tall = 0.11 if form.double else 0.036
    rings = [
        _oval(x, y, z)
        for x, y, z in (
            (-0.03, 0.03, 0.022),
            (-0.008, tall, 0.024),
            (0.008, tall, 0.022),
            (0.025, 0.9 * form.spine[0], 0.7 * thick),
        )
    ]
    return shapes.loft(np.stack(rings))


def _oval(x: float, tall: float, wide: float, around: int = 28, power: float = 0.8) -> np.ndarray:
    t = 2 * np.pi * np.arange(around) / around
    c, s = np.cos(t), np.sin(t)
    return np.stack(
        [np.full(around, x), tall * np.sign(s) * np.abs(s) ** power, wide * np.sign(c) * np.abs(c) ** power], 1
    )


def shaft(length: float, bend: float, rng: np.random.Generator) -> Mesh:
    """The handle, swelling towards its end."""
    s = np.linspace(0, 1, 26)
    swell = 0.034 + 0.006 * np.sin(np.pi * s * rng.uniform(1.6, 2.4)) + 0.008 * s**3
    close = np.sqrt(np.clip(1 - ((s - 0.93) / 0.07) ** 2, 0, 1)) * (s > 0.93) + (s <= 0.93)
    rings = [
        _oval(-0.015 - length * a, w * max(c, 0.05), 0.62 * w * max(c, 0.05))
        for a, w, c in zip(s, swell, close, strict=True)
    ]
    straight = shapes.loft(np.stack(rings))
    return straight.moved(_bent(straight.vertices, bend, length))


def rivet(along: float, bend: float, length: float) -> Mesh:
    """A pin through the handle, its heads round."""
    t = np.linspace(-np.pi / 2, np.pi / 2, 9)
    line = np.stack([0.0105 * np.cos(t) ** 0.5, 0.0245 * np.sign(t) * (0.9 + 0.1 * np.abs(np.sin(t)))], 1)
    line[[0, -1], 0] = 0
    pin = deform.placed(shapes.revolve(line[[0, 1, 2, 3, 5, 6, 7, 8]], 18), at=(along - 0.015, 0.0, 0.0))
    return pin.moved(_bent(pin.vertices, bend, length))


def _bent(points: np.ndarray, angle: float, length: float) -> np.ndarray:
    """Bend what lies along −x downwards in the plane of the blade."""
    swapped = deform.bent(points[:, [1, 2, 0]] * (1, 1, -1), -angle, length)
    return swapped[:, [2, 0, 1]] * (-1, 1, 1)
