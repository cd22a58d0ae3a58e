"""Rows of numbers that were named one by one, in the order in which a network has learnt them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pellucid.core.listed import listed
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.table_of_numbers import refuse_missing


def in_order(data: Dataset, features: Sequence[str]) -> Dataset:
    """The items with these numbers in this order; those of data that do not name theirs as they are.

    Raises BadInput that names what is missing.
    """
    if not data.features or data.features == tuple(features) or not isinstance(data.items, Stack):
        return data
    refuse_missing(data.features, features, data.source)
    order = [data.features.index(name) for name in features]
    items = dataclasses.replace(data.items, whole=data.items.whole[..., order])
    return dataclasses.replace(data, items=items, features=tuple(features))


def numbers_of(data: Dataset, i: int) -> dict[str, list[tuple[str, float]]]:
    """``{"numbers": [(name, value), …]}`` of an item whose numbers have names; else nothing."""
    if not data.features:
        return {}
    return {"numbers": list(zip(data.features, map(float, data[i].array[0]), strict=True))}


def together(tables: Sequence[Dataset]) -> Dataset:
    """The rows of several tables with the same numbers, one below the other; of labels nothing is kept."""
    if len(tables) == 1:
        return tables[0]
    arrays = np.stack([table[i].array for table in tables for i in range(len(table))])
    source = listed([table.source for table in tables], 3)
    return Dataset(
        source,
        Stack.of(arrays, source),
        rows=tuple(row for table in tables for row in table.rows),
        problems=tuple(problem for table in tables for problem in table.problems),
        features=tables[0].features,
    )
