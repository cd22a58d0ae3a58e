"""``pellucid.filters``: what each filter looks for, and which ones are duplicates, mirror images, dead or stuck."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.stream import Stream
from pellucid.features.exemplars import Exemplars, Peaks, cut
from pellucid.features.filter_banks import Bank, bank_of, symmetry, symmetry_by_chance
from pellucid.features.filter_pairs import ALIKE, Alike, Pair, alike
from pellucid.features.filter_pictures import FilterPictures, order_of, pictures_of
from pellucid.features.receptive import receptive_field
from pellucid.features.table import views
from pellucid.features.unit_state import Correlations, Tally, at_most
from pellucid.features.unit_watch import NONE, Activation, Calls, following, paths_of
from pellucid.models.capture import split_call
from pellucid.models.grids import Grid
from pellucid.models.network import Network

#: Steps of a drawn picture: what it shows is there by then, if paler than after hundreds.
STEPS = 64

#: Layers whose strongest patches are cut out where nobody names layers.
PATCHED = 4


@views.register(
    "filters",
    question="Why do filters differ if they see the same image? Are mine duplicates, or dead?",
    source="arXiv:1311.2901; Hanley & Lippman-Hand 1983",
)
def filters(
    network: Network,
    inputs: Inputs | None = None,
    layers: str | Sequence[str] | None = None,
    *,
    units: int = 6,
    patches: int = 9,
    synthetic: bool = False,
    seed: int = 0,
) -> View:
    """Show what filters look for, and find duplicates, negatives, mirror images, dead and saturated units.

    inputs: pictures, or folders of them; without any only the weights are looked at, and nothing is said of dead or
    saturated units. layers: patterns; every convolution and linear layer at or below a match (default: all).
    units, patches: how many units of a layer get how many patches that excite them most, each from another picture
    (in four layers through the depth where none are named). synthetic: also draw what would excite those units most.

    Gives a row a layer (see docs/filters.md), with its pairs in ``row["pairs"]`` and the numbers of its dead and
    saturated units; filters (uint8 [unit, height, width, channel]) of the first layer and the order that shows those
    that are alike side by side; largest/LAYER, each unit's largest value; patches/LAYER, inside/LAYER and units/LAYER
    as in ``Exemplars``. Raises BadInput with the cure for what cannot be used.
    """
    began = time.perf_counter()
    _check(units, patches)
    ready = network.prepared()
    paths = paths_of(ready)
    found = _weights(ready, paths, _chosen(network, layers, paths))
    stream = None if inputs is None else Stream.of(network, inputs)
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, tuple[str, ...]] = {}
    sheet = _sheet(network, found, arrays, axes)
    notes = list(ready.preparation.notes if ready.preparation else ())
    if stream is not None:
        grids = {each.name: each.grid for each in ready.tree()}
        shown = _shown(found, grids, named=layers is not None)
        peaks = _watch(ready, stream, found, paths, {name: grids[name] for name in shown})
        _add_largest(found, arrays, axes)
        for name in shown:
            exemplars = _exemplars(ready, stream, found[name], peaks[name], units, patches)
            if exemplars is not None:
                _add_patches(exemplars, arrays, axes)
                if synthetic:
                    _add_synthetic(network, exemplars, arrays, axes, seed)
    elif synthetic:
        raise BadInput("synthetic pictures stand beside natural ones", cure="pass pictures, or use pellucid dream")
    pictures = None if stream is None else len(stream)
    return View(
        kind="filters",
        arrays=arrays,
        axes=axes,
        table=tuple(_row(each, pictures) for each in found.values()),
        options={
            "layers": tuple(found),
            "pictures": pictures,
            "units": units,
            "patches": patches,
            "synthetic": synthetic,
            "sheet": sheet,
        },
        seconds=time.perf_counter() - began,
        notes=(*notes, *_notes(found, pictures)),
        provenance={**network.facts(), "seed": seed},
    )


@dataclass
class _Found:
    """What is known of a layer: its filters' figures, and with pictures what its units did."""

    name: str
    type: str
    units: int
    fan_in: int
    kernel: tuple[int, ...]
    groups: int
    activation: Activation
    alike: Alike
    symmetry: float | None
    zero: int
    bad: int
    tally: Tally | None = None
    after: Correlations | None = None
    before: Correlations | None = None
    correlation: dict[Pair, float | None] = field(default_factory=dict)

    @property
    def measured(self) -> Tally | None:
        """What its units did, where that is a set of numbers."""
        return self.tally if self.tally is not None and self.tally.places and not self.tally.bad else None


# -- what was asked -------------------------------------------------------------------------------


def _check(units: int, patches: int) -> None:
    for name, value in (("units", units), ("patches", patches)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadInput(f"{name} is {value!r}", cure="pass a whole number, at least 1")


def _chosen(network: Network, patterns: str | Sequence[str] | None, paths: Calls) -> list[str]:
    """The layers with filters that the patterns name or contain, in the order of execution."""
    names = list(dict.fromkeys(layer for layer, _ in paths))
    if not names:
        raise BadInput("no convolution and no linear layer runs", where=network.name, cure="pass another network")
    if patterns is None:
        return names
    wanted: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        roots = [split_call(name)[0] for name in network.layers(pattern)]
        below = {n for n in names for root in roots if n == root or n.startswith(root + ".")}
        if not below:
            cure = "name a convolution, a linear layer or a block with one (see pellucid layers)"
            raise BadInput(f"{pattern!r} holds no filters", where=network.name, cure=cure)
        wanted |= below
    return [n for n in names if n in wanted]


# -- weights --------------------------------------------------------------------------------------


def _weights(network: Network, paths: Calls, names: Sequence[str]) -> dict[str, _Found]:
    return {name: _look_at(network, paths, name) for name in track(names, "filters")}


def _look_at(network: Network, paths: Calls, name: str) -> _Found:
    layer = network.module.get_submodule(name)
    bank = _bank(layer, paths, name)
    activations = {path.activation for (each, _), path in paths.items() if each == name}
    return _Found(
        name=name,
        type=_type(layer, bank),
        units=bank.units,
        fan_in=bank.fan_in,
        kernel=bank.kernel,
        groups=bank.groups,
        activation=activations.pop() if len(activations) == 1 else Activation("several"),
        alike=alike(bank),
        symmetry=symmetry(bank),
        zero=int(bank.zero().sum()),
        bad=int((~bank.finite()).sum()),
    )


def _bank(layer: nn.Module, paths: Calls, name: str) -> Bank:
    """The filters, turned round where a batch norm behind them does that."""
    return bank_of(layer, paths[name, 1].sign)


def _type(layer: nn.Module, bank: Bank) -> str:
    """``3 × 3``, ``depthwise 5 × 5``, ``2 groups 3 × 3``, ``transposed 4 × 4``, ``linear``."""
    if not bank.kernel:
        return "linear"
    kernel = "\u00a0×\u00a0".join(map(str, bank.kernel))
    groups = "" if bank.groups == 1 else "depthwise " if bank.groups == bank.units else f"{bank.groups} groups "
    return f"{groups}{'transposed ' if layer.transposed else ''}{kernel}"


def _sheet(
    network: Network, found: dict[str, _Found], arrays: dict[str, np.ndarray], axes: dict[str, tuple[str, ...]]
) -> dict[str, Any] | None:
    """Draw the first layer whose filters have two sides, as the user's module holds them; what is to say of it."""
    for each in found.values():
        bank = bank_of(network.module.get_submodule(each.name))
        drawn: FilterPictures | None = pictures_of(bank, network.input.shape)
        if drawn is not None:
            arrays["filters"], axes["filters"] = drawn.pictures, ("unit", "height", "width", "channel")
            arrays["order"], axes["order"] = order_of(bank, each.alike.pairs), ("unit",)
            said = {"layer": each.name, "scale": drawn.scale, "how": drawn.how, "explained": drawn.explained}
            return {**said, "channels": bank.weights.shape[1]}
    return None


# -- pictures -------------------------------------------------------------------------------------


def _shown(found: dict[str, _Found], grids: dict[str, Grid | None], *, named: bool) -> list[str]:
    """The layers that get patches: with places, at an activation where there is one, spread through the depth."""
    spatial = [n for n in found if grids.get(n) is not None]
    active = [n for n in spatial if found[n].activation is not NONE] or spatial
    candidates = spatial if named and len(spatial) <= PATCHED else active
    count = min(PATCHED, len(candidates))
    return [candidates[(i + 1) * len(candidates) // count - 1] for i in range(count)]


def _watch(
    network: Network, stream: Stream, found: dict[str, _Found], paths: Calls, shown: dict[str, Grid | None]
) -> dict[str, Peaks]:
    """One pass over the pictures for the figures of all layers, and for the peaks of those that are shown."""
    for each in found.values():
        each.tally = Tally(each.units, each.activation)
        each.after = Correlations([(p.unit, p.other) for p in each.alike.of("duplicate")])
        each.before = Correlations([(p.unit, p.other) for p in each.alike.of("negative")])
    peaks = {name: Peaks() for name in shown}
    last = {name: max(call for layer, call in paths if layer == name) for name in found}
    size = network.batch_size(stream.take(slice(0, 1)).x, gradient=False)
    wanted = {call: path for call, path in paths.items() if call[0] in found}

    def meet(layer: str, call: int, values: Tensor, after: bool) -> None:
        each = found[layer]
        rows = _rows(values, linear=not each.kernel)
        if after:
            each.tally.add(rows)
            each.after.add(rows)
            return
        each.before.add(rows)
        if layer in peaks and call == last[layer]:  # before the activation, whose upper bound many pictures reach
            peaks[layer].add(_scaled(shown[layer], network, x).maps(values.float()))

    for _, batch in track(stream.batches(size), "watching units", total=-(-len(stream) // size)):
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


def _correlate(each: _Found) -> None:
    after, before = each.after.result(), each.before.result()
    for pair in each.alike.pairs:
        results = {"duplicate": after, "negative": before}.get(pair.kind, {})
        each.correlation[pair] = results.get((pair.unit, pair.other))


def _exemplars(
    network: Network, stream: Stream, each: _Found, peaks: Peaks, units: int, patches: int
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


def _add_largest(found: dict[str, _Found], arrays: dict[str, np.ndarray], axes: dict[str, tuple[str, ...]]) -> None:
    for each in found.values():
        if each.measured is not None:
            arrays[f"largest/{each.name}"] = each.measured.largest.numpy()
            axes[f"largest/{each.name}"] = ("unit",)


def _add_patches(exemplars: Exemplars, arrays: dict[str, np.ndarray], axes: dict[str, tuple[str, ...]]) -> None:
    given = {
        "patches": (exemplars.patches, ("unit", "sample", "height", "width", "channel")),
        "inside": (exemplars.inside, ("unit", "sample", "height", "width")),
        "activations": (exemplars.activations, ("unit", "sample")),
        "units": (np.asarray(exemplars.units, np.int64), ("unit",)),
    }
    for kind, (array, names) in given.items():
        arrays[f"{kind}/{exemplars.layer}"], axes[f"{kind}/{exemplars.layer}"] = array, names


def _add_synthetic(
    network: Network,
    exemplars: Exemplars,
    arrays: dict[str, np.ndarray],
    axes: dict[str, tuple[str, ...]],
    seed: int,
) -> None:
    from pellucid.features.ascent import channel_pictures

    drawn = channel_pictures(network, exemplars.layer, list(exemplars.units), steps=STEPS, seed=seed)
    arrays[f"synthetic/{exemplars.layer}"] = drawn
    axes[f"synthetic/{exemplars.layer}"] = ("unit", "height", "width", "channel")


# -- what is told ---------------------------------------------------------------------------------


def _row(each: _Found, pictures: int | None) -> dict[str, Any]:
    """A layer's figures; None where they could not be measured, or mean nothing."""
    pairs = tuple(_pair(each, pair, measured=each.measured is not None) for pair in each.alike.pairs)
    comparable = each.alike.threshold is not None
    count = lambda *kinds: sum(p["kind"] in kinds for p in pairs) if comparable else None  # noqa: E731
    dead = None if each.measured is None else each.measured.dead
    saturated = None if each.measured is None else each.measured.saturated
    can_saturate = each.activation.low is not None or each.activation.high is not None
    numbers = lambda which: tuple(which.nonzero().flatten().tolist())  # noqa: E731
    return {
        "layer": each.name,
        "type": each.type,
        "filters": each.units,
        "fan_in": each.fan_in,
        "activation": each.activation.name,
        "dead": None if dead is None else int(dead.sum()),
        "bound": None if dead is None else at_most(pictures or 1),
        "saturated": None if saturated is None or not can_saturate else int(saturated.sum()),
        "duplicates": count("duplicate"),
        "confirmed": None if dead is None else sum(p["kind"] == "duplicate" and bool(p["confirmed"]) for p in pairs),
        "negatives": count("negative"),
        "mirrored": count("mirrored", "mirrored negative") if len(each.kernel) > 1 and each.kernel[-1] > 1 else None,
        "highest": each.alike.highest,
        "chance": each.alike.chance,
        "threshold": each.alike.threshold,
        "symmetry": each.symmetry,
        "symmetry_chance": None if each.symmetry is None else symmetry_by_chance(each.kernel[-1]),
        "zero": each.zero,
        "not_finite": each.bad,
        "pictures": pictures,
        "dead_units": () if dead is None else numbers(dead),
        "saturated_units": () if saturated is None else numbers(saturated),
        "pairs": pairs,
    }


def _pair(each: _Found, pair: Pair, *, measured: bool) -> dict[str, Any]:
    """correlation: of a duplicate's values behind the activation, of a negative's before it. confirmed: |r| > 0.95;
    None where that was not measured (mirror images answer at other places).
    """
    testable = measured and pair.kind in ("duplicate", "negative")
    r = each.correlation.get(pair) if testable else None
    confirmed = (r is not None and r * (1 if pair.kind == "duplicate" else -1) > ALIKE) if testable else None
    return {
        "kind": pair.kind,
        "unit": pair.unit,
        "other": pair.other,
        "cosine": pair.cosine,
        "chance": each.alike.chance,
        "correlation": r,
        "confirmed": confirmed,
    }


def _notes(found: dict[str, _Found], pictures: int | None) -> list[str]:
    notes = []
    if pictures is None:
        notes.append("only the weights were looked at: which units are dead or saturated takes pictures to tell")
    for each in found.values():
        if each.bad:
            notes.append(f"{each.name}: {each.bad} of {each.units} filters hold NaN or infinite weights; left out")
        if each.tally is not None and each.tally.bad:
            notes.append(f"{each.name}: {each.tally.bad} values are NaN or infinite, so nothing is said of its units")
        elif each.tally is not None and not each.tally.places:
            notes.append(f"{each.name}: its output could not be followed, so nothing is said of its units")
    return notes
