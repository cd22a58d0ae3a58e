"""Which rule for which layer, as text: ``conv=z_plus, dense=epsilon(0.1), first=flat, blocks.0*=gamma``.

On the left stands a kind of operation (conv, dense, pool, matmul, all), a position (first: no weights
between it and the input; last: the last one of all) or a pattern for layers' names, as everywhere. On
the right stands a rule with its parameters. What stands later overrules what stands before. A preset is
such a text with a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from pellucid.attribution.relevance.operations import Call
from pellucid.attribution.relevance.rules import Rule, rules
from pellucid.core.errors import BadInput, PellucidError, near
from pellucid.models.network import Network

#: Names after Kohlbrenner et al. 2020 (arXiv:1910.09840), iNNvestigate and zennit.
PRESETS = {
    "preset_a": "conv=alpha_beta(1,0), dense=epsilon",
    "preset_b": "conv=alpha_beta(2,1), dense=epsilon",
    "preset_a_flat": "conv=alpha_beta(1,0), dense=epsilon, first=flat",
    "preset_b_flat": "conv=alpha_beta(2,1), dense=epsilon, first=flat",
    "epsilon_plus": "conv=z_plus, dense=epsilon",
    "epsilon_plus_flat": "conv=z_plus, dense=epsilon, first=flat",
    "epsilon_alpha2_beta1": "conv=alpha_beta(2,1), dense=epsilon",
    "epsilon_alpha2_beta1_flat": "conv=alpha_beta(2,1), dense=epsilon, first=flat",
    "epsilon_gamma_box": "conv=gamma(0.25), dense=epsilon, first=z_box",
    "deep_taylor": "all=z_plus, first=w_square",
    "bounded_deep_taylor": "all=z_plus, first=z_box",
}

KINDS = ("all", "conv", "dense", "pool", "matmul", "first", "last")
_ENTRY = re.compile(r"^\s*(?P<where>.+?)\s*=\s*(?P<rule>[^=]+?)\s*$")
_RULE = re.compile(r"^(?P<name>\w+)\s*(?:\((?P<values>[^()]*)\))?$")


@dataclass(frozen=True)
class Composite:
    """Rules in the order of their places; ``layers`` holds the names that each pattern means."""

    places: tuple[tuple[str, Rule], ...]
    layers: Mapping[str, frozenset[str]]

    def rule_for(self, call: Call, *, last: bool) -> Rule:
        """The latest rule whose place this is."""
        found = rules["z_plus"].function
        kind = kind_of(call)
        # Pools have no weights, for which z_plus is meant throughout; only who names them changes that.
        for place, rule in self.places:
            if place == kind or (place == "all" and kind != "pool") or self._is_at(place, call, last):
                found = rule
        return found

    def _is_at(self, place: str, call: Call, last: bool) -> bool:
        if place in KINDS:
            return call.kind in ("weighted", "matmul") and (
                (place == "first" and call.first) or (place == "last" and last)
            )
        return any(call.layer == name or call.layer.startswith(f"{name}.") for name in self.layers[place])


def kind_of(call: Call) -> str:
    """What a composite calls an operation."""
    if call.kind == "weighted":
        return "dense" if call.name == "linear" else "conv"
    if call.kind == "matmul" and len(call.operands) == 1:
        return "dense"  # a linear layer written by hand
    return {"average": "pool"}.get(call.kind, call.kind)


def read_composite(network: Network, text: str) -> Composite:
    """Read a preset's name, a rule or a list of ``place=rule``."""
    text = PRESETS.get(text.strip(), text)
    if "=" not in text:
        try:
            return Composite((("all", _rule(text)),), {})
        except PellucidError as error:
            known = [*PRESETS, *rules]
            cure = near(text, known) if _RULE.match(text.strip()) and text.split("(")[0] not in rules else error.cure
            raise BadInput(error.what, cure=cure) from error
    places, layers = [], {}
    for entry in _outside_brackets(text):
        match = _ENTRY.match(entry)
        if not match:
            raise BadInput(f"{entry.strip()!r} is no place=rule", cure="as conv=z_plus, dense=epsilon(0.1), first=flat")
        place = match["where"]
        if place not in KINDS:
            layers[place] = frozenset(network.layers(place))
        places.append((place, _rule(match["rule"])))
    return Composite(tuple(places), layers)


def _outside_brackets(text: str) -> list[str]:
    return [part for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def _rule(text: str) -> Rule:
    """``alpha_beta(2,1)`` as a function of (affine, x, relevance)."""
    match = _RULE.match(text.strip())
    if not match:
        raise BadInput(f"{text.strip()!r} is no rule", cure="as z_plus or alpha_beta(2,1)")
    entry = rules[match["name"]]
    values = _numbers(match["values"], text)
    names = list(entry.options)
    if len(values) > len(names):
        what = f"{entry.name} takes {len(names)} numbers, not {len(values)}"
        raise BadInput(what, cure=f"its parameters: {', '.join(names) or 'none'}")
    return partial(entry.function, **dict(zip(names, values, strict=False)))


def _numbers(text: str | None, whole: str) -> list[float]:
    try:
        return [float(v) for v in (text or "").split(",") if v.strip()]
    except ValueError:
        raise BadInput(f"{whole.strip()!r}: not a number in the brackets", cure="as gamma(0.25)") from None
