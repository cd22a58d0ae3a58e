"""Which items train, which tune, and which are kept for the end: by groups, with each label's share in every part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import SPLITS, Dataset

#: What parts the tags of a cell: the first of these that the column holds.
_SEPARATORS = (";", "|", ",")

#: A cell that says that nobody looked.
_UNKNOWN = "?"

#: What a column holds: a class a cell, tags, numbers to be foretold; "any" is told by the cells themselves.
Cells = Literal["any", "classes", "tags", "numbers"]

#: Measured numbers are dealt by tenths of the items, as if each were a class.
_TENTHS = 10

#: What such a class is called.
TENTH = "tenth "

#: Of a column of numbers: with fewer items a value than this, on average, they are measurements and no classes.
_FEW = 3


def split_rows(
    data: Dataset,
    labels: Sequence[str],
    *,
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    cells: Cells = "any",
) -> dict[str, np.ndarray]:
    """The items' numbers, in order, by "train", "val" and "test"; one of share 0 is empty.

    What the data say themselves (``data.split``) is kept, splits of other names too, and an empty cell is "train";
    a val or test that they lack is drawn from their train. Groups, and rows that name one file, are never parted.
    Each label has its share of every split (Sechidis et al. 2011; see ``_dealt``). The same seed gives the same
    splits, in whatever order the items are listed. cells: what the labels' columns hold. Raises BadInput where
    nothing is left to train on.
    """
    _check_shares(shares, data)
    given = [s or "train" for s in data.split] if data.split else ["train"] * len(data)
    rows = {name: np.flatnonzero([g == name for g in given]) for name in dict.fromkeys((*SPLITS, *given))}
    lacking = [k for k, name in enumerate(SPLITS) if k == 0 or not len(rows[name])]
    parts = _dealt(_units(data, labels, rows["train"], cells), [shares[k] for k in lacking], seed)
    rows |= {SPLITS[k]: part for k, part in zip(lacking, parts, strict=True)}
    if not len(rows["train"]):
        cure = "name the split 'train' in the data, or give more items"
        raise BadInput("no item is left to train on", where=data.source, cure=cure)
    return rows


def one_group(data: Dataset) -> tuple[str, ...]:
    """What to tell of items that are all of one group, none of which can be kept apart; else nothing."""
    if data.group is None or data.split or len(data) < 2 or len(set(data.group)) > 1:
        return ()
    return (
        f"all {len(data)} items are of one group, {data.group[0]!r}, which is never parted: nothing is kept apart. "
        "Add another group, or name splits in a column 'split'; the score then is of this group alone",
    )


def folds(
    data: Dataset, labels: Sequence[str], k: int, seed: int = 0, cells: Cells = "any"
) -> list[tuple[np.ndarray, np.ndarray]]:
    """``k`` ways to part the items into those to learn from and those to test on: every item is tested on once.

    Groups are never parted, and each label has its share of every fold. Raises BadInput for fewer groups than folds.
    """
    units = _units(data, labels, np.arange(len(data)), cells)
    if not 2 <= k <= len(units):
        cure = f"ask for 2 to {len(units)} folds" if len(units) > 1 else "give more items"
        raise BadInput(f"{len(units)} groups of items cannot make {k} folds", where=data.source, cure=cure)
    tested = _dealt(units, [1 / k] * k, seed)
    return [(np.setdiff1d(np.arange(len(data)), test), test) for test in tested]


def tokens(data: Dataset, labels: Sequence[str], kind: Cells = "any") -> list[tuple[tuple[str, str], ...]]:
    """What each item is labelled with, as (column, tag or class or tenth); nothing where its cells are empty."""
    cells = {label: _classes(data.column(label), kind) for label in labels}
    return [tuple(dict.fromkeys((label, t) for label, own in cells.items() for t in own[i])) for i in range(len(data))]


@dataclass(frozen=True)
class _Unit:
    """Items that stay together. counts: how many of them have each label."""

    rows: tuple[int, ...]
    counts: dict[tuple[str, str], int]


def _check_shares(shares: Sequence[float], data: Dataset) -> None:
    if len(shares) != len(SPLITS) or min(shares) < 0 or shares[0] <= 0 or abs(sum(shares) - 1) > 1e-6:
        cure = "give those of train, val and test, which add up to 1, as in 0.7,0.15,0.15"
        raise BadInput(f"the shares {', '.join(f'{s:g}' for s in shares)} make no splits", where=data.source, cure=cure)


def _classes(cells: Sequence[str], kind: Cells = "any") -> list[tuple[str, ...]]:
    """The tags of each cell, or its class; in a column of measurements, the tenth in which the number lies.

    Measurements are numbers that are to be foretold, or that are hardly repeated and not said to be classes.
    """
    if kind == "classes":
        return [(c,) if c and c != _UNKNOWN else () for c in cells]
    tags = _all_tags(cells)
    counts = Counter(c for c in cells if c)
    numbers = _numbers(counts)
    if numbers is None or (kind != "numbers" and counts.total() >= _FEW * len(counts)):
        return tags
    bounds = np.quantile(np.repeat(numbers, list(counts.values())), np.arange(1, _TENTHS) / _TENTHS)
    tenth = dict(zip(counts, np.searchsorted(bounds, numbers, side="right"), strict=True))
    return [(f"{TENTH}{tenth[c]}",) if c else () for c in cells]


def _all_tags(cells: Sequence[str]) -> list[tuple[str, ...]]:
    separator = separator_of(cells) or _SEPARATORS[0]
    return [tuple(dict.fromkeys(t for t in _tags(c, separator) if t and t != _UNKNOWN)) for c in cells]


def separator_of(cells: Sequence[str]) -> str | None:
    """What parts the tags in a column; None where each cell is one class."""
    if any(c.startswith("[") for c in cells):  # lists, as JSON or Python write them
        return ","
    return next((s for s in _SEPARATORS if any(s in c for c in cells)), None)


def _tags(cell: str, separator: str) -> list[str]:
    inner = cell.removeprefix("[").removesuffix("]") if cell.startswith("[") else cell
    return [t.strip().strip("\"'") for t in inner.split(separator)]


def _numbers(texts: Iterable[str]) -> np.ndarray | None:
    """The texts as numbers; None where one of them is none, or there are no texts."""
    try:
        numbers = np.array([float(t) for t in texts])
    except ValueError:
        return None
    return numbers if numbers.size and np.isfinite(numbers).all() else None


def _units(data: Dataset, labels: Sequence[str], rows: np.ndarray, cells: Cells = "any") -> list[_Unit]:
    """The groups among these items, ordered by their names, so that the order of the list does not matter."""
    said = tokens(data, labels, cells)
    members: dict[tuple[str, str], list[int]] = {}
    for i in rows.tolist():
        group = data.group[i] if data.group else ""
        members.setdefault(("group", group) if group else ("item", data.items.name(i)), []).append(i)
    units = []
    for key in sorted(members):
        counts: dict[tuple[str, str], int] = {}
        for i in members[key]:
            for token in said[i]:
                counts[token] = counts.get(token, 0) + 1
        units.append(_Unit(tuple(members[key]), counts))
    return units


def _dealt(units: Sequence[_Unit], shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, Algorithm 1), with groups for single items.

    The label of which the fewest groups are left is dealt first, its larger groups before its smaller: each goes
    where that label is wanted most, among equals where items are wanted most, among those by lot. Added to the paper:
    where a label has just enough groups left for the parts without it, those parts come first, and its last group goes
    to the largest part (train) if that is without. So a label that has as many groups as there are parts is in every
    part (certain where a group has one label; with several, rarely not). Returns each part's items, sorted.
    """
    rng = np.random.default_rng(seed)
    deal = _Deal(units, shares, rng)
    order = sorted(rng.permutation(len(units)).tolist(), key=lambda u: -len(units[u].rows))
    holders: dict[tuple[str, str], list[int]] = {}
    for u in order:
        for token in units[u].counts:
            holders.setdefault(token, []).append(u)
    while deal.left:
        rarest = min(deal.left, key=lambda token: (deal.left[token], token))
        for u in holders[rarest]:
            deal.place(u, rarest)
    for u in order:
        deal.place(u, None)
    return [np.array(sorted(r for u in part for r in units[u].rows), dtype=np.int64) for part in deal.parts]


class _Deal:
    """The state of a deal: what has been placed, what each part still wants, and what is left of each label."""

    def __init__(self, units: Sequence[_Unit], shares: Sequence[float], rng: np.random.Generator):
        self.units, self.rng = units, rng
        self.open = [s for s, share in enumerate(shares) if share > 0]
        self.main = max(self.open, key=lambda s: shares[s])
        self.parts: list[list[int]] = [[] for _ in shares]
        self.left: dict[tuple[str, str], int] = {}
        total: dict[tuple[str, str], int] = {}
        for unit in units:
            for token, count in unit.counts.items():
                self.left[token] = self.left.get(token, 0) + 1
                total[token] = total.get(token, 0) + count
        weight = sum(shares)
        self.wanted = [{t: n * share / weight for t, n in total.items()} for share in shares]
        self.room = [sum(len(u.rows) for u in units) * share / weight for share in shares]
        self.without = {t: set(self.open) for t in total}
        self.placed = [False] * len(units)

    def place(self, u: int, token: tuple[str, str] | None) -> None:
        """Put a group, unless it has been placed, where ``token`` is wanted most."""
        if self.placed[u]:
            return
        unit = self.units[u]
        lacking = [self._lacking(t) for t in unit.counts if self.left[t] <= len(self.without[t])]
        learned = sum(parts == {self.main} for parts in lacking)
        worths = {
            s: (
                learned if s == self.main else 0,
                sum(s in parts for parts in lacking),
                self.wanted[s][token] if token else 0.0,
                self.room[s],
            )
            for s in self.open
        }
        best = max(worths.values())
        equals = [s for s, w in worths.items() if w == best]
        chosen = equals[int(self.rng.integers(len(equals)))] if len(equals) > 1 else equals[0]
        self._put(u, unit, chosen)

    def _lacking(self, token: tuple[str, str]) -> set[int]:
        """The parts without this label; the largest of all alone if it is one of them and one group is left."""
        parts = self.without[token]
        return {self.main} if self.left[token] == 1 and self.main in parts else parts

    def _put(self, u: int, unit: _Unit, s: int) -> None:
        self.placed[u] = True
        self.parts[s].append(u)
        self.room[s] -= len(unit.rows)
        for token, count in unit.counts.items():
            self.wanted[s][token] -= count
            self.without[token].discard(s)
            self.left[token] -= 1
            if not self.left[token]:
                del self.left[token]
