"""The registry of objects that can be made.

An object is one function ``(rng, *, size, seeds, …) -> Scene``. Its keyword-only parameters are what it leaves open:
each has a range (``ranges.py``) as its default, is a flag of ``pellucid make`` and a setter of its generator, and is
drawn anew for every object. What ranges do not say, such as the places of spots, is drawn from ``rng``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pellucid.core.registry import Registry
from pellucid.synth.ranges import Range


@dataclass(frozen=True)
class ObjectFacts:
    """label: the parameter or label that a picture is sorted by. view: how it is looked at, where not as usual."""

    label: str
    view: Mapping[str, Range] = field(default_factory=dict)


objects: Registry[ObjectFacts] = Registry(
    "object", facts=ObjectFacts, folder="pellucid.synth.objects", group="pellucid.objects"
)
