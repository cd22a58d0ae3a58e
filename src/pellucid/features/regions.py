"""``pellucid.regions``: the parts that a layer tells apart, each in a colour that stays from layer to layer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import quiet, track
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.stream import Stream
from pellucid.features.grouping.coloured import Asked, Coloured, coloured
from pellucid.features.grouping.colours import PALETTE
from pellucid.features.grouping.fit import Wanted
from pellucid.features.grouping.painting import PAINTED, PAINTED_BYTES, spread
from pellucid.features.grouping.truth import Masks, Truth
from pellucid.features.table import views
from pellucid.models.network import Network

#: The numbers of regions that can be asked for.
NUMBERS = tuple(range(2, len(PALETTE) + 1))

#: Pictures that are painted for each number beside the one that was asked for.
SHOWN = 12


@views.register("regions", question="Which parts of my pictures does a layer tell apart?", source="arXiv:2011.02803")
def regions(
    network: Network,
    inputs: Inputs,
    layers: str | Sequence[str] | None = None,
    clusters: Wanted = 6,
    *,
    joint: bool = True,
    masks: Masks = None,
    ignore: int | None = None,
    painted: int = PAINTED,
    seed: int = 0,
) -> View:
    """Colour the parts of pictures that a layer's features tell apart (K-means of its cells' directions).

    inputs: as for ``explain``; a folder stands for its pictures, however many. layers: patterns, each may match
    several (default: one a resolution, or evenly spaced blocks of a transformer). clusters: how many regions, 2 to
    12, or "auto": as many as are found again most reliably. joint: one set of regions for all pictures, so that a
    colour means the same in each; False groups each picture by itself. masks: the true regions, where they are
    known: a folder with a label picture of each input's name, or an array [height, width] an input; Samples bring
    their own. ignore: the number in a mask of what belongs to no region. painted: how many pictures are painted at
    the input's size at most, spread evenly over all (fewer where their labels would take more than 256 MiB).

    Gives labels/LAYER, uint8 [sample, height, width] at the size of what entered the network, and ``pictures``, both
    of the inputs ``options["painted"]``, which are all where there are few; cells/LAYER, the same at the layer's own
    grid, of all inputs; and a row of figures a layer (and a sample, where they are grouped apart): the silhouette
    (cosine), the stability (mean adjusted Rand index of refits on halves), both for raw colours of the same places
    too, and how far the regions agree with those; with masks the purity and the Hungarian mean intersection over
    union on the painted pictures, of the raw colours' regions too.

    The fit looks at no more than 50 000 cells a layer, drawn from all inputs; a second pass colours every cell.
    After arXiv:2011.02803 §3.2. Raises BadInput with the cure for anything that cannot be used.
    """
    more = {"joint": joint, "masks": masks, "ignore": ignore, "painted": painted, "seed": seed}
    return regions_by_number(network, inputs, layers, clusters, (), **more)[clusters]


def regions_by_number(
    network: Network,
    inputs: Inputs,
    layers: str | Sequence[str] | None = None,
    clusters: Wanted = 6,
    numbers: Sequence[int] = NUMBERS,
    *,
    joint: bool = True,
    masks: Masks = None,
    ignore: int | None = None,
    painted: int = PAINTED,
    seed: int = 0,
) -> dict[Wanted, View]:
    """The view of ``regions`` for ``clusters``, and after it one for each of ``numbers``, in the same colours.

    The others paint twelve of the pictures and hold no cells. Each number is fitted to the same cells, and takes
    over the colours of its neighbour that keep most of the pictures as they were. A layer with too few cells for a
    number is left out of its view; where pictures are grouped apart, those that are not shown are.
    """
    began = time.perf_counter()
    for number in (clusters, *numbers):
        _check_clusters(number)
    if isinstance(painted, bool) or not isinstance(painted, int) or painted < 1:
        raise BadInput(f"painted is {painted!r}", cure="pass a whole number from 1")
    names = network.spatial_layers(layers)
    stream = Stream.of(network, inputs)
    truth = Truth(stream, masks, ignore=ignore)
    ready = network.prepared(keep=names)
    asked = Asked(ready, names, clusters, tuple(k for k in numbers if k != clusters), seed)
    size = inputs.shape[-2:] if isinstance(inputs, Tensor) else network.input.size
    whole = spread(len(stream), min(painted, max(1, PAINTED_BYTES // (len(names) * size[0] * size[1]))))
    few = tuple(whole[i] for i in spread(len(whole), SHOWN))
    rows = {clusters: whole, **dict.fromkeys(asked.numbers, few)}
    parts = [coloured(asked, stream, truth, rows)] if joint else _apart(asked, stream, inputs, truth, rows)
    pictures = [p.pictures for p in parts if p.pictures is not None]
    options: dict[str, Any] = {"layers": tuple(names), "joint": joint}
    options |= {"masks": sum(map(truth.known, whole))} if truth else {}
    common = {"names": stream.names, "options": options, "provenance": {**network.facts(), "seed": seed}}
    seen = dict(zip(whole, np.concatenate(pictures), strict=True)) if pictures else {}
    found = {k: _view(parts, k, own, common, seen, () if joint else stream.names) for k, own in rows.items()}
    notes = _notes(parts, clusters, ready, options, len(stream), whole)
    found[clusters] = dataclasses.replace(found[clusters], notes=notes, seconds=time.perf_counter() - began)
    return found


# -- what was asked -------------------------------------------------------------------------------


def _check_clusters(clusters: Wanted) -> None:
    if clusters == "auto":
        return
    if isinstance(clusters, bool) or not isinstance(clusters, int) or clusters not in NUMBERS:
        what = f"clusters is {clusters!r}"
        raise BadInput(what, cure=f"pass a whole number from {NUMBERS[0]} to {NUMBERS[-1]}, or 'auto'")


def _apart(
    asked: Asked, stream: Stream, inputs: Inputs, truth: Truth, rows: Mapping[Wanted, Sequence[int]]
) -> list[Coloured]:
    """Each input by itself; of those that are not to be painted the labels are dropped at once."""
    found = []
    for i in track(range(len(stream)), "regions of each"):
        one = Stream.of(asked.network, inputs[i : i + 1] if isinstance(inputs, Tensor) else stream.samples()[i : i + 1])
        own = {k: (0,) for k, wanted in rows.items() if k == asked.clusters or i in wanted}
        with quiet():
            part = coloured(asked, one, truth.of(i), own)
        found.append(part if i in rows[asked.clusters] else dataclasses.replace(part, labels={}, pictures=None))
    return found


# -- what is told ---------------------------------------------------------------------------------


def _view(
    parts: Sequence[Coloured],
    k: Wanted,
    rows: Sequence[int],
    common: Mapping[str, Any],
    seen: Mapping[int, np.ndarray],
    samples: Sequence[str],
) -> View:
    """The view of one number. rows: the inputs that it paints. samples: what each part is called, if it has a name."""
    painted = [p.labels[k] for p in parts if k in p.labels]
    layers = [name for name in common["options"]["layers"] if any(name in each for each in painted)]
    arrays = {}
    for name in layers:
        arrays[f"labels/{name}"] = np.concatenate([each[name] for each in painted if name in each])
        if k == next(iter(parts[0].rows)):
            arrays[f"cells/{name}"] = np.concatenate([p.cells[name] for p in parts])
    table = [
        {**({"sample": samples[i]} if samples else {}), **row}
        for i, part in enumerate(parts)
        for row in part.rows.get(k, ())
    ]
    return View(
        kind="regions",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "height", "width")),
        table=tuple(table),
        options={**common["options"], "clusters": k, "painted": tuple(rows)},
        pictures=np.stack([seen[row] for row in rows]) if seen else None,
        names=common["names"],
        palette=PALETTE[: max(p.colours.get(k, 0) for p in parts)],
        provenance=common["provenance"],
    )


def _notes(
    parts: Sequence[Coloured],
    clusters: Wanted,
    ready: Network,
    options: Mapping[str, Any],
    total: int,
    whole: Sequence[int],
) -> tuple[str, ...]:
    notes = ready.preparation.notes if ready.preparation else ()
    for row in (row for part in parts for row in part.rows[clusters]):
        if clusters != "auto" and row["clusters"] < clusters:
            few = f"its features have no more than {row['clusters']} directions that differ"
            notes += (f"{row['layer']}: {row['clusters']} regions instead of {clusters}, for {few}",)
    if len(whole) < total:
        kept = f"of {total} pictures {len(whole)}, spread evenly, are painted at the size that the network sees"
        notes += (f"{kept}{', and held against their masks' if 'masks' in options else ''}; the cells are of all",)
    if len(parts) > 1:
        notes += ("each picture was grouped by itself: the same colour in two pictures does not mean the same",)
    return tuple(dict.fromkeys(notes))
