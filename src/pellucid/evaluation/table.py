"""The registry of scores, and what a score takes and gives.

A score is one pure function ``(bench, maps, *, options) -> values``: how true each picture's map is. It sees what a
``Bench`` holds and the maps [n, H, W] of one method, signed, and gives one number a picture, float64 [n] on the CPU;
NaN where the picture does not allow one (no mask, a constant answer). One number a picture, so that intervals
come from drawing pictures again and methods are compared picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pellucid.core.registry import Registry

#: What a score holds a map against.
Group = Literal["faithfulness", "robustness", "randomisation", "truth"]

#: What a score may need of a bench besides network, pictures and targets, and the cure where it is missing.
NEEDS = {
    "masks": "pass data with masks of what decides (a folder from pellucid make, or masks/ beside the images)",
    "parts": "pass data from a generator, whose parts can be rendered away",
    "explain": "pass a method instead of ready-made maps",
    "shuffled": "pass the same network trained on shuffled labels (--shuffled run:FOLDER)",
}


@dataclass(frozen=True)
class Work:
    """What a score costs for all pictures together.

    own: forward passes for each method. shared: forward passes that all methods share. again: how often each method
    explains the repeated pictures again. networks: how often the network is changed and prepared again.
    """

    own: int = 0
    shared: int = 0
    again: int = 0
    networks: int = 0


@dataclass(frozen=True)
class ScoreFacts:
    """group: what the map is held against. source: the paper. better: which end of the scale is good.

    needs: of ``NEEDS``. variants: sets of options under which it is asked unless one is chosen; each is a column of
    its own, named by its values (``deletion:blur``). work: from the number of pictures and the score's options by name
    what it costs; None: nothing to speak of. unit: what a value is.
    """

    group: Group
    source: str
    better: Literal["higher", "lower"]
    needs: frozenset[str] = frozenset()
    variants: tuple[Mapping[str, Any], ...] = ({},)
    work: Callable[..., Work] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        unknown = set(self.needs) - set(NEEDS)
        if unknown:
            raise ValueError(f"unknown needs {sorted(unknown)}; known are {sorted(NEEDS)}")


scores: Registry[ScoreFacts] = Registry(
    "score", facts=ScoreFacts, folder="pellucid.evaluation.scores", group="pellucid.scores"
)
