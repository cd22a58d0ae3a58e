"""The registry of rivals: each a function ``(fold) -> Answer``, declared with what it asks and how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pellucid.core.registry import Entry, Registry

#: The families, in the order in which they are shown.
GROUPS = ("trivial", "pixels", "networks", "codes")


@dataclass(frozen=True)
class Size:
    """How large a comparison is. learn: items in each fold's learning part; items: all; codes: the codes' width."""

    items: int
    learn: int
    pixels: int
    classes: int
    codes: int = 1280


@dataclass(frozen=True)
class RivalFacts:
    """group: its family. title: what it is called where classes are learnt; numbers: where numbers are, None if it
    cannot. question: what it tells. seconds: about how long one fold takes on one core, by size. asked: only when
    somebody asks for it.
    """

    group: str
    title: str
    question: str
    seconds: Callable[[Size], float]
    numbers: str | None = None
    asked: bool = False

    def named(self, *, numbers: bool) -> str:
        """Its title for what is learnt."""
        return self.numbers or self.title if numbers else self.title


class Absent(Exception):
    """A rival that cannot take part, and why: its row says so, and the others go on."""


rivals: Registry[RivalFacts] = Registry(
    "rival", facts=RivalFacts, folder="pellucid.training.rivals", group="pellucid.rivals"
)

Rival = Entry[RivalFacts]
