"""Random parts of the training items for learning curves: nested, whole groups, each label with its share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.data.sets.splitting import tokens


def ordered_groups(data: Dataset, labels: Sequence[str], rows: np.ndarray, groups: np.ndarray, seed: int) -> list:
    """The groups of these rows in a random order in which each beginning has every label with its share.

    groups: a number for each item of the data. Gives the rows of each group, [rows] a group, in a random order too.
    Groups of the same labels are spread evenly over the order (systematic sampling with a random start).
    """
    generator = np.random.default_rng(seed)
    said = tokens(data, labels)
    members: dict[int, list[int]] = {}
    for row in generator.permutation(np.sort(rows)).tolist():
        members.setdefault(int(groups[row]), []).append(row)
    alike: dict[tuple[object, ...], list[int]] = {}
    for group, own in members.items():
        alike.setdefault(tuple(sorted({token for row in own for token in said[row]})), []).append(group)
    place = {}
    for same in (alike[key] for key in sorted(alike)):
        start = generator.random()
        for k, group in enumerate(same):
            place[group] = (k + start) / len(same)
    return [np.array(members[group], np.int64) for group in sorted(members, key=lambda g: (place[g], g))]


def beginning(ordered: Sequence[np.ndarray], size: int) -> np.ndarray:
    """The rows of as many groups from the front as come nearest to ``size`` items, at least one; sorted."""
    totals = np.cumsum([len(own) for own in ordered])
    count = int(np.abs(totals - size).argmin()) + 1
    return np.sort(np.concatenate(ordered[:count]))


def default_sizes(most: int, least: int, count: int) -> list[int]:
    """``count`` sizes in equal ratios from ``least`` to ``most``; fewer where they would be closer than a tenth.

    Raises BadInput where there are too few items for a curve.
    """
    if most < 4 * least:
        cure = f"it takes {4 * least} or more"
        raise BadInput(f"{most} training items are too few for a learning curve", cure=cure)
    found: list[int] = []
    for size in np.geomspace(least, most, count).round().astype(int).tolist():
        if not found or size >= 1.1 * found[-1]:
            found.append(size)
    return found


def checked_sizes(sizes: Sequence[int], most: int) -> list[int]:
    """Sizes that somebody asked for, in their order of size."""
    found = sorted(set(sizes))
    if len(found) < 4:
        raise BadInput(f"{len(found)} sizes", cure="name 4 or more, for a curve has three numbers of its own")
    if found[0] < 2 or found[-1] > most:
        raise BadInput(
            f"sizes from {found[0]} to {found[-1]}", cure=f"choose them from 2 to {most}, the training items"
        )
    return found
