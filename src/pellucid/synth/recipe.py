"""A recipe: what it leaves open, drawn for a seed and a number, and built."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.registry import Entry
from pellucid.synth import backdrop
from pellucid.synth.ranges import Among, Between, Range, Value, narrowed
from pellucid.synth.scene import Cut, Light, Scene, around
from pellucid.synth.table import ObjectFacts, objects

#: How every object is looked at: the camera's place, how much of the picture it fills, the light's place, the backdrop.
VIEW: Mapping[str, Range] = {
    "turn": Between(0, 360, "degrees", least=-360, most=360),
    "elevation": Between(12, 35, "degrees", least=-89, most=89),
    "zoom": Between(0.75, 0.95, "of the picture", least=0.05, most=5),
    "across": Between(0, 0, "widths of the picture to the right of its middle", least=-1, most=1),
    "down": Between(0, 0, "heights of the picture below its middle", least=-1, most=1),
    "light": Between(-60, 60, "degrees from the camera", least=-180, most=180),
    "backdrop": Among(("white", "grey", "sand", "sky"), backdrop.NAMES),
}


@dataclass(frozen=True)
class Tie:
    """A planted correlation: with probability ``share`` the parameter ``other`` follows ``one``.

    It then lies as high in its range as ``one`` does in its own, so over many objects the correlation of the two
    ranks is ``share``.
    """

    one: str
    other: str
    share: float


@dataclass(frozen=True)
class Recipe:
    """ranges: what is drawn, the view's too. build: makes a scene of a generator of random numbers and its values.

    label: what a picture is sorted by.
    """

    name: str
    ranges: Mapping[str, Range]
    build: Callable[..., Scene]
    label: str
    summary: str = ""
    ties: tuple[Tie, ...] = ()
    view: tuple[str, ...] = field(default=tuple(VIEW))

    def with_ranges(self, wishes: Mapping[str, object]) -> Recipe:
        """The recipe with other ranges (see ``ranges.narrowed``); an unknown name is an error."""
        ranges = dict(self.ranges)
        for name, wish in wishes.items():
            if name not in ranges:
                raise BadInput(f"{self.name} has no range {name!r}", cure=near(name, ranges))
            ranges[name] = narrowed(ranges[name], wish, name)
        return dataclasses.replace(self, ranges=ranges)

    def tied(self, ties: Sequence[Tie]) -> Recipe:
        """The recipe with planted correlations."""
        for tie in ties:
            for name in (tie.one, tie.other):
                if name not in self.ranges:
                    raise BadInput(f"{self.name} has no range {name!r}", cure=near(name, self.ranges))
            if not 0 <= tie.share <= 1 or tie.one == tie.other:
                what = f"{tie.one}~{tie.other}:{tie.share:g} is no correlation"
                raise BadInput(what, cure="tie two parameters with a share from 0 to 1")
        return dataclasses.replace(self, ties=tuple(ties))

    def draw(self, seed: int = 0, number: int = 0) -> dict[str, Value]:
        """The values of object ``number``, each independent of all others but for what is tied."""
        if seed < 0 or number < 0:
            raise BadInput(f"seed {seed}, number {number}", cure="give numbers of 0 or more")
        shares = {name: self._stream(seed, number, name).random() for name in self.ranges}
        for tie in self.ties:
            if self._stream(seed, number, f"{tie.one}~{tie.other}").random() < tie.share:
                shares[tie.other] = shares[tie.one]
        return {name: range_.at(shares[name]) for name, range_ in self.ranges.items()}

    def _stream(self, seed: int, number: int, parameter: str) -> np.random.Generator:
        return stream(seed, number, f"{self.name}/{parameter}")

    def make(self, seed: int = 0, number: int = 0) -> Scene:
        """Object ``number`` of a seed: the same for the same two numbers, whatever was made before."""
        return self.made_of(self.draw(seed, number), seed, number)

    def made_of(self, values: Mapping[str, Value], seed: int = 0, number: int = 0) -> Scene:
        """The object of these values, whatever the ranges; what is random besides follows the two numbers."""
        own = {n: v for n, v in values.items() if n not in self.view}
        scene = self.build(self._stream(seed, number, "build"), **own)
        turn, elevation, zoom, light, right, down = (
            float(values[n]) for n in ("turn", "elevation", "zoom", "light", "across", "down")
        )
        look = around(scene.parts, turn=turn, elevation=elevation, zoom=zoom, shift=(right, down))
        side = np.radians(turn + light)
        light = Light((float(np.sin(side)), float(-np.cos(side)), 0.9))
        return scene.replace(
            sections=scene.sections or {"along": _middle(scene)},
            name=self.name,
            parameters=values,
            seed=seed,
            number=number,
            camera=look,
            light=light,
            backdrop=str(values["backdrop"]),
        )


def recipe(name: str) -> Recipe:
    """The recipe of a registered object."""
    return recipe_of(objects[name])


def recipe_of(entry: Entry[ObjectFacts]) -> Recipe:
    """A registered function as a recipe."""
    ranges: dict[str, Any] = {o.name: o.default for o in entry.options.values()}
    return Recipe(entry.name, {**ranges, **VIEW, **entry.facts.view}, entry.function, entry.facts.label, entry.summary)


def _middle(scene: Scene) -> Cut:
    """The upright plane through an object's middle, as seen from the front."""
    points = scene.whole.vertices
    x, y, z = (points.min(0) + points.max(0)) / 2
    return Cut((float(x), float(y), float(z)), (0.0, -1.0, 0.0))


def stream(seed: int, number: int, name: str) -> np.random.Generator:
    """Random numbers of their own for each seed, number and name (OBJECT/PARAMETER), so that none tells of another."""
    return np.random.default_rng([seed, number, zlib.crc32(name.encode())])
