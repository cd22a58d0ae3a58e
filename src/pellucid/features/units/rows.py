"""One layer's filters and what its units did: everything that is known of it, and its row of figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from pellucid.features.units.banks import Bank, bank_of, symmetry, symmetry_by_chance
from pellucid.features.units.pairs import ALIKE, Alike, Pair, alike
from pellucid.features.units.state import Correlations, Tally, at_most
from pellucid.features.units.watch import Activation, Calls
from pellucid.models.network import Network


@dataclass
class Found:
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


def look_at(network: Network, paths: Calls, name: str) -> Found:
    """What a layer's weights alone tell."""
    layer = network.module.get_submodule(name)
    bank = _bank(layer, paths, name)
    activations = {path.activation for (each, _), path in paths.items() if each == name}
    return Found(
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


def row_of(each: Found, pictures: int | None) -> dict[str, Any]:
    """A layer's figures; None where they could not be measured, or mean nothing."""
    pairs = tuple(_pair(each, pair, measured=each.measured is not None) for pair in each.alike.pairs)
    comparable = each.alike.threshold is not None
    count = lambda *kinds: sum(p["kind"] in kinds for p in pairs) if comparable else None  # noqa: E731
    dead = None if each.measured is None or not each.measured.judges else each.measured.dead
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
        "confirmed": None
        if each.measured is None
        else sum(p["kind"] == "duplicate" and bool(p["confirmed"]) for p in pairs),
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


def _pair(each: Found, pair: Pair, *, measured: bool) -> dict[str, Any]:
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
