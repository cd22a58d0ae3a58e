"""What a recipe leaves open: a number between two, a whole number between two, one name among several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pellucid.core.errors import BadInput, near

Value = float | int | str


@dataclass(frozen=True)
class Between:
    """Any number from ``low`` to ``high``, all alike. least, most: what makes sense at all.

    margin: how far to stay from the ends of a range that has room, where the number is only reached so nearly.
    """

    low: float
    high: float
    unit: str = ""
    least: float = 0.0
    most: float = 1e6
    margin: float = 0.0

    def at(self, share: float) -> float:
        """The value below which this share of the range lies."""
        margin = min(self.margin, (self.high - self.low) / 2)
        return self.low + margin + share * (self.high - self.low - 2 * margin)

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


@dataclass(frozen=True)
class Whole:
    """A whole number from ``low`` to ``high``, both included, all alike."""

    low: int
    high: int
    unit: str = ""
    least: int = 0
    most: int = 1000

    def at(self, share: float) -> int:
        """The value below which this share of the range lies."""
        return min(self.high, self.low + int(share * (self.high - self.low + 1)))

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True)
class Among:
    """One of ``names``, all alike. known: what may be asked for."""

    names: tuple[str, ...]
    known: tuple[str, ...] = ()

    def at(self, share: float) -> str:
        """The name below which this share of the names lies."""
        return self.names[min(len(self.names) - 1, int(share * len(self.names)))]

    def __str__(self) -> str:
        return ",".join(self.names)


Range = Between | Whole | Among


def among(*names: str) -> Among:
    """One of these names."""
    return Among(names, names)


def narrowed(range_: Range, wish: object, name: str) -> Range:
    """The range that was asked for: a text (``30..50``, ``4``, ``round,flat``), a number, a name, a pair or a list.

    Raises BadInput for what is no such range or lies outside of what makes sense.
    """
    if isinstance(wish, Between | Whole | Among):
        wish = wish.names if isinstance(wish, Among) else (wish.low, wish.high)
    if isinstance(range_, Among):
        return _chosen(range_, wish, name)
    low, high = _ends(range_, wish, name)
    if low > high:
        raise BadInput(f"{name} {low:g}..{high:g} ends before it begins", cure=f"pass {high:g}..{low:g}")
    if not range_.least <= low <= high <= range_.most:
        limits = f"{range_.least:g} to {range_.most:g}"
        raise BadInput(f"{name} {low:g}..{high:g} is out of bounds", cure=f"stay within {limits} {range_.unit}".strip())
    return replace(range_, low=low, high=high)


def _chosen(range_: Among, wish: object, name: str) -> Among:
    names = wish.split(",") if isinstance(wish, str) else wish
    if not isinstance(names, Sequence) or not names:
        raise BadInput(f"{name} is {wish!r}", cure=f"pass one or several of {', '.join(range_.known)}")
    for each in names:
        if each not in range_.known:
            raise BadInput(f"{name} {each!r}", cure=near(str(each), range_.known))
    return replace(range_, names=tuple(dict.fromkeys(names)))


def _ends(range_: Between | Whole, wish: object, name: str) -> tuple:
    ends = wish.split("..") if isinstance(wish, str) else wish if isinstance(wish, Sequence) else (wish,)
    kind = int if isinstance(range_, Whole) else float
    try:
        numbers = [kind(e) for e in ends]
        exact = all(isinstance(e, str) or kind(e) == e for e in ends)
    except (TypeError, ValueError, OverflowError):
        numbers, exact = [], False
    if not exact or len(numbers) not in (1, 2) or any(n != n for n in numbers):
        example = "30..50 or 40" if kind is float else "3..8 or 5 (whole numbers)"
        raise BadInput(f"{name} {wish!r} is no range", cure=f"pass {example}")
    return numbers[0], numbers[-1]
