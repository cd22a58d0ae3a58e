"""The parts in a recipe's file: a shape, stretched, deformed, turned, laid down and painted, as often as is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth import deform, nurbs, shapes
from pellucid.synth.context import Context, only, plain_name
from pellucid.synth.materials import WORDS, base, painted
from pellucid.synth.mesh import Mesh, inside
from pellucid.synth.scene import Part
from pellucid.synth.textures import scattered

#: More parts of one kind are a slip.
MOST = 1000

#: So many places are tried for what is laid on or within another part.
TRIES = 400

PART = (
    "name",
    "shape",
    "count",
    "at",
    "turn",
    "scale",
    "deform",
    "material",
    "inside",
    "gloss",
    "on",
    "above",
    "within",
)


def parts_of(table: Mapping[str, Any], context: Context, made: Sequence[Part]) -> list[Part]:
    """One part, or as many as ``count`` says; ``k`` counts them from 0."""
    kind = str(table.get("shape", ""))
    if kind not in SHAPES:
        raise BadInput(f"there is no shape {kind!r}", where=context.where, cure=near(kind, SHAPES))
    own, build = SHAPES[kind]
    only(table, (*PART, *own), context.where)
    name = plain_name(table.get("name", kind), context.where)
    count = round(context.number(table.get("count", 1)))
    if not 0 <= count <= MOST:
        raise BadInput(f"count is {count}", where=context.where, cure=f"stay within 0 to {MOST}")
    material = context.table(table.get("material", {}), WORDS)
    section = context.colour(table["inside"]) if "inside" in table else base(material, context)
    gloss = context.number(table.get("gloss", 0))
    found = []
    for k in range(count):
        each = Context({**context.values, "k": k}, context.rng, context.where)
        mesh = _laid(_finished(build(table, each), table, each), table, each, [*made, *found])
        mesh = painted(mesh, material, each)
        found.append(Part(f"{name} {k + 1}" if "count" in table else name, mesh, name, section, gloss))
    return found


def _finished(mesh: Mesh, table: Mapping[str, Any], context: Context) -> Mesh:
    """Stretched, deformed, turned, moved."""
    _solid(mesh, context)
    if "scale" in table:
        mesh = deform.scaled(mesh, *context.numbers(table["scale"], 3))
    steps = table.get("deform", [])
    for step in steps if isinstance(steps, list) else [steps]:
        mesh = _deformed(mesh, step, context)
    for axis, angle in enumerate(context.numbers(table.get("turn", [0, 0, 0]), 3)):
        mesh = deform.placed(mesh, turn=deform.turned(np.radians(angle), axis))
    x, y, z = context.numbers(table.get("at", [0, 0, 0]), 3)
    mesh = deform.placed(mesh, at=(x, y, z))
    _solid(mesh, context)
    return mesh


def _solid(mesh: Mesh, context: Context) -> None:
    if not mesh.volume > 0 or not np.isfinite(mesh.vertices).all():
        raise BadInput("the part has no volume", where=context.where, cure="give sizes above 0")


def _laid(mesh: Mesh, table: Mapping[str, Any], context: Context, made: Sequence[Part]) -> Mesh:
    """Moved to a place by chance: on the surface of an earlier part, or wholly within one."""
    if "on" in table:
        ground = _earlier(str(table["on"]), context, made)[0].mesh
        for place in scattered(ground, TRIES, context.rng):
            nearest = ((ground.vertices - place) ** 2).sum(1).argmin()
            if not table.get("above", False) or ground.vertex_normals[nearest, 2] > 0.3:
                return deform.placed(mesh, at=tuple(place))
        raise BadInput(f"{table['on']!r} has no upper side", where=context.where, cure="leave above = true out")
    if "within" in table:
        around = _earlier(str(table["within"]), context, made)[0].mesh
        others = [p.mesh for p in made if p.kind == table.get("name")]
        low, high = around.vertices.min(0), around.vertices.max(0)
        for _ in range(TRIES):
            moved = deform.placed(mesh, at=tuple(context.rng.uniform(low, high)))
            if (moved.vertices.min(0) < low).any() or (moved.vertices.max(0) > high).any():
                continue
            if all(_apart(moved, o) for o in others) and inside(around, moved.vertices).all():
                return moved
        raise BadInput(
            f"it does not fit into {table['within']!r}", where=context.where, cure="make it smaller or fewer"
        )
    return mesh


def _earlier(name: str, context: Context, made: Sequence[Part]) -> list[Part]:
    found = [p for p in made if name in (p.name, p.kind)]
    if not found:
        raise BadInput(
            f"no earlier part is called {name!r}", where=context.where, cure=near(name, [p.name for p in made])
        )
    return found


def _apart(one: Mesh, other: Mesh) -> bool:
    """Whether two bodies' balls about their middles do not meet."""
    middles = [m.vertices.mean(0) for m in (one, other)]
    radii = [np.linalg.norm(m.vertices - c, axis=1).max() for m, c in zip((one, other), middles, strict=True)]
    return bool(np.linalg.norm(middles[0] - middles[1]) > sum(radii))


def _deformed(mesh: Mesh, step: Mapping[str, Any], context: Context) -> Mesh:
    kinds: dict[str, Callable[[], Mesh]] = {
        "bend": lambda: mesh.moved(deform.bent(mesh.vertices, np.radians(amount), max(tall, 1e-9))),
        "twist": lambda: mesh.moved(deform.twisted(mesh.vertices, np.radians(amount), max(tall, 1e-9))),
        "lean": lambda: mesh.moved(deform.leaning(mesh.vertices, amount, 0.0)),
        "noise": lambda: deform.roughened(mesh, amount, 4 / max(tall, 1e-9), context.rng),
        "dent": lambda: deform.dented(
            mesh, mesh.vertices[context.rng.integers(len(mesh.vertices))], 4 * amount, amount
        ),
    }
    if not isinstance(step, dict) or len(step) != 1 or next(iter(step)) not in kinds:
        cure = f"write {{ bend = 30 }}; known are {', '.join(kinds)}"
        raise BadInput(f"{step!r} is no deformation", where=context.where, cure=cure)
    amount, tall = context.number(next(iter(step.values()))), float(np.ptp(mesh.vertices[:, 2]))
    return kinds[next(iter(step))]()


# -- shapes ---------------------------------------------------------------------------------------


def _line(table: Mapping[str, Any], context: Context) -> np.ndarray:
    """The profile's points, or the curve that they pull towards themselves."""
    points = context.grid(table.get("profile"))
    if not table.get("smooth", False):
        return points
    ends = points[[0, -1], 0] == 0
    line = nurbs.Curve(points, degree=min(3, len(points) - 1)).at(np.linspace(0, 1, 40))
    line[[0, -1], 0] = np.where(ends, 0.0, line[[0, -1], 0])
    return line


def _revolve(table: Mapping[str, Any], context: Context) -> Mesh:
    around = round(context.number(table.get("around", 48)))
    turn = np.radians(context.number(table.get("degrees", 360)))
    if not 3 <= around <= 512 or not 0 < turn <= 2 * np.pi + 1e-9:
        raise BadInput(
            f"{around} steps of {np.degrees(turn):g}°", where=context.where, cure="3 to 512 steps, up to 360"
        )
    return shapes.revolve(_line(table, context), around, turn=turn)


def _tube(table: Mapping[str, Any], context: Context) -> Mesh:
    path = table.get("path")
    if not isinstance(path, list) or len(path) < 2:
        raise BadInput("a tube needs a path", where=context.where, cure="write path = [[x, y, z], …]")
    points = np.array([context.numbers(p, 3) for p in path])
    line = nurbs.Curve(points, degree=min(3, len(points) - 1)).at(np.linspace(0, 1, 24))
    return shapes.sweep(line, context.number(table.get("radius", 1)))


def _extrude(table: Mapping[str, Any], context: Context) -> Mesh:
    outline = context.grid(table.get("outline"))
    if "round" in table:
        outline = shapes.rounded(outline, context.number(table["round"]))
    return shapes.extrude(outline, 0.0, context.number(table.get("height", 1)), context.number(table.get("taper", 1)))


SHAPES: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any], Context], Mesh]]] = {
    "sphere": (("radius",), lambda t, c: shapes.sphere(c.number(t.get("radius", 1)))),
    "box": (("size",), lambda t, c: shapes.box(*c.numbers(t.get("size", [1, 1, 1]), 3))),
    "revolve": (("profile", "smooth", "around", "degrees"), _revolve),
    "tube": (("path", "radius"), _tube),
    "extrude": (("outline", "height", "round", "taper"), _extrude),
}
