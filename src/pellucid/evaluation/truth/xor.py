"""XOR: neither of two squares tells the label, both together do."""

from __future__ import annotations

import numpy as np

from pellucid.evaluation.truth.planted import SIZE, Planted, balanced, everywhere, noise, patch, picture


def xor(count: int, rng: np.random.Generator) -> Planted:
    """Two squares, each bright or dark; the class is whether they differ."""
    labels = balanced(count, rng)
    left = rng.integers(0, 2, count)
    right = left ^ labels
    places = patch(6, 3, 8, 8), patch(SIZE - 14, SIZE - 11, 8, 8)
    shades = [70 * (2 * own - 1)[:, None, None] * place for own, place in zip((left, right), places, strict=True)]
    ground = noise(count, rng)
    build = lambda *given: picture(ground + np.sum(given, 0)[..., None])  # noqa: E731
    regions = {n: everywhere(p, count) for n, p in zip(("left square", "right square"), places, strict=True)}
    return Planted(
        "xor",
        build(*shades),
        labels,
        ("alike", "different"),
        regions["left square"] | regions["right square"],
        regions,
        {"left square": build(0 * shades[0], shades[1]), "right square": build(shades[0], 0 * shades[1])},
        "Neither square alone tells anything of the class; both together tell it for certain.",
    )
