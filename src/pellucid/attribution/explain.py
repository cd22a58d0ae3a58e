"""``pellucid.explain``: everything around a method. Inputs in, receipt out, the user's model untouched."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution import targets
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Of, Target, Wanted, resolve
from pellucid.core.errors import BadInput, PellucidError
from pellucid.core.registry import Entry
from pellucid.core.types import Explanation, Receipt, relative_gap
from pellucid.data.batches import Inputs, as_batch
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.models.units import one_layer, parse_unit


def explain(
    network: Network,
    inputs: Inputs,
    method: str = "integrated_gradients",
    target: Wanted = "top",
    *,
    of: Of = "logit",
    layer: str | None = None,
    unit: str | None = None,
    seed: int = 0,
    prepared: bool = True,
    **options: Any,
) -> Explanation:
    """Which parts of the inputs speak for the target, by any registered method.

    inputs: a Sample, a path, an array of pixels (uint8, or floats 0…1), a list of these, or a
    preprocessed tensor batch [N, C, H, W]. target: a class's name or index, "top", one of these a
    sample, a sum or difference ("tiger cat - lynx"), or a function of the module's output that gives [N]
    (``pellucid.targets`` has ready-made ones). of: explain the "logit" or the "probability". layer: a pattern that
    picks one layer: CAM methods read their map there, any other method explains the layer's output instead of
    the input. unit: explain a unit inside instead of a class: "LAYER:CHANNEL" (its mean over all places)
    or "LAYER:CHANNEL@ROW,COLUMN". prepared: run on a fast copy that is proven equal; False runs on the
    module itself. options: the method's own (``pellucid methods NAME`` lists them).

    Gives values [sample, channel, height, width], float32, at the size of what entered the network (or left
    the layer, whose values may also be [sample, token, channel] or [sample, unit]).
    Raises BadInput with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    if torch.is_inference_mode_enabled():
        raise BadInput("gradients cannot be taken inside torch.inference_mode()", cure="call explain outside of it")
    if not isinstance(network, Network):
        cure = "open it first: pellucid.open(…)"
        raise BadInput(f"a {type(network).__name__} is no opened network", cure=cure)
    entry = methods[method]
    given = as_batch(network.input, inputs, network.device, network.dtype)
    place = None if layer is None else one_layer(network, layer)
    chosen = _options(entry, place, seed, options)
    inside = None if unit is None else _unit_of(network, unit, target)
    touched = [*_touched(entry, network, chosen, inside is not None), *filter(None, (place, inside and inside[0]))]
    ready = network.prepared(keep=touched) if prepared else network
    if inside is not None:
        ready, target = ready.until(inside[0]), inside[1]
    with untouched(ready.module):
        goal = resolve(ready, given.x, target, of=of)
        to_layer = place if "layer" not in entry.options else None
        found = _run(entry, ready, given.x, goal, chosen, to_layer)
    # What is not finite is refused below, by Explanation itself.
    values = found.values.detach().to("cpu", torch.float32).contiguous().numpy()
    receipt = dataclasses.replace(
        _receipt(found, values, ready),
        seconds=time.perf_counter() - began,
        provenance={**network.facts(), "seed": seed, "of": goal.of, "group": entry.facts.group},
    )
    return Explanation(
        values,
        _AXES[values.ndim],
        target=goal.names if unit is None else (f"unit {unit}",) * len(values),
        method=method,
        options={name: _plain(value) for name, value in chosen.items()},
        receipt=receipt,
        pictures=given.pictures,
        frames=given.frames,
        names=given.names,
    )


_AXES = {
    4: ("sample", "channel", "height", "width"),
    3: ("sample", "token", "channel"),
    2: ("sample", "unit"),
}


def _run(
    entry: Entry, network: Network, x: Tensor, target: Target, options: Mapping[str, Any], to_layer: str | None
) -> Attribution:
    """The method itself; its short errors get the place where they happened."""
    try:
        if to_layer is None:
            return entry.function(network, x, target, **options)
        return _of_layer(entry, network, x, target, options, to_layer)
    except PellucidError as error:
        raise error.at(entry.name) from error


def _of_layer(
    entry: Entry, network: Network, x: Tensor, target: Target, options: Mapping[str, Any], layer: str
) -> Attribution:
    """The method on what follows the layer, which takes the layer's output: sample by sample."""
    hidden = network.capture(x, [layer])[layer]
    found = []
    for i in range(len(x)):
        row = slice(i, i + 1)
        found.append(
            entry.function(network.behind(layer, x[row]), hidden[row], target.rows(torch.tensor([i])), **options)
        )
    most = lambda name: max((getattr(f, name) for f in found if getattr(f, name) is not None), default=None)  # noqa: E731
    all_of = lambda name: tuple(dict.fromkeys(each for f in found for each in getattr(f, name)))  # noqa: E731
    values = torch.cat([f.values for f in found])
    if values.ndim not in _AXES:
        what = f"layer {layer!r} gives [{', '.join(map(str, ('N', *values.shape[1:])))}]"
        raise BadInput(what, cure="choose a layer that gives maps, tokens or a vector")
    if values.ndim == 4 and network.channels_last(layer):
        values = values.movedim(-1, 1)
    return Attribution(
        values,
        expected=None if found[0].expected is None else torch.cat([f.expected for f in found]),
        steps=most("steps"),
        samples=most("samples"),
        error=most("error"),
        layer=layer,
        layer_reason="its output is what is explained, instead of the input",
        fallbacks=all_of("fallbacks"),
        notes=all_of("notes"),
    )


def _unit_of(network: Network, unit: str, target: Wanted) -> tuple[str, Callable[[Any], Tensor]]:
    """``"blocks.4:17@3,5"`` as a layer and a target on its output."""
    asked = parse_unit(unit)
    if target != "top":
        raise BadInput("a unit and a target are asked for", cure="pass one of them: the unit is what is explained")
    layer = one_layer(network, asked.layer)
    return layer, targets.unit(asked.channel, asked.at, channels=-1 if network.channels_last(layer) else None)


def _options(entry: Entry, layer: str | None, seed: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The method's options in full; ``layer`` goes to those that look at one, ``seed`` to those that draw."""
    given = dict(given)
    if layer is not None and "layer" in entry.options:
        given["layer"] = layer
    if "seed" in entry.options:
        given.setdefault("seed", seed)
    return entry.complete(given)


def _plain(value: Any) -> Any:
    """An option as the record keeps it: numbers and texts as they are, of anything larger what it is."""
    return value if value is None or isinstance(value, str | int | float | tuple | list) else str(value)


def _touched(entry: Entry, network: Network, options: Mapping[str, Any], inside: bool) -> list[str]:
    """The layers whose own outputs the method may look at, which the fast copy must keep."""
    if "layer" not in entry.options:
        return []
    stages = network.stages() if inside else network.stages()[-1:]  # of a unit's it is one before the unit
    return [options["layer"]] if options["layer"] else stages


# -- receipt --------------------------------------------------------------------------------------


def _receipt(found: Attribution, values: np.ndarray, ready: Network) -> Receipt:
    expected = None if found.expected is None else tuple(found.expected.double().tolist())
    actual = None if expected is None else tuple(values.reshape(len(values), -1).sum(1, dtype=np.float64).tolist())
    notes = found.notes + ready.preparation.notes if ready.preparation else found.notes
    return Receipt(
        expected=expected,
        actual=actual,
        relative_gap=None if expected is None or actual is None else relative_gap(expected, actual),
        steps=found.steps,
        samples=found.samples,
        error=found.error,
        fallbacks=found.fallbacks,
        layer=found.layer,
        layer_reason=found.layer_reason,
        prepared_difference=ready.preparation.difference if ready.preparation else None,
        notes=notes,
    )
