"""Registered methods as the evaluation room gets them: callables that give maps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.explain import explain
from pellucid.attribution.table import Group
from pellucid.attribution.table import methods as registry
from pellucid.attribution.target import Of
from pellucid.core.errors import BadInput
from pellucid.models.network import Network

#: What a method needs before it can run, and how to get it.
_FITTED = "pellucid patterns fit MODEL PICTURES -o FILE, then --patterns FILE (patterns=)"


@dataclass(frozen=True)
class Method:
    """A registered method with its options, as an ``Explainer``."""

    name: str
    of: Of = "logit"
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, network: Network, x: Tensor, targets: Tensor) -> Tensor:
        """Its maps [n, H, W] of ``x`` [n, C, H, W], channels added up."""
        found = explain(network, x, self.name, targets, of=self.of, seed=self.seed, **self.options)
        return torch.from_numpy(np.ascontiguousarray(found.sum("channel").values))

    @property
    def group(self) -> str:
        """Of the method."""
        return registry[self.name].facts.group

    @property
    def slow(self) -> bool:
        """Whether a map takes more than some twenty passes."""
        return registry[self.name].facts.slow

    @property
    def key(self) -> str:
        """What its maps depend on besides network and pictures: what a cache is asked for."""
        told = {k: _told(v) for k, v in sorted(registry[self.name].complete(self.options).items())}
        return json.dumps([self.name, self.of, self.seed, told], sort_keys=True)


def _told(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    told = getattr(value, "sha256", None)
    return told() if callable(told) else repr(value)


def chosen(
    names: Iterable[str] | None, *, of: Of, seed: int, quick: bool, options: Mapping[str, Any]
) -> tuple[dict[str, Method], dict[str, str]]:
    """The methods in the order of their groups, and why the others are left out.

    names: as asked; None for all that need nothing fitted and wrap no other. quick: of these only those that take at
    most some twenty passes. options: each goes to every method that has it. Raises BadInput for a named one that
    lacks what it needs, and for an option that none of them has.
    """
    entries = [registry[n] for n in dict.fromkeys(names)] if names is not None else registry.entries()
    left_out: dict[str, str] = {}
    for entry in entries:
        own = {n: v for n, v in options.items() if n in entry.options}
        reason = _lacking(entry, own) or (_slow(entry) if quick and names is None else None)
        if reason and names is not None:
            raise BadInput(reason[0], where=entry.name, cure=reason[1])
        if reason:
            left_out[entry.name] = "; ".join(reason)
    taken = [e for e in entries if e.name not in left_out]
    known = {o for e in taken for o in e.options}
    for name in options:
        if name not in known:
            raise BadInput(f"no method that is judged has the option {name!r}", cure="name one that has (--method)")
    taken.sort(key=lambda e: get_args(Group).index(e.facts.group))
    made = {e.name: Method(e.name, of, seed, {n: v for n, v in options.items() if n in e.options}) for e in taken}
    for method in made.values():
        registry[method.name].complete(method.options)
    return made, left_out


def _lacking(entry: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:
    if "patterns" in entry.options and options.get("patterns") is None:
        return "it needs patterns that were fitted", f"run {_FITTED}"
    if "base" in entry.options and "base" not in options:
        return "it wraps another method", "name it, and its base (--base NAME)"
    return None


def _slow(entry: Any) -> tuple[str, str] | None:
    return (f"it is slow: {entry.facts.cost}", "leave --quick away, or name it") if entry.facts.slow else None
