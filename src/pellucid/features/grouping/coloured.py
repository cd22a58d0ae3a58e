"""One set of regions for some inputs: every layer fitted, laid onto all of them, the colours matched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import PellucidError
from pellucid.core.progress import track
from pellucid.data.stream import Stream
from pellucid.features.grouping.fit import Groupings, Wanted, group
from pellucid.features.grouping.kmeans import one_thread
from pellucid.features.grouping.maps import Drawn, FeatureMaps, draw_cells
from pellucid.features.grouping.painting import Paint, colours_through_layers, colours_through_numbers, paint
from pellucid.features.grouping.truth import Truth
from pellucid.models.network import Network

ByLayer = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Asked:
    """network: prepared with ``keep=layers``. clusters: the number of regions; numbers: others to try beside it."""

    network: Network
    layers: Sequence[str]
    clusters: Wanted
    numbers: Sequence[int]
    seed: int


@dataclass(frozen=True)
class Coloured:
    """Regions as colours (places in the palette).

    labels: by number and layer, uint8 [painted, H, W] at the input's size. cells: by layer, uint8 [n, h, w], of
    ``clusters``. rows: the figures of each layer, by number. colours: how many are in use, by number. pictures: those
    that were painted for ``clusters``, uint8 [painted, H, W, 3]; None where the inputs are no pictures.
    """

    labels: Mapping[Wanted, ByLayer]
    cells: ByLayer
    rows: Mapping[Wanted, Sequence[dict[str, Any]]]
    colours: Mapping[Wanted, int]
    pictures: np.ndarray | None


def coloured(asked: Asked, stream: Stream, truth: Truth, rows: Mapping[Wanted, Sequence[int]]) -> Coloured:
    """rows: the inputs that are painted for each number; those of the other numbers are among those of the asked."""
    maps = FeatureMaps(asked.network, stream, asked.layers)
    groupings = _fitted(draw_cells(maps, seed=asked.seed), list(rows), asked.seed)
    made = paint(maps, groupings, asked.clusters, rows, truth)
    orders = _orders(asked.clusters, made.paints, rows)
    painted = made.paints[asked.clusters]
    return Coloured(
        labels={k: {n: orders[k][n][np.stack(p.labels)] for n, p in ps.items()} for k, ps in made.paints.items()},
        cells={n: orders[asked.clusters][n][np.concatenate(p.cells)] for n, p in painted.items()},
        rows={k: [_row(groupings[n], k, p, truth, n) for n, p in ps.items()] for k, ps in made.paints.items()},
        colours={k: 1 + max(int(order.max()) for order in own.values()) for k, own in orders.items() if own},
        pictures=np.stack(made.pictures) if made.pictures else None,
    )


def _row(grouping: Groupings, k: Wanted, paint: Paint, truth: Truth, layer: str) -> dict[str, Any]:
    row = {"layer": layer, **grouping.figures[k]}
    if truth:
        raw = paint.raw.figures() if paint.raw is not None else dict.fromkeys(paint.truth.figures())
        row |= paint.truth.figures() | {f"rgb_{name}": value for name, value in raw.items()}
    return row


@one_thread()
def _fitted(drawn: dict[str, Drawn], wanted: Sequence[Wanted], seed: int) -> dict[str, Groupings]:
    """Every layer's groups. Layers side by side, each on one thread, so that no sum depends on the processors."""
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, len(drawn)), "pellucid-group")
    try:
        waiting = {name: pool.submit(group, each, wanted, seed=seed) for name, each in drawn.items()}
        return {name: _told(name, future) for name, future in track(waiting.items(), "regions", len(waiting))}
    finally:
        pool.shutdown(cancel_futures=True)


def _told(name: str, future: Future[Groupings]) -> Groupings:
    try:
        return future.result()
    except PellucidError as error:
        raise error.at(name) from error


def _orders(
    clusters: Wanted, paints: Mapping[Wanted, Mapping[str, Paint]], rows: Mapping[Wanted, Sequence[int]]
) -> dict[Wanted, dict[str, np.ndarray]]:
    """The colour of each group, by number and layer: through the layers first, then from number to number."""
    orders: dict[Wanted, dict[str, np.ndarray]] = {k: {} for k in paints}
    orders[clusters] = colours_through_layers(paints[clusters])
    used = 1 + max(int(order.max()) for order in orders[clusters].values())
    others = [k for k in paints if k != clusters and not isinstance(k, str)]
    if not others:
        return orders
    shared = [i for i, row in enumerate(rows[clusters]) if row in set(rows[others[0]])]
    for name, own in paints[clusters].items():
        start = orders[clusters][name][np.stack([own.labels[i] for i in shared])]
        groups = {k: paints[k][name] for k in others if name in paints[k]}
        for k, order in colours_through_numbers(start, used, groups, own.clusters).items():
            orders[k][name] = order
    return orders
