"""A recipe that somebody wrote into a TOML file: ranges, parts, materials. See docs/make.md for what may stand in it.

Text is never run: numbers are arithmetic over what was drawn (``expression.py``). Recipes in Python are run only when
that was asked for.
"""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth import deform, nurbs, shapes
from pellucid.synth.expression import value
from pellucid.synth.mesh import Mesh, inside
from pellucid.synth.ranges import Among, Between, Range, Whole
from pellucid.synth.recipe import VIEW, Recipe, recipe_of
from pellucid.synth.scene import Part, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import between, grain, mixed, noise, red_share, scattered, spots, steered

#: A longer file is no recipe.
MAX_BYTES = 1 << 20

#: More parts of one kind are a slip.
MOST = 1000

#: So many places are tried for what is laid on or within another part.
TRIES = 400


@dataclass(frozen=True)
class _Context:
    """What a table of the file is read with: the values drawn, random numbers, where it stands in the file."""

    values: Mapping[str, Any]
    rng: np.random.Generator
    where: str

    def number(self, text: object) -> float:
        return value(text, self.values, self.where)

    def numbers(self, texts: object, length: int) -> list[float]:
        if not isinstance(texts, list) or len(texts) != length:
            raise BadInput(f"{texts!r} is no list of {length}", where=self.where, cure=f"write {length} numbers in []")
        return [self.number(t) for t in texts]

    def grid(self, texts: object) -> np.ndarray:
        if not isinstance(texts, list) or len(texts) < 2:
            raise BadInput(f"{texts!r} is no list of points", where=self.where, cure="write [[x, y], [x, y], …]")
        return np.array([self.numbers(t, 2) for t in texts])


def read(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises BadInput, with the place in the file, for what is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput("the file is longer than a recipe", where=path, cure="name a TOML recipe")
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", where=path, cure="name a TOML recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"this is no TOML ({error})", where=path, cure="see docs/make.md for a recipe") from error
    _only(told, ("name", "summary", "label", "ranges", "choices", "view", "part"), path)
    ranges: dict[str, Range] = {n: _range(n, r, path) for n, r in _table(told, "ranges", path).items()}
    view = {n: _range(n, r, path) for n, r in _table(told, "view", path).items()}
    for name in view:
        if name not in VIEW:
            raise BadInput(f"the view has no {name!r}", where=path, cure=near(name, VIEW))
    if set(ranges) & {*VIEW, "k"}:
        taken = sorted(set(ranges) & {*VIEW, "k"})[0]
        raise BadInput(f"{taken!r} is a name that is taken", where=path, cure="call the range something else")
    parts = told.get("part")
    if not isinstance(parts, list) or not parts or not all(isinstance(p, dict) for p in parts):
        raise BadInput("there is no [[part]] in it", where=path, cure="see docs/make.md for a recipe")
    name = str(told.get("name", path.stem))

    choices = _choices(_table(told, "choices", path), ranges, path)

    def build(rng: np.random.Generator, **values: Any) -> Scene:
        made: list[Part] = []
        known = {**values, **{n: v for kind, chosen in choices.items() for n, v in chosen[values[kind]].items()}}
        for k, table in enumerate(parts):
            made += _parts(table, _Context(known, rng, f"{path}: part {table.get('name', k + 1)!r}"), made)
        shares = {f"{p.name}_red_share": round(red_share(p.mesh), 6) for p in made if _steered(parts, p)}
        return Scene(name, tuple(made), labels={"class": name, **values}, measured=shares)

    label = str(told.get("label", "class"))
    if label not in (*ranges, "class"):
        raise BadInput(f"the label {label!r} is no range", where=path, cure=near(label, ranges))
    made = Recipe(name, {**ranges, **VIEW, **view}, build, label, str(told.get("summary", "")))
    made.make()  # so that what cannot be built is told now, and not after an hour
    return made


def run(path: Path, *, trust: bool) -> list[Recipe]:
    """The recipes that a Python file registers. The file's code runs, so it must be trusted."""
    if not trust:
        raise BadInput("this is Python, which would be run", where=path, cure="pass --trust if you know what is in it")
    if not path.is_file():
        raise BadInput("there is no such file", where=path, cure="name a Python file that registers an object")
    before = set(objects)
    try:
        runpy.run_path(str(path))
    except Exception as error:  # it may raise anything
        raise BadInput(f"running it failed ({type(error).__name__}: {error})", where=path, cure="mend it") from error
    new = [recipe_of(objects[name]) for name in objects if name not in before]
    if not new:
        raise BadInput("it registers no object", where=path, cure="use @objects.register, as docs/make.md shows")
    return new


# -- the file's tables ----------------------------------------------------------------------------


def _table(told: Mapping[str, Any], name: str, where: object) -> Mapping[str, Any]:
    found = told.get(name, {})
    if not isinstance(found, dict):
        raise BadInput(f"{name} is no table", where=where, cure=f"write [{name}]")
    return found


def _only(table: Mapping[str, Any], known: Sequence[str], where: object) -> None:
    for key in table:
        if key not in known:
            raise BadInput(f"unknown {key!r}", where=where, cure=near(key, known))


def _range(name: str, wish: object, where: object) -> Range:
    """``"30..50"`` with a point or a unit is a number, of whole numbers a whole number; a list is a choice."""
    if isinstance(wish, list) and wish and all(isinstance(w, str) for w in wish):
        return Among(tuple(wish), tuple(wish))
    ends = wish.split("..") if isinstance(wish, str) else []
    try:
        low, high = (float(e) for e in ends)
        whole = not any("." in e or "e" in e.lower() for e in ends)
        if not low <= high or not np.isfinite([low, high]).all() or not name.isidentifier():
            raise ValueError
    except ValueError:
        cure = 'write "30.0..50.0" for numbers, "3..8" for whole ones, ["a", "b"] for a choice'
        raise BadInput(f"{name} = {wish!r} is no range", where=where, cure=cure) from None
    if whole:
        return Whole(int(low), int(high), least=min(0, int(low)), most=max(1000, int(high)))
    return Between(low, high, least=min(0.0, low), most=max(1e6, high), margin=0.001 * (high - low))


def _choices(
    told: Mapping[str, Any], ranges: Mapping[str, Range], where: object
) -> dict[str, dict[str, dict[str, float]]]:
    """The numbers that each name of a choice stands for: ``[choices.kind.tall]`` with ``height = 1.2``."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in told:
        range_ = ranges.get(kind)
        if not isinstance(range_, Among):
            choices = [n for n, r in ranges.items() if isinstance(r, Among)]
            raise BadInput(f"{kind!r} is no choice of the ranges", where=where, cure=near(kind, choices))
        named = _table(told, kind, where)
        _only(named, range_.known, where)
        found[kind] = {
            name: {n: value(v, {}, f"{where}: choices") for n, v in _table(named, name, where).items()}
            for name in range_.known
        }
    return found


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


def _parts(table: Mapping[str, Any], context: _Context, made: Sequence[Part]) -> list[Part]:
    """One part, or as many as ``count`` says; ``k`` counts them from 0."""
    kind = str(table.get("shape", ""))
    if kind not in SHAPES:
        raise BadInput(f"there is no shape {kind!r}", where=context.where, cure=near(kind, SHAPES))
    own, build = SHAPES[kind]
    _only(table, (*PART, *own), context.where)
    name = str(table.get("name", kind))
    count = round(context.number(table.get("count", 1)))
    if not 0 <= count <= MOST:
        raise BadInput(f"count is {count}", where=context.where, cure=f"stay within 0 to {MOST}")
    colour = _colour(table.get("material", {}).get("colour", [160, 160, 160]), context)
    section = _colour(table["inside"], context) if "inside" in table else colour
    gloss = context.number(table.get("gloss", 0))
    found = []
    for k in range(count):
        each = _Context({**context.values, "k": k}, context.rng, context.where)
        mesh = _laid(_finished(build(table, each), table, each), table, each, [*made, *found])
        mesh = _painted(mesh, table.get("material", {}), each)
        found.append(Part(f"{name} {k + 1}" if "count" in table else name, mesh, name, section, gloss))
    return found


def _finished(mesh: Mesh, table: Mapping[str, Any], context: _Context) -> Mesh:
    """Stretched, deformed, turned, moved."""
    _solid(mesh, context)
    if "scale" in table:
        mesh = deform.scaled(mesh, *context.numbers(table["scale"], 3))
    for step in table.get("deform", []):
        mesh = _deformed(mesh, step, context)
    for axis, angle in enumerate(context.numbers(table.get("turn", [0, 0, 0]), 3)):
        mesh = deform.placed(mesh, turn=deform.turned(np.radians(angle), axis))
    x, y, z = context.numbers(table.get("at", [0, 0, 0]), 3)
    mesh = deform.placed(mesh, at=(x, y, z))
    _solid(mesh, context)
    return mesh


def _solid(mesh: Mesh, context: _Context) -> None:
    if not mesh.volume > 0 or not np.isfinite(mesh.vertices).all():
        raise BadInput("the part has no volume", where=context.where, cure="give sizes above 0")


def _laid(mesh: Mesh, table: Mapping[str, Any], context: _Context, made: Sequence[Part]) -> Mesh:
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


def _earlier(name: str, context: _Context, made: Sequence[Part]) -> list[Part]:
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


def _deformed(mesh: Mesh, step: Mapping[str, Any], context: _Context) -> Mesh:
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


def _colour(told: object, context: _Context) -> tuple[int, int, int]:
    r, g, b = (round(min(255, max(0, c))) for c in context.numbers(told, 3))
    return r, g, b


def _painted(mesh: Mesh, told: Mapping[str, Any], context: _Context) -> Mesh:
    """One colour, with noise towards another; a share of red and green that is kept; corners of their own colours."""
    _only(told, ("colour", "second", "noise", "share", "grain", "corners", "spots", "spot"), context.where)
    colour = _colour(told.get("colour", [160, 160, 160]), context)
    wide = max(float(np.ptp(mesh.vertices, axis=0).max()), 1e-9)
    field = noise(mesh.vertices / wide * context.number(told.get("noise", 4)), context.rng)
    if "share" in told:
        second = _colour(told.get("second", [132, 168, 52]), context)
        if not (colour[0] > colour[1] and second[0] < second[1]):
            cure = "give a colour with more red than green, and a second with more green than red"
            raise BadInput("a share is measured where red outweighs green", where=context.where, cure=cure)
        soft = 0.5 * field.std() + 1e-12
        paint = lambda t: mesh.coloured(mixed(second, colour, 0.5 + (field - t) / soft))  # noqa: E731
        done = steered(paint, float(field.min()) - soft, float(field.max()) + soft, context.number(told["share"]))
    elif "second" in told:
        done = mesh.coloured(mixed(_colour(told["second"], context), colour, field))
    elif "corners" in told:
        chosen = _corners(mesh, told["corners"], context)
        done = mesh.coloured(between(mesh, list(chosen), list(chosen.values())))
    else:
        done = mesh.coloured(grain(mesh.vertices / wide * 8, context.rng, colour, context.number(told.get("grain", 0))))
    if "spots" in told:
        amount = spots(mesh, round(context.number(told["spots"])), 0.05 * wide, context.rng)
        done = done.coloured(mixed(done.colours, _colour(told.get("spot", [70, 44, 24]), context), amount))
    return done


def _corners(mesh: Mesh, told: object, context: _Context) -> dict[int, tuple[int, int, int]]:
    """``{ top = [255, 0, 0], left = … }``: the outermost vertex of each side, and its colour."""
    sides = {"right": (0, 1), "left": (0, -1), "back": (1, 1), "front": (1, -1), "top": (2, 1), "bottom": (2, -1)}
    if not isinstance(told, dict) or not told:
        raise BadInput("corners is no table", where=context.where, cure=f"write sides of {', '.join(sides)}")
    _only(told, tuple(sides), context.where)
    return {
        int((mesh.vertices[:, sides[side][0]] * sides[side][1]).argmax()): _colour(colour, context)
        for side, colour in told.items()
    }


def _steered(parts: Sequence[Mapping[str, Any]], part: Part) -> bool:
    return any(t.get("name", t.get("shape")) == part.kind and "share" in t.get("material", {}) for t in parts)


# -- shapes ---------------------------------------------------------------------------------------


def _line(table: Mapping[str, Any], context: _Context) -> np.ndarray:
    """The profile's points, or the curve that they pull towards themselves."""
    points = context.grid(table.get("profile"))
    if not table.get("smooth", False):
        return points
    ends = points[[0, -1], 0] == 0
    line = nurbs.Curve(points, degree=min(3, len(points) - 1)).at(np.linspace(0, 1, 40))
    line[[0, -1], 0] = np.where(ends, 0.0, line[[0, -1], 0])
    return line


def _revolve(table: Mapping[str, Any], context: _Context) -> Mesh:
    around = round(context.number(table.get("around", 48)))
    turn = np.radians(context.number(table.get("degrees", 360)))
    if not 3 <= around <= 512 or not 0 < turn <= 2 * np.pi + 1e-9:
        raise BadInput(
            f"{around} steps of {np.degrees(turn):g}°", where=context.where, cure="3 to 512 steps, up to 360"
        )
    return shapes.revolve(_line(table, context), around, turn=turn)


def _tube(table: Mapping[str, Any], context: _Context) -> Mesh:
    path = table.get("path")
    if not isinstance(path, list) or len(path) < 2:
        raise BadInput("a tube needs a path", where=context.where, cure="write path = [[x, y, z], …]")
    points = np.array([context.numbers(p, 3) for p in path])
    line = nurbs.Curve(points, degree=min(3, len(points) - 1)).at(np.linspace(0, 1, 24))
    return shapes.sweep(line, context.number(table.get("radius", 1)))


def _extrude(table: Mapping[str, Any], context: _Context) -> Mesh:
    outline = context.grid(table.get("outline"))
    if "round" in table:
        outline = shapes.rounded(outline, context.number(table["round"]))
    return shapes.extrude(outline, 0.0, context.number(table.get("height", 1)), context.number(table.get("taper", 1)))


SHAPES: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any], _Context], Mesh]]] = {
    "sphere": (("radius",), lambda t, c: shapes.sphere(c.number(t.get("radius", 1)))),
    "box": (("size",), lambda t, c: shapes.box(*c.numbers(t.get("size", [1, 1, 1]), 3))),
    "revolve": (("profile", "smooth", "around", "degrees"), _revolve),
    "tube": (("path", "radius"), _tube),
    "extrude": (("outline", "height", "round", "taper"), _extrude),
}
