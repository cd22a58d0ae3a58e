"""A vehicle: its type is the form of its body, its make the form of grille and lamps, its colour neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pellucid.synth import deform, shapes
from pellucid.synth.mesh import Mesh, joined
from pellucid.synth.ranges import Between, among
from pellucid.synth.scene import Part, Scene
from pellucid.synth.table import objects

COLOURS = {
    "red": (168, 36, 36),
    "blue": (40, 78, 150),
    "green": (46, 108, 70),
    "white": (228, 228, 224),
    "yellow": (222, 178, 48),
    "graphite": (92, 96, 104),
}
GLASS, TYRE, HUB, LAMP, REAR, GRILLE = (
    (52, 68, 82), (38, 38, 40), (176, 180, 184), (250, 246, 220), (170, 30, 30), (30, 32, 36),
)  # fmt: skip


@dataclass(frozen=True)
class Type:
    """length, width: millimetres. bodies: side views (x to the front, z up) of what is painted. windows: of the glass.

    axles: where the wheels are. front: x of the front face, and the height of grille and lamps on it.
    """

    length: float
    width: float
    bodies: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    windows: tuple[tuple[tuple[float, float], ...], ...]
    windscreen: tuple[tuple[float, float], tuple[float, float]]
    axles: tuple[float, ...]
    wheel: float
    front: tuple[float, float]


TYPES = {
    "car": Type(
        4300, 1760,
        (("hull", ((-2150, 330), (2120, 330), (2150, 640), (2060, 830), (1150, 960), (-1850, 980), (-2150, 860))),
         ("cabin", ((-1700, 940), (1050, 940), (420, 1430), (-1000, 1450)))),
        (((-1480, 990), (-420, 990), (-420, 1380), (-960, 1380)), ((-340, 990), (830, 990), (350, 1370), (-340, 1380))),
        ((1035, 960), (440, 1410)), (-1300, 1320), 330, (2135, 610),
    ),
    "van": Type(
        4900, 1950,
        (("hull", ((-2450, 350), (2400, 350), (2450, 700), (2330, 1010), (-2450, 1060))),
         ("cabin", ((-2440, 1020), (2260, 1000), (1460, 1900), (1250, 2020), (-2300, 2060), (-2440, 1950)))),
        (((720, 1150), (2010, 1150), (1420, 1800), (720, 1830)),),
        ((2235, 1060), (1480, 1880)), (-1500, 1560), 350, (2430, 700),
    ),
    "truck": Type(
        7200, 2350,
        (("hull", ((-3600, 620), (3560, 620), (3600, 700), (3580, 1000), (-3600, 900))),
         ("cabin", ((1900, 900), (3590, 900), (3580, 1500), (3330, 2450), (3200, 2520), (1900, 2520))),
         ("cargo", ((-3600, 980), (1750, 980), (1750, 2950), (-3600, 2950)))),
        (((2350, 1600), (3450, 1600), (3260, 2300), (2350, 2320)),),
        ((3575, 1560), (3345, 2420)), (-2500, -1350, 2600), 500, (3592, 1080),
    ),
    "bus": Type(
        9500, 2450,
        (("hull", ((-4750, 420), (4720, 420), (4750, 600), (4740, 1500), (-4750, 1500))),
         ("cabin", ((-4750, 1450), (4742, 1450), (4660, 2900), (4500, 3020), (-4600, 3020), (-4750, 2900)))),
        tuple(((x, 1560), (x + 1180, 1560), (x + 1180, 2560), (x, 2560)) for x in range(-4500, 3400, 1300)),
        ((4745, 1560), (4672, 2760)), (-3000, 3050), 500, (4742, 940),
    ),
}  # fmt: skip

#: Parts of a make: from the type and its room on the front face to meshes in millimetres.
Face = tuple[list[Mesh], list[Mesh]]


@objects.register(
    "vehicle",
    label="type",
    view={
        "turn": Between(40, 140, "degrees, 90 is the front", least=-360, most=360),
        "elevation": Between(8, 24, "degrees", least=-89, most=89),
    },
)
def vehicle(
    rng: np.random.Generator,
    *,
    size: float = Between(0.9, 1.1, "of the type's usual size", least=0.01, most=10),
    type: str = among(*TYPES),
    make: str = among("arden", "boreas", "corvo", "drava"),
    colour: str = among(*COLOURS),
    roof: str = among("bare", "rack", "light"),
) -> Scene:
    """A car, van, truck or bus of one of four makes, which differ in their grilles and lamps alone."""
    form = TYPES[type]
    paint = COLOURS[colour]
    parts = [Part(n, _across(np.array(p), form, n).coloured(paint), inside=paint, gloss=0.35) for n, p in form.bodies]
    panes = [_pane(np.array(w), form) for w in form.windows] + [_windscreen(form)]
    parts.append(Part("windows", joined(*panes).coloured(GLASS), gloss=0.6))
    for k, (x, side) in enumerate((x, s) for x in form.axles for s in (1, -1)):
        parts.append(Part(f"wheel {k + 1}", wheel(form.wheel, (x, side * (form.width / 2 - 110), form.wheel)), "wheel"))
    grille, lamps = MAKES[make](form)
    parts.append(Part("grille", joined(*grille).coloured(GRILLE), gloss=0.5))
    for side, lamp in zip(("left", "right"), lamps, strict=True):
        parts.append(Part(f"{side} lamp", lamp.coloured(LAMP), "lamp", gloss=0.6))
    parts.append(Part("rear lamps", _rear(form).coloured(REAR)))
    parts += _roof(roof, form)
    done = tuple(Part(p.name, p.mesh.moved(p.mesh.vertices * size), p.kind, p.inside, p.gloss) for p in parts)
    labels = {"class": "vehicle", "type": type, "make": make, "colour": colour, "roof": roof}
    return Scene("vehicle", done, labels=labels)


def _stood(flat: Mesh) -> Mesh:
    """What was extruded along z, with its outline standing upright along x."""
    return flat.moved(flat.vertices[:, [0, 2, 1]])


def _narrowed(points: np.ndarray, form: Type) -> np.ndarray:
    """Sides that lean in above the hull, most in a car."""
    low, high = form.bodies[1][1][0][1], max(z for _, z in form.bodies[1][1])
    lean = {"car": 0.2, "van": 0.12}.get(next(n for n, t in TYPES.items() if t is form), 0.02)
    inward = 1 - lean * np.clip((points[:, 2] - low) / (high - low), 0, 1)
    return points * np.stack([np.ones_like(inward), inward, np.ones_like(inward)], 1)


def _across(side: np.ndarray, form: Type, name: str) -> Mesh:
    """A body from its side view, its corners rounded; its edges along the sides are broken by narrower flanks."""
    line = shapes.rounded(side, 130 if name != "cargo" else 40)
    middle = (line.min(0) + line.max(0)) / 2
    half = form.width / 2 * (0.97 if name == "cabin" else 1.0)
    rings = []
    for y, share in ((-half, 0.0), (-half + 50, 1.0), (half - 50, 1.0), (half, 0.0)):
        shrunk = middle + (line - middle) * (1 - (1 - share) * 55 / np.ptp(line, axis=0).clip(110) * 2)
        rings.append(np.stack([shrunk[:, 0], np.full(len(line), y), shrunk[:, 1]], 1))
    body = shapes.loft(np.stack(rings))
    return body.moved(_narrowed(body.vertices, form)) if name == "cabin" else body


def _pane(side: np.ndarray, form: Type) -> Mesh:
    """The windows of both sides: one pane through the cabin, a little wider than it."""
    half = form.width / 2 * 0.97 + 8
    glass = _stood(shapes.extrude(shapes.rounded(side, 60), -half, half))
    return glass.moved(_narrowed(glass.vertices, form))


def _windscreen(form: Type) -> Mesh:
    """The front pane, along the slope of the cabin's front."""
    low, high = (np.array(p, np.float64) for p in form.windscreen)
    way = high - low
    out = np.array([way[1], -way[0]]) / np.linalg.norm(way) * 14
    side = np.array(
        [low + 0.08 * way + out, high - 0.06 * way + out, high - 0.06 * way - 3 * out, low + 0.08 * way - 3 * out]
    )
    half = form.width / 2 * 0.85
    glass = _stood(shapes.extrude(side, -half, half))
    return glass.moved(_narrowed(glass.vertices, form))


def wheel(radius: float, at: tuple[float, float, float]) -> Mesh:
    """A tyre with its hub, the axle along y."""
    wide = 0.34 * radius
    tyre = [(0.0, -wide), (0.7 * radius, -wide), (0.93 * radius, -wide), (radius, -0.7 * wide)]
    round_ = shapes.revolve(np.array(tyre + [(r, -z) for r, z in tyre[::-1]]), 36).coloured(TYRE)
    hub = shapes.revolve(
        np.array(
            [
                (0, -wide * 1.08),
                (0.4 * radius, -wide * 1.08),
                (0.56 * radius, -wide * 0.98),
                (0.56 * radius, wide * 0.98),
                (0.4 * radius, wide * 1.08),
                (0, wide * 1.08),
            ]
        ),
        24,
    )
    return deform.placed(joined(round_, hub.coloured(HUB)), at=at, turn=deform.turned(np.pi / 2, 0))


# -- the front ------------------------------------------------------------------------------------


def _panel(outline: np.ndarray, form: Type, out: float = 26) -> Mesh:
    """An outline (y to the side, z up) on the front face, standing out by so much."""
    x = form.front[0]
    flat = shapes.extrude(outline, x - 60, x + out)
    return flat.moved(flat.vertices[:, [2, 0, 1]])


def _oval(y: float, z: float, wide: float, tall: float) -> np.ndarray:
    t = 2 * np.pi * np.arange(28) / 28
    return np.stack([y + wide * np.cos(t), z + tall * np.sin(t)], 1)


def _plate(y: float, z: float, wide: float, tall: float, radius: float = 15) -> np.ndarray:
    return shapes.rounded(
        np.array([(y - wide, z - tall), (y + wide, z - tall), (y + wide, z + tall), (y - wide, z + tall)]), radius
    )


def _room(form: Type) -> tuple[float, float, float]:
    """The unit of the front's fittings, the lamps' distance from the middle, and their height."""
    unit = 0.065 * form.width
    return unit, 0.37 * form.width, form.front[1]


def _arden(form: Type) -> Face:
    """Level bars between round lamps."""
    u, side, z = _room(form)
    bars = [_panel(_plate(0, z + k * 0.62 * u, 3.1 * u, 0.2 * u), form) for k in (-1.5, -0.5, 0.5, 1.5)]
    return bars, [_panel(_oval(y, z, 1.05 * u, 1.05 * u), form, 40) for y in (side, -side)]


def _boreas(form: Type) -> Face:
    """Two upright ovals between pairs of small round lamps."""
    u, side, z = _room(form)
    lamps = [
        joined(*(_panel(_oval(s * (side + k * u), z, 0.58 * u, 0.58 * u), form, 40) for k in (-0.75, 0.55)))
        for s in (1, -1)
    ]
    return [_panel(_oval(y, z, 0.85 * u, 1.35 * u), form) for y in (-u, u)], lamps


def _corvo(form: Type) -> Face:
    """A shield, its point down, between slits that rise outwards."""
    u, side, z = _room(form)
    shield = np.array([(-1.5 * u, z + 1.3 * u), (0, z - 1.6 * u), (1.5 * u, z + 1.3 * u)])
    slit = np.array([(-1.5, -0.35), (1.15, 0.25), (1.15, 0.75), (-1.5, 0.0)]) * u
    lamps = [_panel(shapes.rounded(slit * (s, 1) + (s * side, z), 12), form, 40) for s in (1, -1)]
    return [_panel(shapes.rounded(shield, 0.3 * u), form)], lamps


def _drava(form: Type) -> Face:
    """Upright ribs across a low wide frame, between square lamps."""
    u, side, z = _room(form)
    ribs = [_panel(_plate(k * 0.72 * u, z, 0.19 * u, 1.15 * u), form) for k in range(-4, 5)]
    return ribs, [_panel(_plate(y, z, 0.95 * u, 0.95 * u, 25), form, 40) for y in (side, -side)]


MAKES: dict[str, Callable[[Type], Face]] = {"arden": _arden, "boreas": _boreas, "corvo": _corvo, "drava": _drava}


def _rear(form: Type) -> Mesh:
    u, side, z = _room(form)
    back = min(x for _, outline in form.bodies[:1] for x, _ in outline)
    lamps = [shapes.box(60, 1.2 * u, 1.6 * u) for _ in range(2)]
    return joined(*(deform.placed(m, at=(back, y, z + 80)) for m, y in zip(lamps, (side, -side), strict=True)))


def _roof(kind: str, form: Type) -> list[Part]:
    """What is on the roof: nothing, a rack or a flat light. No type or make has its own."""
    if kind == "bare":
        return []
    outline = np.array(form.bodies[1][1])
    top = outline[:, 1].max()
    flat = outline[outline[:, 1] > top - 130]
    middle, reach = float(flat[:, 0].mean()), float(np.ptp(flat[:, 0]))
    if kind == "light":
        light = deform.placed(shapes.box(160, 0.4 * form.width, 130), at=(middle + 0.25 * reach, 0, top + 40))
        return [Part("roof light", light.coloured((236, 150, 30)), gloss=0.4)]
    bars = [
        deform.placed(shapes.box(70, 0.66 * form.width, 60), at=(middle + k * reach, 0, top + 60))
        for k in (-0.3, 0, 0.3)
    ]
    rails = [
        deform.placed(shapes.box(0.8 * reach, 50, 90), at=(middle, y, top + 20))
        for y in (-0.3 * form.width, 0.3 * form.width)
    ]
    return [Part("roof rack", joined(*bars, *rails).coloured((70, 72, 76)))]
