"""One pass over pictures for the figures of all layers, and the patches that excite the units of a few."""

from __future__ import annotations

from torch import Tensor

from pellucid.data.stream import Stream
from pellucid.features.units.exemplars import Exemplars, Peaks, cut
from pellucid.features.units.receptive import receptive_field
from pellucid.features.units.rows import Found
from pellucid.features.units.state import Correlations, Tally
from pellucid.features.units.watch import NONE, Calls, following
from pellucid.features.walk import batches
from pellucid.models.grids import Grid
from pellucid.models.network import Network

#: Layers that get patches, at most.
PATCHED = 4


def shown_layers(found: dict[str, Found], grids: dict[str, Grid]) -> list[str]:
    """The layers that get patches: with places, spread through the depth, at an activation where there are many."""
    spatial = [name for name in found if name in grids]
    active = [name for name in spatial if found[name].activation is not NONE] or spatial
    candidates = spatial if len(spatial) <= PATCHED else active
    count = min(PATCHED, len(candidates))
    return [candidates[(i + 1) * len(candidates) // count - 1] for i in range(count)]


def watch(
    network: Network, stream: Stream, found: dict[str, Found], paths: Calls, shown: dict[str, Grid]
) -> dict[str, Peaks]:
    """One pass over the pictures for the figures of all layers, and for the peaks of those that are shown."""
    for each in found.values():
        each.tally = Tally(each.units, each.activation)
        each.after = Correlations([(p.unit, p.other) for p in each.alike.of("duplicate")])
        each.before = Correlations([(p.unit, p.other) for p in each.alike.of("negative")])
    peaks = {name: Peaks() for name in shown}
    last = {name: max(call for layer, call in paths if layer == name) for name in found}
    wanted = {call: path for call, path in paths.items() if call[0] in found}

    def meet(layer: str, call: int, values: Tensor, after: bool) -> None:
        each = found[layer]
        if after:
            rows = _rows(values, linear=not each.kernel)
            each.tally.add(rows)
            each.after.add(rows)
            return
        if each.before.units:
            each.before.add(_rows(values, linear=not each.kernel))
        if layer in peaks and call == last[layer]:  # before the activation, whose upper bound many pictures reach
            peaks[layer].add(_scaled(shown[layer], network, x).maps(values.float()))

    for _, batch in batches(network, stream, "watching units"):
        x = batch.x
        with following(network, wanted, meet):
            network(x)
    for each in found.values():
        _correlate(each)
    return peaks


def _rows(values: Tensor, *, linear: bool) -> Tensor:
    """Values as float32 [places, units]."""
    moved = values if linear else values.movedim(1, -1)
    return moved.reshape(-1, moved.shape[-1]).float()


def _scaled(grid: Grid, network: Network, x: Tensor) -> Grid:
    return grid.scaled(network.input.size, (x.shape[-2], x.shape[-1]))


def _correlate(each: Found) -> None:
    after, before = each.after.result(), each.before.result()
    for pair in each.alike.pairs:
        results = {"duplicate": after, "negative": before}.get(pair.kind, {})
        each.correlation[pair] = results.get((pair.unit, pair.other))


def patches_of(
    network: Network, stream: Stream, each: Found, peaks: Peaks, units: int, patches: int
) -> Exemplars | None:
    """The patches of the units that most is to say of: those that are alike, then those that speak up most."""
    if each.measured is None:
        return None
    usable = ~(each.measured.dead | each.measured.saturated)
    told = [u for p in each.alike.of("duplicate", "negative", "mirrored") for u in (p.other, p.unit)]
    loudest = each.measured.largest.argsort(descending=True, stable=True).tolist()
    chosen = [u for u in dict.fromkeys([*told[: 2 * (units // 4)], *loudest]) if usable[u]][:units]
    if not chosen:
        return None
    return cut(network, stream, each.name, chosen, peaks, receptive_field(network, each.name), count=patches)
