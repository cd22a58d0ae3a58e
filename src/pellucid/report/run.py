"""What one report shows: the values that the command line gathers and the page draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.core.types import Explanation, View
from pellucid.report.words import Sentence
from pellucid.version import __version__


@dataclass(frozen=True)
class Prediction:
    """One class that the network saw in a photo. probability: 0 to 1."""

    index: int
    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """One photo and what was found of it.

    picture: the whole source, uint8 [height, width, 3]. predictions: the most probable first.
    explanations: each of one sample, whose ``pictures[0]`` is the crop that the network saw. matrix: it
    was numbers, whose picture shows them as greys. spans: which of its rows and columns decide, one a target. trust:
    how far methods can be trusted on this network, where that was judged: sentences {level, text} by method.
    """

    name: str
    source: str
    picture: np.ndarray
    predictions: tuple[Prediction, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    matrix: bool = False
    spans: tuple[View, ...] = ()
    trust: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)

    def trusted(self, method: str) -> list[Sentence]:
        """What is to be told of a method on this network."""
        return [Sentence(s["level"], s["text"]) for s in self.trust.get(method, ())]  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Run:
    """One run of ``explain``, ``compare`` or of a look inside.

    command, python: the lines that reproduce it. network: facts by name, in the order to show
    them; ``name`` is the headline. notes: what could not be shown, and why. seconds: how long the whole run took.
    left_out: methods that were not named and cannot run, and why. provenance: of the whole run, by name.
    maps: the network answers each pixel, so that a prediction's share is one of the photo's pixels.
    """

    command: str
    python: str
    network: Mapping[str, Any]
    photos: tuple[PhotoResult, ...]
    regions: View | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    seed: int | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    maps: bool = False
    version: str = field(default=__version__)
