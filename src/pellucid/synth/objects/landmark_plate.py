"""A plate with landmarks of one type, and posts that may stand before them."""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.synth import deform, shapes
from pellucid.synth.mesh import Mesh, joined
from pellucid.synth.ranges import Between, Whole, among
from pellucid.synth.scene import Part, Place, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import grain

MARK, POST, OTHER = (206, 48, 44), (92, 128, 160), (70, 120, 84)
CERAMIC = {"cream": (236, 228, 208), "blue": (150, 178, 206), "slate": (112, 118, 126)}


@objects.register(
    "landmark-plate",
    label="landmarks",
    view={"elevation": Between(32, 65, "degrees", least=1, most=90)},
)
def landmark_plate(
    rng: np.random.Generator,
    *,
    size: float = Between(200, 280, "mm across", least=10, most=5000),
    landmarks: int = Whole(1, 10, "landmarks", most=24),
    type: str = among("ball", "pin", "cross"),
    others: int = Whole(0, 4, "things that are no landmarks", most=12),
    posts: int = Whole(0, 2, "posts that may hide some", most=6),
    glaze: str = among(*CERAMIC),
) -> Scene:
    """A plate with 1 to 10 landmarks of one type; the places of all are known, and which of them are seen."""
    parts = [Part("plate", plate(CERAMIC[glaze], rng), inside=CERAMIC[glaze], gloss=0.2)]
    places = scattered(landmarks + others + posts, rng)
    points: dict[str, Place] = {}
    for k, (x, y) in enumerate(places[:landmarks]):
        mark, top = MARKS[type](rng)
        parts.append(
            Part(f"landmark {k + 1}", deform.placed(mark, at=(x, y, 0.0)).coloured(MARK), "landmark", gloss=0.3)
        )
        points[f"landmark {k + 1}"] = (float(x), float(y), top)
    for k, (x, y) in enumerate(places[landmarks : landmarks + others]):
        cube = deform.placed(shapes.box(0.06, 0.06, 0.06), at=(0, 0, 0.03), turn=deform.turned(rng.uniform(0, 1.57)))
        parts.append(Part(f"cube {k + 1}", deform.placed(cube, at=(x, y, 0)).coloured(OTHER), "cube"))
    for k, (x, y) in enumerate(places[landmarks + others :]):
        high, wide = rng.uniform(0.2, 0.32), rng.uniform(0.04, 0.055)
        post = shapes.revolve(np.array([(wide, 0.0), (wide, high - 0.01), (wide - 0.01, high)]), 28)
        parts.append(Part(f"post {k + 1}", deform.placed(post, at=(x, y, 0)).coloured(POST), "post", gloss=0.2))
    done = tuple(Part(p.name, p.mesh.moved(p.mesh.vertices * size), p.kind, p.inside, p.gloss) for p in parts)
    return Scene(
        "landmark-plate",
        done,
        labels={"class": type, "landmarks": landmarks, "glaze": glaze},
        landmarks={n: tuple(size * c for c in at) for n, at in points.items()},
    )


def plate(colour: tuple[int, int, int], rng: np.random.Generator) -> Mesh:
    """A plate one across: a flat middle, a rim that rises."""
    line = [
        (0, -0.03),
        (0.3, -0.03),
        (0.34, -0.015),
        (0.49, 0.03),
        (0.5, 0.036),
        (0.49, 0.042),
        (0.37, 0.006),
        (0.34, 0.0),
        (0, 0.0),
    ]
    turned = shapes.revolve(np.array(line), 72)
    return turned.coloured(grain(turned.vertices * 14, rng, colour, 10))


def scattered(count: int, rng: np.random.Generator, radius: float = 0.33, apart: float = 0.085) -> np.ndarray:
    """Places [count, 2] on a disc, none nearer to another than ``apart``: shaken out again when they do not fit."""
    for _ in range(8):
        chosen: list[np.ndarray] = []
        for _ in range(30 * count):
            place = radius * np.sqrt(rng.random()) * np.array([np.cos(a := rng.uniform(0, 2 * np.pi)), np.sin(a)])
            if all(np.hypot(*(place - other)) >= apart for other in chosen):
                chosen.append(place)
            if len(chosen) == count:
                return np.array(chosen)
    raise BadInput(f"{count} things do not fit onto the plate", cure="ask for fewer landmarks, others or posts")


def _ball(rng: np.random.Generator) -> tuple[Mesh, float]:
    return deform.placed(shapes.sphere(0.026, 24), at=(0, 0, 0.024)), 0.05


def _pin(rng: np.random.Generator) -> tuple[Mesh, float]:
    needle = shapes.revolve(np.array([(0.006, 0.0), (0.006, 0.07)]), 10)
    return joined(needle, deform.placed(shapes.sphere(0.02, 20), at=(0, 0, 0.08))), 0.1


def _cross(rng: np.random.Generator) -> tuple[Mesh, float]:
    arms = [deform.placed(shapes.box(0.075, 0.018, 0.012), turn=deform.turned(a)) for a in (0.785, -0.785)]
    flat = deform.placed(joined(*arms), at=(0, 0, 0.005), turn=deform.turned(rng.uniform(0, 1.57)))
    return flat, 0.011


MARKS = {"ball": _ball, "pin": _pin, "cross": _cross}
