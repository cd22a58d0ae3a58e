"""Which parts a network hears, and what has to be said where it does not hear the one that decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evaluation.bench import Parts

#: A part that the network hears in fewer than this share of the pictures that show it is one that it ignores.
IGNORED = 0.2


@dataclass(frozen=True)
class Heard:
    """part: its name. seen: in how many pictures. heard: in how many of them its loss moves the answer beyond noise.

    effect, noise: the means of how far the answer moves without it, and by nothing that matters.
    """

    part: str
    seen: int
    heard: int
    effect: float
    noise: float

    @property
    def ignored(self) -> bool:
        """Whether the network does without it."""
        return self.seen > 0 and self.heard < IGNORED * self.seen


def heard(parts: Parts) -> tuple[Heard, ...]:
    """Of each part, whether the network hears it."""
    there, size = np.isfinite(parts.effects), np.abs(np.nan_to_num(parts.effects))
    noise = np.zeros(len(size)) if parts.noise is None else parts.noise
    found = []
    for p, name in enumerate(parts.names):
        own = there[:, p]
        count = int(own.sum())
        means = (float(size[own, p].mean()), float(noise[own].mean())) if count else (0.0, 0.0)
        found.append(Heard(name, count, int((size[:, p] > noise)[own].sum()), *means))
    return tuple(found)


def words(parts: Parts, decides: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What to tell, as {level, text}: warnings of deciding parts that the network ignores, then what it hears.

    decides: the parts that tell the label, by the data's truth.
    """
    found = heard(parts)
    told = [{"level": "warning", "text": text} for text in _ignored(found, decides)]
    loudest = sorted((h for h in found if h.seen and not h.ignored), key=lambda h: -h.effect)
    if loudest:
        named = ", ".join(f"{h.part} ({h.effect:.2g} on average, {h.heard} of {h.seen} pictures)" for h in loudest)
        told.append(
            {"level": "fact", "text": f"Without these parts the network's answer moves beyond its noise: {named}."}
        )
    else:
        text = "The network's answer moves with no part beyond its noise: no ranking of parts means anything on it."
        told.append({"level": "warning", "text": text})
    return told


def _ignored(found: Sequence[Heard], decides: Sequence[str]) -> Iterator[str]:
    for each in found:
        if each.part in decides and each.ignored:
            yield (
                f"The network ignores the {each.part}, which tells the label: in {each.seen - each.heard} of "
                f"{each.seen} pictures its answer moves no further without it than by noise ({each.effect:.2g} and "
                f"{each.noise:.2g} on average). A map that points there is true of the data and false of this network."
            )
    for name in decides:
        if not any(h.part == name and h.seen for h in found):
            yield f"The {name}, which tells the label, is seen in no picture."
