"""The second pass over the inputs: every cell gets its group, and some pictures are painted at their full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.features.grouping.colours import by_size, matched
from pellucid.features.grouping.fit import Groupings, Wanted
from pellucid.features.grouping.maps import FeatureMaps, colour_maps
from pellucid.features.grouping.truth import Tally, Truth
from pellucid.features.walk import Step

#: Pictures that are painted at the input's size at most, and the bytes that their labels may take.
PAINTED, PAINTED_BYTES = 200, 1 << 28


def spread(total: int, most: int) -> tuple[int, ...]:
    """At most ``most`` of ``total`` row numbers, evenly spread, the first and the last among them."""
    if total <= most:
        return tuple(range(total))
    return tuple(np.linspace(0, total - 1, most).round().astype(int).tolist()) if most > 1 else (0,)


@dataclass
class Paint:
    """What one number of groups gives for one layer.

    labels: uint8 [painted, H, W] at the input's size; cells: uint8 [n, h, w], only of the number that was asked for.
    truth, raw: how the groups of features and of raw colours meet the true regions.
    """

    clusters: int
    truth: Tally
    raw: Tally | None
    labels: list[np.ndarray] = field(default_factory=list)
    cells: list[np.ndarray] = field(default_factory=list)


@dataclass
class Painted:
    """paints: by wanted number and layer. pictures: those painted for the number asked for, uint8 [H, W, 3] each."""

    paints: dict[Wanted, dict[str, Paint]]
    pictures: list[np.ndarray] = field(default_factory=list)


def paint(
    maps: FeatureMaps,
    groupings: Mapping[str, Groupings],
    asked: Wanted,
    rows: Mapping[Wanted, Sequence[int]],
    truth: Truth,
) -> Painted:
    """Each layer's groups for every number in ``rows``, whose pictures are painted at the input's size.

    asked: the number whose cells are kept of all inputs. Similarities are interpolated and then compared: labels or
    colours between two regions would be those of a third. Masks are counted on the pictures painted for ``asked``.
    """
    paints = {k: {n: _empty(g, k) for n, g in groupings.items() if k in g.groups} for k in rows}
    painted, wanted = Painted(paints), {k: set(each) for k, each in rows.items()}
    for step in maps:
        numbers = range(step.rows.start, step.rows.stop)
        here = {k: [i for i, row in enumerate(numbers) if row in own] for k, own in wanted.items()}
        regions = {i: _regions(truth, step, i) for i in here[asked] if truth.known(step.rows.start + i)}
        if step.batch.pictures is not None:
            painted.pictures += [step.batch.pictures[i] for i in here[asked]]
        for name, grouping in groupings.items():
            similarities = grouping.similarities(step.maps[name])
            paints[asked][name].cells.append(_nearest(similarities[asked]))
            for k in (k for k in rows if k in similarities):
                for i in sorted({*here[k], *regions}):  # one by one: at the input's size they are large
                    labels = _at_size(similarities[k][i], step)
                    if i in here[k]:
                        paints[k][name].labels.append(labels)
                    if i in regions:
                        paints[k][name].truth.add(labels, regions[i])
            if regions:
                colours = colour_maps(maps.network, step.batch.x, grouping.grid)
                own = {k: paints[k][name] for k in similarities}
                _tally_raw(grouping.raw_similarities(colours), own, regions, step)
    return painted


def _tally_raw(
    raw: Mapping[Wanted, Tensor], paints: Mapping[Wanted, Paint], regions: Mapping[int, np.ndarray], step: Step
) -> None:
    for k, paint in paints.items():
        for i, own in regions.items():
            if paint.raw is not None:
                paint.raw.add(_at_size(raw[k][i], step), own)


def _empty(grouping: Groupings, k: Wanted) -> Paint:
    raw = grouping.raw.get(k)
    return Paint(len(grouping.groups[k]), Tally(len(grouping.groups[k])), None if raw is None else Tally(len(raw)))


def _regions(truth: Truth, step: Step, i: int) -> np.ndarray:
    return truth.at(step.rows.start + i, step.batch, i, _size(step))


def _size(step: Step) -> tuple[int, int]:
    return step.batch.x.shape[-2], step.batch.x.shape[-1]


def _at_size(similarities: Tensor, step: Step) -> np.ndarray:
    """One picture's similarities [k, h, w] at the input's size, and then the nearest: uint8 [H, W]."""
    return _nearest(interpolate(similarities[None], size=_size(step), mode="bilinear", align_corners=False))[0]


def _nearest(similarities: Tensor) -> np.ndarray:
    return similarities.max(1).indices.to(torch.uint8).numpy()


# -- colours --------------------------------------------------------------------------------------


def colours_through_layers(painted: Mapping[str, Paint]) -> dict[str, np.ndarray]:
    """The colour of each layer's groups, so that a colour stays on the same part of the pictures: uint8 [k] a layer.

    The first layer's largest region takes the first colour. The painted pictures are the common grid.
    """
    colours, before, found = max(p.clusters for p in painted.values()), None, {}
    for name, each in painted.items():
        labels = np.stack(each.labels)
        order = by_size(labels, each.clusters)
        if before is not None:
            order = matched(before, order[labels], (colours, each.clusters))[order]
        found[name] = order
        before = order[labels]
    return found


def colours_through_numbers(
    start: np.ndarray, used: int, groups: Mapping[int, Paint], first: int
) -> dict[int, np.ndarray]:
    """The colours of one layer's groups for other numbers of them: each takes over what it can from its neighbour.

    start: the colours [pictures, H, W] at the number ``first``, of which ``used`` are in use; from there upwards and
    downwards. groups: painted on the same pictures.
    """
    found: dict[int, np.ndarray] = {}
    for way in (sorted(k for k in groups if k >= first), sorted((k for k in groups if k < first), reverse=True)):
        before, colours = start, used
        for k in way:
            labels = np.stack(groups[k].labels)
            colours = max(colours, groups[k].clusters)
            found[k] = matched(before, labels, (colours, groups[k].clusters))
            before = found[k][labels]
    return found
