"""The registry of feature views: what can be asked of the inside of a network.

A view is one function ``(network, inputs, …) -> View``. Its keyword-only parameters are its options.
"""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.core.registry import Registry


@dataclass(frozen=True)
class ViewFacts:
    """question: what a person asks, in one sentence. source: the paper."""

    question: str
    source: str


views: Registry[ViewFacts] = Registry("view", facts=ViewFacts, folder="pellucid.features", group="pellucid.views")
