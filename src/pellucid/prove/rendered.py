"""Pictures that ``pellucid make`` wrote are rendered again without each part: the network's own truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.data.dataset import Dataset, Files
from pellucid.evaluation.bench import Bench, Parts
from pellucid.evaluation.truth.folder import again, is_made
from pellucid.evaluation.truth.rendered import rendered_bench


def with_parts(bench: Bench, data: Dataset, decides: Sequence[str] = ()) -> tuple[Bench, str]:
    """The bench with its parts, if the data's pictures were rendered from registered objects; else as it is. And what
    is to be said of pictures that cannot be rendered again, which have no parts.

    bench: of the data's items, in their order. decides: the kinds of parts that tell the label. Raises BadInput where
    the pictures were rendered and none can be again.
    """
    if not isinstance(data.items, Files):  # in memory, whatever folder this is
        return bench, ""
    source = Path(data.source)
    folder = source if source.is_dir() else source.parent
    if not is_made(folder):
        return bench, ""
    found = again(folder, [data.items.name(i) for i in range(len(data))])
    rows = np.array(list(found.scenes))
    scenes = list(found.scenes.values())
    own = rendered_bench(_some(bench, rows), scenes, size=found.size, supersample=found.samples)
    assert own.parts is not None
    parts = _spread(own.parts, rows, len(bench))
    parts = dataclasses.replace(parts, decides=tuple(d for d in decides if not d.isdecimal()))
    return dataclasses.replace(bench, parts=parts), _said(len(rows), len(bench), list(found.left_out.values()))


def _some(bench: Bench, rows: np.ndarray) -> Bench:
    """The bench of some of its pictures."""
    names = tuple(bench.names[i] for i in rows)
    return dataclasses.replace(
        bench,
        x=bench.x[rows],
        targets=bench.targets[rows],
        names=names,
        pictures=None,
        masks=None,
        groups=None,
        shared={},
    )


def _spread(parts: Parts, rows: np.ndarray, count: int) -> Parts:
    """The parts of pictures ``rows`` as those of all ``count``: the others have none."""
    masks = np.zeros((count, *parts.masks.shape[1:]), bool)
    effects, noise = np.full((count, len(parts.names)), np.nan), np.zeros(count)
    masks[rows], effects[rows] = parts.masks, parts.effects
    noise[rows] = 0.0 if parts.noise is None else parts.noise
    return dataclasses.replace(parts, masks=masks, effects=effects, noise=noise)


def _said(count: int, of: int, reasons: Sequence[Exception]) -> str:
    if not reasons:
        return ""
    more = f", and {len(reasons) - 1} more like it" if len(reasons) > 1 else ""
    return f"part_ranks is of {count} of {of} pictures, which can be rendered again ({reasons[0]}{more})"
