"""What is wrong with a data set's tables, before a picture is read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pellucid.data.dataset import SPLITS, Dataset, Files, Problem
from pellucid.data.sets.splitting import TENTH, Cells, separator_of, tokens


def missing_files(data: Dataset) -> dict[int, Problem]:
    """The items whose file is not there."""
    if not isinstance(data.items, Files):
        return {}
    found = {}
    for i, path in enumerate(data.items.paths):
        file = path.rpartition(":")[0] if ".npz:" in path.lower() else path  # one array of several in a file
        if not path.startswith("example:") and not os.path.exists(os.path.expanduser(file)):
            found[i] = Problem(data.row(i), f"there is no file {path}")
    return found


def contradictions(data: Dataset, labels: Sequence[str]) -> Iterator[Problem]:
    """Files that are named twice, and labelled in two ways."""
    for rows in _same_files(data):
        first = rows[0]
        for i in rows[1:]:
            for label in labels:
                said, here = data.columns[label][first], data.columns[label][i]
                if said != here:
                    what = f"{data.items.name(i)} is {label} {here!r} here and {said!r} in {data.row(first)}"
                    yield Problem(data.row(i), what)


def parted(data: Dataset, splits: Mapping[str, np.ndarray]) -> Iterator[Problem]:
    """Groups, and files named several times, that are in several splits."""
    of = {int(i): name for name, rows in splits.items() for i in rows}
    groups: dict[str, list[int]] = {}
    for i, group in enumerate(data.group or ()):
        if group:
            groups.setdefault(group, []).append(i)
    wholes = [(f"the group {g!r}", rows) for g, rows in groups.items()]
    wholes += [(data.items.name(rows[0]), rows) for rows in _same_files(data)]
    for what, rows in wholes:
        first = next((i for i in rows if i in of), None)
        other = next((i for i in rows if first is not None and of.get(i, of[first]) != of[first]), None)
        if first is not None and other is not None:
            told = f"{what} is in {of[other]} here and in {of[first]} in {data.row(first)}"
            yield Problem(data.row(other), told)


def label_faults(
    data: Dataset, labels: Sequence[str], splits: Mapping[str, np.ndarray] | None, kind: Cells = "any"
) -> Iterator[Problem]:
    """Empty labels, classes with one example, and classes that are not there to be learned."""
    for label in labels:
        cells = data.column(label)
        exclusive = kind in ("classes", "numbers") or separator_of(cells) is None
        if exclusive:  # of tags, an empty cell says that there are none
            yield from (Problem(data.row(i), f"{label} is empty", fatal=False) for i, c in enumerate(cells) if not c)
        said = [[t for _, t in own if not t.startswith(TENTH)] for own in tokens(data, [label], kind)]
        counts = Counter(t for own in said for t in own)
        for name in sorted(t for t in counts if counts[t] == 1):
            where = data.row(next(i for i, own in enumerate(said) if name in own))
            yield Problem(where, f"this is the only example of {label} {name!r}", fatal=False)
        if splits is not None:
            yield from _unlearned(data.source, label, said, splits, exclusive)


def _unlearned(
    source: str, label: str, said: Sequence[Sequence[str]], splits: Mapping[str, np.ndarray], exclusive: bool
) -> Iterator[Problem]:
    """Classes that are in val or test and not in train (tags may be), and those that nothing can be measured on."""
    counts = {s: Counter(t for i in splits.get(s, ()) for t in said[i]) for s in SPLITS}
    for name in sorted(set().union(*counts.values())):
        held = [s for s in SPLITS[1:] if counts[s][name]]
        if not counts["train"][name]:
            told = f"{label} {name!r} is in {' and '.join(held)} alone, so it cannot be learned"
            yield Problem(source, told, fatal=exclusive)
        elif not held and any(len(splits.get(s, ())) for s in SPLITS[1:]) and sum(c[name] for c in counts.values()) > 1:
            yield Problem(source, f"{label} {name!r} is in train alone, so nothing is measured on it", fatal=False)


def _same_files(data: Dataset) -> list[list[int]]:
    """The items that name one file, where there are several."""
    if not isinstance(data.items, Files):
        return []
    named: dict[str, list[int]] = {}
    for i, path in enumerate(data.items.paths):
        named.setdefault(os.path.normpath(path), []).append(i)
    return [rows for rows in named.values() if len(rows) > 1]
