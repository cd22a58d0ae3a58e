"""The registry of attribution methods, and what a method takes and gives.

A method is one pure function ``(network, x, target, *, options) -> Attribution``. It sees a prepared
network and tensors; ``explain`` does everything before and after. Its keyword-only parameters are
its options: flags on the command line, rows of a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid.core.registry import Registry

Group = Literal["function", "signal", "attribution", "localisation"]

#: What a method can promise; a test runs each law on every method that declares it.
LAWS = {
    "completeness": "the values add up to the change of the target from the baseline",
    "conservation": "the values add up to the target's value",
    "linear_exact": "on a linear model, w·x at each pixel (baseline zero)",
    "linear_gradient": "on a linear model, exactly its weights",
    "linear_localised": "on a linear model over a layer, that layer's own contribution map",
}


@dataclass(frozen=True)
class MethodFacts:
    """group: after Kindermans et al. 2018, or localisation. source: the paper.

    cost: in passes a sample, in words. slow: that these are more than some twenty.
    """

    group: Group
    source: str
    laws: frozenset[str] = frozenset()
    cost: str = "1 gradient"
    slow: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.laws) - set(LAWS)
        if unknown:
            raise ValueError(f"unknown laws {sorted(unknown)}; known are {sorted(LAWS)}")


@dataclass(frozen=True)
class Attribution:
    """What a method gives back.

    values: [N, C or 1, H, W], signed. expected: [N], what they should add up to, where the method
    promises that. steps, samples, error, layer, layer_reason, fallbacks, notes: as in the Receipt.
    """

    values: Tensor
    expected: Tensor | None = None
    steps: int | None = None
    samples: int | None = None
    error: float | None = None
    layer: str | None = None
    layer_reason: str | None = None
    fallbacks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


methods: Registry[MethodFacts] = Registry(
    "method", facts=MethodFacts, folder="pellucid.attribution", group="pellucid.methods"
)
