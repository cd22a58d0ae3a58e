"""A recipe that somebody wrote into a TOML file: ranges, parts, materials. See docs/make.md for what may stand in it.

Text is never run: numbers are arithmetic over what was drawn (``expression.py``). Recipes in Python are run only when
that was asked for.
"""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth.context import Context, only, plain_name
from pellucid.synth.expression import value
from pellucid.synth.parts import parts_of
from pellucid.synth.ranges import Among, Between, Range, Whole, narrowed
from pellucid.synth.recipe import VIEW, Recipe, recipe_of
from pellucid.synth.scene import Part, Scene
from pellucid.synth.table import objects
from pellucid.synth.textures import red_share

#: A longer file is no recipe.
MAX_BYTES = 1 << 20

#: By choice and name, the numbers that it stands for.
Choices = dict[str, dict[str, dict[str, float]]]


def read(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises BadInput, with the place in the file, for what is none."""
    told = _parsed(path)
    only(told, ("name", "summary", "label", "ranges", "choices", "view", "part"), path)
    name = plain_name(told.get("name", path.stem), path)
    ranges = {n: _range(n, r, path) for n, r in _table(told, "ranges", path).items()}
    for taken in {*VIEW, "k"} & {*ranges}:
        raise BadInput(f"{taken!r} is a name that is taken", where=path, cure="call the range something else")
    only(_table(told, "view", path), tuple(VIEW), path)
    view = {n: _seen(n, r, path) for n, r in _table(told, "view", path).items()}
    label = str(told.get("label", "class"))
    if label not in (*ranges, "class"):
        raise BadInput(f"the label {label!r} is no range", where=path, cure=near(label, ranges))
    build = _builder(name, told.get("part"), _choices(_table(told, "choices", path), ranges, path), path)
    made = Recipe(name, {**ranges, **VIEW, **view}, build, label, str(told.get("summary", "")))
    made.make()  # so that what cannot be built is told now, and not after an hour
    return made


def _parsed(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput("the file is longer than a recipe", where=path, cure="name a TOML recipe")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", where=path, cure="name a TOML recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"this is no TOML ({error})", where=path, cure="see docs/make.md for a recipe") from error


def _builder(name: str, parts: object, choices: Choices, path: Path) -> Callable[..., Scene]:
    """What makes a scene of the parts, for the values that were drawn."""
    if not isinstance(parts, list) or not parts or not all(isinstance(p, dict) for p in parts):
        raise BadInput("there is no [[part]] in it", where=path, cure="see docs/make.md for a recipe")

    def build(rng: np.random.Generator, **values: Any) -> Scene:
        made: list[Part] = []
        known = {**values, **{n: v for kind, chosen in choices.items() for n, v in chosen[values[kind]].items()}}
        for k, table in enumerate(parts):
            made += parts_of(table, Context(known, rng, f"{path}: part {table.get('name', k + 1)!r}"), made)
        shares = {f"{p.name}_red_share": round(red_share(p.mesh), 6) for p in made if _steered(parts, p)}
        return Scene(name, tuple(made), labels={"class": name, **values}, measured=shares)

    return build


def _steered(parts: Sequence[Mapping[str, Any]], part: Part) -> bool:
    return any(t.get("name", t.get("shape")) == part.kind and "share" in t.get("material", {}) for t in parts)


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


def _range(name: str, wish: object, where: object) -> Range:
    """``"30.0..50.0"`` is any number, ``"3..8"`` a whole one; a list of names is a choice."""
    if isinstance(wish, list) and wish:
        names = tuple(plain_name(w, where) for w in wish)
        return Among(names, names)
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


def _seen(name: str, wish: object, where: object) -> Range:
    try:
        return narrowed(VIEW[name], wish, name)
    except BadInput as error:
        raise error.at(where) from None


def _choices(told: Mapping[str, Any], ranges: Mapping[str, Range], where: object) -> Choices:
    """The numbers that each name of a choice stands for: ``[choices.kind.tall]`` with ``height = 1.2``."""
    found: Choices = {}
    for kind in told:
        range_ = ranges.get(kind)
        if not isinstance(range_, Among):
            choices = [n for n, r in ranges.items() if isinstance(r, Among)]
            raise BadInput(f"{kind!r} is no choice of the ranges", where=where, cure=near(kind, choices))
        named = _table(told, kind, where)
        only(named, range_.known, where)
        found[kind] = {
            name: {n: value(v, {}, f"{where}: choices") for n, v in _table(named, name, where).items()}
            for name in range_.known
        }
    return found
