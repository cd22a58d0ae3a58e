"""``pellucid.compare``: many methods on many photos, for the contact sheet that lays them side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.explain import explain
from pellucid.attribution.table import Group, MethodFacts
from pellucid.attribution.table import methods as registry
from pellucid.attribution.target import Of, Wanted, resolve
from pellucid.core import late
from pellucid.core.errors import BadInput, near
from pellucid.core.progress import track
from pellucid.core.registry import Entry
from pellucid.core.types import Explanation
from pellucid.data.batches import Inputs, as_batch
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched

Answers = tuple[tuple[int, str, float], ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What ``compare`` found.

    explanations: a row a photo, each with the same methods in the same order: function, signal,
    attribution, localisation. predictions: for each photo the most probable outputs as (index, name,
    probability); empty where the outputs are no probabilities. left_out: the registered methods that are not
    in it, and why.
    """

    explanations: tuple[tuple[Explanation, ...], ...]
    predictions: tuple[Answers, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, in the order of the columns."""
        return tuple(e.method for e in self.explanations[0])

    def show(self) -> Any:
        """The contact sheet as a matplotlib figure (which a notebook displays)."""
        drawn = (self.explanations, self.predictions, self.left_out)
        return late.call("pellucid.report.sheet", "sheet_figure", *drawn)

    def _repr_html_(self) -> str:
        return late.call("pellucid.report.figures", "as_html", self.show(), repr(self))

    def __repr__(self) -> str:
        return f"Comparison({len(self.explanations)} × {', '.join(self.methods)}; {len(self.left_out)} left out)"


def compare(
    network: Network,
    photos: Inputs,
    methods: Iterable[str] | None = None,
    target: Wanted = "top",
    *,
    of: Of = "logit",
    layer: str | None = None,
    quick: bool = False,
    seed: int = 0,
    **options: Any,
) -> Comparison:
    """The same photos by many methods, photo by photo, so that every receipt is of one panel.

    photos, target, of: as for ``explain``. methods: their names; without it all that can run on this network
    with what was given. layer: where methods that read a layer look. quick: of the methods that were not named,
    leave out those that take more than some twenty passes a photo. options: each goes to every method that
    has it.

    A method that was not named and cannot run is left out with its reason. Raises BadInput for a named method
    that cannot run, for one that cannot take an option which it was given, and for anything that no method
    could use.
    """
    if not isinstance(network, Network):
        raise BadInput(f"a {type(network).__name__} is no opened network", cure="open it first: pellucid.open(…)")
    named = None if methods is None else tuple(dict.fromkeys([methods] if isinstance(methods, str) else methods))
    given = {**options, **({} if layer is None else {"layer": layer})}
    chosen, left_out = _named(named, quick) if named is not None else _suited(given, quick)
    _refuse_unused(given, chosen, left_out)
    singles, targets, predictions = _looked_at(network, photos, target, of)

    found: dict[str, list[Explanation]] = {e.name: [] for e in chosen}
    for entry, i in track([(e, i) for e in chosen for i in range(len(singles))], "comparing methods"):
        if entry.name not in found:
            continue  # it could not run on an earlier photo
        own = {n: v for n, v in given.items() if n in entry.options}
        try:
            found[entry.name].append(explain(network, singles[i], entry.name, targets[i], of=of, seed=seed, **own))
        except BadInput as error:
            if named is not None or own or len(found) == 1:
                raise
            left_out[entry.name] = str(error).removeprefix(f"{entry.name}: ")
            del found[entry.name]
    rows = tuple(tuple(own[i] for own in found.values()) for i in range(len(singles)))
    return Comparison(rows, predictions, dict(sorted(left_out.items())))


# -- which methods ----------------------------------------------------------------------------------


def _named(names: Sequence[str], quick: bool) -> tuple[list[Entry[MethodFacts]], dict[str, str]]:
    if quick:
        cure = "leave one of the two away"
        raise BadInput("quick chooses among all methods, but methods are named", cure=cure)
    if not names:
        raise BadInput("no method is named", cure="name at least one, or none for all")
    return _by_group(registry[n] for n in names), {}


def _suited(given: Mapping[str, Any], quick: bool) -> tuple[list[Entry[MethodFacts]], dict[str, str]]:
    """All methods but those that wrap another one and, to be quick, the slow ones; the reasons of these."""
    left_out = {}
    for entry in registry.entries():
        if "base" in entry.options and "base" not in given:
            left_out[entry.name] = "it wraps another method; name it, and its base"
        elif quick and entry.facts.slow:
            left_out[entry.name] = f"it is slow: {entry.facts.cost}"
    return _by_group(e for e in registry.entries() if e.name not in left_out), left_out


def _by_group(entries: Iterable[Entry[MethodFacts]]) -> list[Entry[MethodFacts]]:
    """In the order of the groups; within one, as given."""
    return sorted(entries, key=lambda e: get_args(Group).index(e.facts.group))


def _refuse_unused(given: Mapping[str, Any], chosen: Sequence[Entry[MethodFacts]], left_out: Mapping[str, str]) -> None:
    """An option that no chosen method has, or a value that one of them cannot take, before any work is done."""
    known = {o for e in chosen for o in e.options}
    for name in given:
        if name not in known:
            missing = [m for m in left_out if name in registry[m].options]
            cure = f"name {' or '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} left out"
            what = f"no method that is compared has the option {name!r}"
            raise BadInput(what, cure=cure if missing else near(name, known))
    for entry in chosen:
        entry.complete({n: v for n, v in given.items() if n in entry.options})


# -- which photos -----------------------------------------------------------------------------------


def _looked_at(
    network: Network, photos: Inputs, target: Wanted, of: Of
) -> tuple[list[Any], list[Any], tuple[Answers, ...]]:
    """Each photo on its own, its target, and what the network answers: all refused here if they cannot be used."""
    if isinstance(photos, Tensor):
        singles: list[Any] = list(photos.split(1))
    else:
        singles = list(photos) if isinstance(photos, list | tuple) else [photos]
    x = as_batch(network.input, photos, network.device, network.dtype).x
    ready = network.prepared()
    with untouched(ready.module):
        resolve(ready, x, target, of=of)
    each = target.tolist() if isinstance(target, Tensor | np.ndarray) else target
    targets = list(each) if isinstance(each, list | tuple) else [each] * len(singles)
    return singles, targets, _answers(ready, x)


def _answers(network: Network, x: Tensor) -> tuple[Answers, ...]:
    """The most probable outputs of each photo; none where the network gives values or maps."""
    with torch.no_grad(), untouched(network.module):
        classes = first_tensor(network(x[:1])).ndim == 2
    if network.output in ("values", "heatmaps") or not classes:
        return ((),) * len(x)
    return tuple(map(tuple, network.predict(x)))
