"""How the tables of a recipe's file are read: numbers, points, colours, each told with its place when it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth.expression import value

#: What may become part of a file's name.
_PLAIN = re.compile(r"[\w+-][\w +.-]{0,63}")


def plain_name(told: object, where: object) -> str:
    """A name that may become part of a file's name."""
    if not isinstance(told, str) or not _PLAIN.fullmatch(told):
        raise BadInput(f"{told!r} is no plain name", where=where, cure="use letters, digits, blanks, - and _")
    return told


def only(table: Mapping[str, Any], known: Sequence[str], where: object) -> None:
    """Refuse a word that means nothing here."""
    for key in table:
        if key not in known:
            raise BadInput(f"unknown {key!r}", where=where, cure=near(key, known))


@dataclass(frozen=True)
class Context:
    """What a table of the file is read with: the values drawn, random numbers, where it stands in the file."""

    values: Mapping[str, Any]
    rng: np.random.Generator
    where: str

    def number(self, text: object) -> float:
        """A number, or the value of some arithmetic."""
        return value(text, self.values, self.where)

    def numbers(self, texts: object, length: int) -> list[float]:
        """A list of so many numbers."""
        if not isinstance(texts, list) or len(texts) != length:
            raise BadInput(f"{texts!r} is no list of {length}", where=self.where, cure=f"write {length} numbers in []")
        return [self.number(t) for t in texts]

    def grid(self, texts: object) -> np.ndarray:
        """A list of points: float [n, 2]."""
        if not isinstance(texts, list) or len(texts) < 2:
            raise BadInput(f"{texts!r} is no list of points", where=self.where, cure="write [[x, y], [x, y], …]")
        return np.array([self.numbers(t, 2) for t in texts])

    def colour(self, told: object) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        r, g, b = (round(min(255, max(0, c))) for c in self.numbers(told, 3))
        return r, g, b

    def table(self, told: object, known: Sequence[str]) -> Mapping[str, Any]:
        """A table in which nothing but these words may stand."""
        if not isinstance(told, dict):
            raise BadInput(f"{told!r} is no table", where=self.where, cure="write { colour = [200, 30, 30] } or such")
        only(told, known, self.where)
        return told
