"""Objects for those who write Python: ``AppleGenerator().set_size_between(30, 50).generate()``.

A generator has a setter for each range of its recipe, and makes another object each time it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.core.errors import BadInput
from pellucid.synth.ranges import Among
from pellucid.synth.recipe import Recipe, Tie, recipe
from pellucid.synth.scene import Scene


class Generator:
    """Makes one kind of object, different each time. seed: the same seed, the same row of objects."""

    recipe: Recipe

    def __init__(self, *, seed: int = 0) -> None:
        self.seed, self._next = seed, 0
        self.recipe = type(self).recipe

    def __repr__(self) -> str:
        ranges = ", ".join(f"{name}={range_}" for name, range_ in self.recipe.ranges.items())
        return f"{type(self).__name__}(seed={self.seed}): {ranges}"

    def set_between(self, name: str, low: float, high: float) -> Generator:
        """Draw a number from this range, both ends included."""
        self.recipe = self.recipe.with_ranges({name: (low, high)})
        return self

    def set_among(self, name: str, *names: str) -> Generator:
        """Draw one of these names."""
        self.recipe = self.recipe.with_ranges({name: names})
        return self

    def tie(self, one: str, other: str, share: float) -> Generator:
        """Plant a correlation: with this probability ``other`` follows ``one``."""
        self.recipe = self.recipe.tied([*self.recipe.ties, Tie(one, other, share)])
        return self

    def generate(self) -> Scene:
        """The next object."""
        made = self.recipe.make(self.seed, self._next)
        self._next += 1
        return made

    def __iter__(self) -> Iterator[Scene]:
        while True:
            yield self.generate()


def generator_class(made: Recipe, name: str) -> type[Generator]:
    """A class of generators with a setter for each range: ``set_SIZE_between(low, high)``, ``set_KIND_among(...)``."""
    setters: dict[str, Any] = {}
    for each, range_ in made.ranges.items():
        if isinstance(range_, Among):
            setters[f"set_{each}_among"] = _among(each, range_)
        else:
            setters[f"set_{each}_between"] = _between(each, f"{range_} {range_.unit}".strip())
    said = f"{made.summary} See ``Generator``; the setters are {', '.join(setters)}."
    return type(name, (Generator,), {"__doc__": said, "__module__": __name__, "recipe": made, **setters})


def _between(name: str, usual: str) -> Any:
    def setter(self: Generator, low: float, high: float) -> Generator:
        return self.set_between(name, low, high)

    setter.__doc__ = f"Draw {name} from this range (usually {usual})."
    setter.__name__ = f"set_{name}_between"
    return setter


def _among(name: str, range_: Among) -> Any:
    def setter(self: Generator, *names: str) -> Generator:
        return self.set_among(name, *names)

    setter.__doc__ = f"Draw {name} from these, of {', '.join(range_.known)} (usually {range_})."
    setter.__name__ = f"set_{name}_among"
    return setter


def generator(name: str | os.PathLike[str], *, seed: int = 0) -> Generator:
    """A generator of a registered object, or of the recipe in a TOML file."""
    text = os.fspath(name)
    if text.endswith(".toml"):
        from pellucid.synth.written import read

        made = read(Path(text))
    elif text.endswith(".py"):
        raise BadInput("a recipe in Python is imported, not read", where=text, cure="import it, then ask by its name")
    else:
        made = recipe(text)
    return generator_class(made, f"{made.name.title().replace('-', '')}Generator")(seed=seed)


def __getattr__(name: str) -> type[Generator]:
    """``AppleGenerator`` for "apple", ``FruitBowlGenerator`` for "fruit-bowl": one class a registered object."""
    from pellucid.synth.table import objects

    for each in objects:
        if f"{each.title().replace('-', '')}Generator" == name:
            globals()[name] = found = generator_class(recipe(each), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
