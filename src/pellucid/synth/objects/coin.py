"""A coin with a head in relief that looks to the left or to the right."""

from __future__ import annotations

import numpy as np

from pellucid.synth import deform, nurbs, shapes
from pellucid.synth.mesh import Mesh, joined
from pellucid.synth.ranges import Between, Whole, among
from pellucid.synth.scene import Part, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import mixed, noise

METALS = {"gold": (206, 166, 74), "silver": (184, 188, 192), "copper": (182, 112, 74)}

#: A head looking to the right, from the front of the neck round over face and hair to its back: a curve's points.
HEAD = np.array([
    (0.20, -1.00), (0.20, -0.86), (0.20, -0.62), (0.30, -0.60), (0.46, -0.60), (0.57, -0.48), (0.56, -0.36),
    (0.46, -0.30), (0.57, -0.23), (0.56, -0.19), (0.44, -0.17), (0.60, -0.12), (0.55, -0.05), (0.50, 0.00),
    (0.73, -0.04), (0.73, 0.06), (0.58, 0.28), (0.48, 0.35), (0.61, 0.42), (0.60, 0.55), (0.52, 0.78), (0.36, 1.00),
    (-0.02, 1.06), (-0.42, 0.98), (-0.70, 0.62), (-0.74, 0.24), (-0.62, -0.10), (-0.42, -0.30), (-0.36, -0.52),
    (-0.44, -0.86), (-0.52, -1.00), (-0.40, -1.02),
])  # fmt: skip
CHIN, LIPS, NOSE, BROW, HAIR = slice(4, 7), slice(8, 12), slice(14, 16), slice(18, 20), slice(21, 28)

#: From here every point of the outline is seen, so the head can be drawn in rings about it.
MIDDLE = np.array([0.04, 0.02])


@objects.register(
    "coin",
    label="facing",
    view={
        "turn": Between(-12, 12, "degrees", least=-360, most=360),
        "elevation": Between(66, 90, "degrees", least=-90, most=90),
        "light": Between(-70, 70, "degrees from above", least=-180, most=180),
    },
)
def coin(
    rng: np.random.Generator,
    *,
    size: float = Between(18, 32, "mm across", least=1, most=1000),
    facing: str = among("left", "right"),
    metal: str = among(*METALS),
    letters: int = Whole(8, 18, "letters around the head", most=24),
    wear: float = Between(0, 0.6, "of the relief is worn off", most=0.9),
) -> Scene:
    """A coin with a head in relief, looking left or right, and letters around it."""
    colour = METALS[metal]
    found = [("body", "body", body()), ("head", "head", head(rng, wear))]
    found += [(f"letter {k + 1}", "letter", each) for k, each in enumerate(inscription(letters, rng))]
    parts = [Part(n, patina(_scaled(m, size), colour, rng), kind, inside=colour, gloss=0.55) for n, kind, m in found]
    right = Scene("coin", tuple(parts), labels={"class": "coin", "facing": "right", "metal": metal, "letters": letters})
    return right if facing == "right" else mirrored(right)


def mirrored(scene: Scene) -> Scene:
    """The mirror image of a coin: every vertex at −x exactly, and it looks the other way."""
    parts = tuple(Part(p.name, p.mesh.mirrored(), p.kind, p.inside, p.gloss) for p in scene.parts)
    other = {"left": "right", "right": "left"}[scene.labels["facing"]]
    return scene.replace(parts=parts, labels={**scene.labels, "facing": other})


def _scaled(m: Mesh, size: float) -> Mesh:
    return m.moved(m.vertices * size)


def body() -> Mesh:
    """The flan with its raised rim, one diameter across."""
    lower = [(0.0, -0.03), (0.44, -0.03), (0.455, -0.045), (0.49, -0.045), (0.5, -0.035)]
    return shapes.revolve(np.array(lower + [(r, -z) for r, z in lower[::-1]]), 96)


def head(rng: np.random.Generator, wear: float) -> Mesh:
    """The head as a body of its own that stands out of the field: rings from its middle to its outline and below."""
    line = outline(rng)
    share = np.sin(np.linspace(0, np.pi / 2, 40))
    flat = MIDDLE + share[:, None, None] * (line - MIDDLE)
    height = relief(flat.reshape(-1, 2), line, rng).reshape(flat.shape[:2]) * (1 - 0.7 * wear)
    top = np.concatenate([0.36 * flat, 0.03 + 0.045 * height[..., None]], 2)
    foot = top[-1].copy()
    foot[:, 2] = 0.02
    end = np.broadcast_to([*(0.36 * MIDDLE), 0.02], foot.shape)
    return shapes.loft(np.stack([*top, foot, end]))


def outline(rng: np.random.Generator, steps: int = 150) -> np.ndarray:
    """The silhouette [steps, 2] of somebody: chin, lips, nose, brow and hair are their own."""
    points = HEAD.copy()
    points[CHIN, 0] += rng.uniform(-0.04, 0.06)
    points[LIPS, 0] += rng.uniform(-0.03, 0.03)
    points[NOSE] += rng.uniform((-0.06, -0.04), (0.08, 0.04))
    points[BROW, 0] += rng.uniform(-0.03, 0.06)
    points[HAIR] *= rng.uniform(0.94, 1.1)
    ring = np.concatenate([points, points[:2]])
    return nurbs.Curve(ring, degree=2, knots=np.arange(len(ring) + 3.0)).at(
        2 + (len(ring) - 2) * np.arange(steps) / steps
    )


def relief(flat: np.ndarray, line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How high the head stands out [n] at points [n, 2]: round towards its outline, with hair, eye, ear and jaw."""
    x, y = flat.T
    deep = np.sqrt(((flat[:, None] - line[None]) ** 2).sum(2)).min(1)
    high = np.sqrt(1 - (1 - np.minimum(deep / 0.42, 1)) ** 2)
    hairline = 0.26 - 0.35 * np.maximum(0, 0.5 - y) + 0.22 * np.maximum(0, y - 0.5)
    hair = _step(hairline - x, 0.03) * _step(y + 0.42 + 0.3 * x, 0.06)
    waves = np.sin(rng.uniform(4, 7) * np.arctan2(y + 0.1, 0.45 - x))  # locks that follow the head's curve
    strands = np.sin(rng.uniform(24, 32) * np.hypot(x - 0.4, y + 0.15) + 1.2 * waves)
    high = high + hair * (0.24 + 0.10 * strands)
    high -= 0.34 * _bump(x - 0.40, y - 0.26, 0.13, 0.08)  # the socket
    high += 0.46 * _bump(x - 0.39, y - 0.25, 0.075, 0.045)  # the eye
    high += 0.16 * _bump(x - 0.41, y - 0.41, 0.16, 0.045)  # the eyebrow
    high += 0.34 * _bump(x + 0.05, y - 0.12, 0.10, 0.17) - 0.40 * _bump(x + 0.03, y - 0.12, 0.05, 0.10)  # the ear
    high += 0.10 * _bump(x - 0.34, y + 0.02, 0.15, 0.13)  # the cheek
    high -= 0.14 * _bump(y + 0.60 - 0.55 * (x + 0.02), 0 * x, 0.05, 1) * _step(x + 0.05, 0.05)  # below the jaw
    return np.maximum(high, 0) * np.minimum(1, deep / 0.02)


def _bump(x: np.ndarray, y: np.ndarray, wide: float, tall: float) -> np.ndarray:
    return np.exp(-((x / wide) ** 2) - (y / tall) ** 2)


def _step(x: np.ndarray, soft: float) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(x / soft)


def inscription(count: int, rng: np.random.Generator) -> list[Mesh]:
    """Letters of a script that nobody reads: strokes between six points, in two arcs beside the head.

    A letter is as likely as its mirror image, so that only the head tells where a coin looks to.
    """
    places = np.linspace(0.62, 2.52, 24)
    chosen = np.sort(rng.choice(24, count, replace=False))
    return [_letter(places[k] - np.pi / 2 if k % 2 else places[k] + np.pi / 2, rng) for k in chosen]


def _letter(angle: float, rng: np.random.Generator) -> Mesh:
    corner = np.array([(i, j) for i in (-0.017, 0.017) for j in (-0.026, 0.0, 0.026)])
    ends = [rng.choice(6, 2, replace=False) for _ in range(rng.integers(2, 4))]
    strokes = [_stroke(corner[a], corner[b], 0.0002 * k) for k, (a, b) in enumerate(ends)]
    flat = deform.placed(joined(*strokes), at=(0, 0.398, 0.036))
    return deform.placed(flat, turn=deform.turned(angle - np.pi / 2))


def _stroke(a: np.ndarray, b: np.ndarray, less: float) -> Mesh:
    """A bar between two points. less: what it is thinner by, so that no two strokes of a letter share a corner."""
    way = b - a
    bar = shapes.box(float(np.hypot(*way)) + 0.013 - less, 0.013 - less, 0.016 - less)
    middle = (a + b) / 2
    return deform.placed(bar, at=(middle[0], middle[1], 0), turn=deform.turned(float(np.arctan2(way[1], way[0]))))


def patina(m: Mesh, colour: tuple[int, int, int], rng: np.random.Generator) -> Mesh:
    """Metal that is darker where it is low, and in clouds."""
    z = m.vertices[:, 2]
    low = 1 - np.clip((z - z.min()) / max(float(np.ptp(z)), 1e-9), 0, 1) ** 3
    dirt = noise(m.vertices * 0.25, rng)
    dark = 0.55 * np.array(colour) * (0.95, 1.0, 1.0)
    return m.coloured(mixed(colour, dark, 0.6 * low + 0.5 * np.maximum(0, dirt - 0.45)))
