"""``pellucid.explain``: everything around a method. Inputs in, receipt out, the user's model untouched."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Of, Target, Wanted, resolve
from pellucid.core.errors import BadInput, PellucidError
from pellucid.core.registry import Entry
from pellucid.core.types import Explanation, Receipt, relative_gap
from pellucid.data.batches import Inputs, as_batch
from pellucid.models.network import Network
from pellucid.models.prepare import untouched


def explain(
    network: Network,
    inputs: Inputs,
    method: str = "integrated_gradients",
    target: Wanted = "top",
    *,
    of: Of = "logit",
    layer: str | None = None,
    seed: int = 0,
    prepared: bool = True,
    **options: Any,
) -> Explanation:
    """Which parts of the inputs speak for the target, by any registered method.

    inputs: a Sample, a path, an array of pixels (uint8, or floats 0…1), a list of these, or a
    preprocessed tensor batch [N, C, H, W]. target: a class's name or index, "top", one of these a
    sample, or a function of the module's output that gives [N]. of: explain the "logit" or the
    "probability". layer: a pattern that picks one layer, for methods that look at one.
    prepared: run on a fast copy that is proven equal; False runs on the module itself.
    options: the method's own (``pellucid methods NAME`` lists them).

    Gives values [sample, channel, height, width], float32, at the size of what entered the network.
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
    chosen = _options(entry, network, layer, seed, options)
    ready = network.prepared(keep=_touched(entry, network, chosen)) if prepared else network
    with untouched(ready.module):
        goal = resolve(ready, given.x, target, of=of)
        found = _run(entry, ready, given.x, goal, chosen)
    # What is not finite is refused below, by Explanation itself.
    values = found.values.detach().to("cpu", torch.float32).contiguous().numpy()
    receipt = dataclasses.replace(
        _receipt(found, values, ready),
        seconds=time.perf_counter() - began,
        provenance={**network.facts(), "seed": seed, "of": goal.of, "group": entry.facts.group},
    )
    return Explanation(
        values,
        ("sample", "channel", "height", "width"),
        target=goal.names,
        method=method,
        options=chosen,
        receipt=receipt,
        pictures=given.pictures,
        frames=given.frames,
        names=given.names,
    )


def _run(entry: Entry, network: Network, x: Tensor, target: Target, options: Mapping[str, Any]) -> Attribution:
    """The method itself; its short errors get the place where they happened."""
    try:
        return entry.function(network, x, target, **options)
    except PellucidError as error:
        raise error.at(entry.name) from error


def _options(entry: Entry, network: Network, layer: str | None, seed: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The method's options in full; ``layer`` is resolved to one name, ``seed`` goes to those that draw."""
    given = dict(given)
    if layer is not None:
        if "layer" not in entry.options:
            raise BadInput(f"{entry.name} looks at no single layer", cure="leave layer= away, or use a CAM method")
        found = network.layers(layer)
        if len(found) > 1:
            cure = "choose one of them"
            raise BadInput(f"{layer!r} picks {len(found)} layers ({', '.join(found[:4])}, …)", cure=cure)
        given["layer"] = found[0]
    if "seed" in entry.options:
        given.setdefault("seed", seed)
    return entry.complete(given)


def _touched(entry: Entry, network: Network, options: Mapping[str, Any]) -> list[str]:
    """The layers whose own outputs the method may look at, which the fast copy must keep."""
    if "layer" not in entry.options:
        return []
    return [options["layer"]] if options["layer"] else network.stages()[-1:]


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
