"""A spurious background: it goes with the label in training, and no longer in the test."""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.evaluation.truth.planted import SIZE, Planted, balanced, noise, picture

#: Colours around grey that go with the two classes.
_TINTS = np.array([(-45.0, 5.0, 45.0), (45.0, 5.0, -45.0)])


def background(count: int, rng: np.random.Generator, *, agreement: float = 0.95) -> Planted:
    """A disc or a square; behind it blue or orange, which in ``agreement`` of the pictures goes with the class.

    For a test in which it tells nothing, make another set with an agreement of 0.5.
    """
    if not 0 <= agreement <= 1:
        raise BadInput(f"an agreement of {agreement}", cure="pass a share from 0 to 1")
    labels = balanced(count, rng)
    tint = np.where(rng.random(count) < agreement, labels, 1 - labels)
    row, column = (rng.integers(10, SIZE - 10, count)[:, None, None] for _ in range(2))
    y, x = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    disc = (y - row) ** 2 + (x - column) ** 2 <= 7.2**2
    square = (np.abs(y - row) <= 6) & (np.abs(x - column) <= 6)
    seen = np.where(labels[:, None, None] == 1, square, disc)
    ground = noise(count, rng)

    def build(tints: np.ndarray, shape: np.ndarray) -> np.ndarray:
        return picture(ground + np.where(shape[..., None], -60.0, _TINTS[tints][:, None, None]))

    return Planted(
        "background",
        build(tint, seen),
        labels,
        ("disc", "square"),
        seen,
        {"object": seen, "background": ~seen},
        {"object": build(tint, np.zeros_like(seen)), "background": build(1 - tint, seen)},
        f"The object alone decides; the background's colour goes with it in {agreement:.0%} of the pictures.",
    )
