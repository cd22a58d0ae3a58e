"""``pellucid.filters``: what each filter looks for, and which ones are duplicates, mirror images, dead or stuck."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Axes, View
from pellucid.data.batches import Inputs
from pellucid.data.stream import Stream
from pellucid.features.table import views
from pellucid.features.units.banks import bank_of
from pellucid.features.units.exemplars import Exemplars
from pellucid.features.units.figures import patches_of, shown_layers, watch
from pellucid.features.units.pictures import order_of, pictures_of
from pellucid.features.units.rows import Found, look_at, row_of
from pellucid.features.units.watch import Calls, paths_of
from pellucid.models.capture import split_call
from pellucid.models.network import Network

#: Arrays by name, each with its axes.
Arrays = dict[str, tuple[np.ndarray, Axes]]

#: Steps of a drawn picture: what it shows is there by then, if paler than after hundreds.
STEPS = 64


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
    (in four layers at most, spread through the depth). synthetic: also draw what would excite those units most.

    Gives a row a layer (see docs/filters.md), with its pairs in ``row["pairs"]`` and the numbers of its dead and
    saturated units; filters (uint8 [unit, height, width, channel]) of the first layer and the order that shows those
    that are alike side by side; largest/LAYER, each unit's largest value; patches/LAYER, inside/LAYER and units/LAYER
    as in ``Exemplars``. Raises BadInput with the cure for what cannot be used.
    """
    began = time.perf_counter()
    _check(units, patches)
    if inputs is None and synthetic:
        raise BadInput("synthetic pictures stand beside natural ones", cure="pass pictures, or use pellucid dream")
    ready = network.prepared()
    paths = paths_of(ready)
    names = _chosen(network, layers, paths)
    found = {name: look_at(ready, paths, name) for name in track(names, "filters")}
    arrays, sheet = _sheet(network, found)
    pictures = None
    if inputs is not None:
        stream = Stream.of(network, inputs)
        pictures = len(stream)
        exemplars = _look(ready, stream, found, paths, units, patches)
        arrays |= _largest(found)
        for each in exemplars:
            arrays |= _patches(each) | (_synthetic(network, each, seed) if synthetic else {})
    notes = ready.preparation.notes if ready.preparation else ()
    return View(
        kind="filters",
        arrays={name: array for name, (array, _) in arrays.items()},
        axes={name: axes for name, (_, axes) in arrays.items()},
        table=tuple(row_of(each, pictures) for each in found.values()),
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


def _look(
    network: Network, stream: Stream, found: dict[str, Found], paths: Calls, units: int, patches: int
) -> list[Exemplars]:
    """Add what the units do to ``found``; the patches of some of them."""
    grids = {each.name: each.grid for each in network.tree() if each.grid is not None}
    shown = {name: grids[name] for name in shown_layers(found, grids)}
    peaks = watch(network, stream, found, paths, shown)
    cut_out = [patches_of(network, stream, found[name], peaks[name], units, patches) for name in shown]
    return [each for each in cut_out if each is not None]


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


# -- what is shown --------------------------------------------------------------------------------


def _sheet(network: Network, found: dict[str, Found]) -> tuple[Arrays, dict[str, Any] | None]:
    """Draw the first layer whose filters have two sides, as the user's module holds them; and what to say of it."""
    for each in found.values():
        bank = bank_of(network.module.get_submodule(each.name))
        drawn = pictures_of(bank, network.input.shape)
        if drawn is not None:
            arrays: Arrays = {
                "filters": (drawn.pictures, ("unit", "height", "width", "channel")),
                "order": (order_of(bank, each.alike.pairs), ("unit",)),
            }
            said = {"layer": each.name, "scale": drawn.scale, "how": drawn.how, "explained": drawn.explained}
            return arrays, {**said, "channels": bank.weights.shape[1]}
    return {}, None


def _largest(found: dict[str, Found]) -> Arrays:
    return {
        f"largest/{each.name}": (each.measured.largest.numpy(), ("unit",))
        for each in found.values()
        if each.measured is not None
    }


def _patches(exemplars: Exemplars) -> Arrays:
    name = exemplars.layer
    return {
        f"patches/{name}": (exemplars.patches, ("unit", "sample", "height", "width", "channel")),
        f"inside/{name}": (exemplars.inside, ("unit", "sample", "height", "width")),
        f"activations/{name}": (exemplars.activations, ("unit", "sample")),
        f"units/{name}": (np.asarray(exemplars.units, np.int64), ("unit",)),
    }


def _synthetic(network: Network, exemplars: Exemplars, seed: int) -> Arrays:
    from pellucid.features.drawing.ascent import channel_pictures  # which few ask for

    drawn = channel_pictures(network, exemplars.layer, list(exemplars.units), steps=STEPS, seed=seed)
    return {f"synthetic/{exemplars.layer}": (drawn, ("unit", "height", "width", "channel"))}


# -- what is told ---------------------------------------------------------------------------------


def _notes(found: dict[str, Found], pictures: int | None) -> list[str]:
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
