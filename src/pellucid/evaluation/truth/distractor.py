"""A distractor: what strikes the eye, is alike from pixel to pixel, and tells nothing of the label."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from pellucid.evaluation.truth.planted import SIZE, Planted, balanced, noise, picture

#: The two forms, of 2 × 2 pixels a letter; where they differ is the truth.
_BAR = np.kron(np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]], bool), np.ones((2, 2), bool))


def distractor(count: int, rng: np.random.Generator) -> Planted:
    """A level or an upright bar somewhere on the left; on the right a bright cloud that either class has.

    After the correlated backgrounds of XAI-TRIS (Clark et al. 2024, arXiv:2306.12816).
    """
    labels = balanced(count, rng)
    masks, bars, ground = np.zeros((count, SIZE, SIZE), bool), np.zeros((count, SIZE, SIZE)), noise(count, rng)
    for i, label in enumerate(labels):
        top, left = int(rng.integers(2, SIZE - 8)), int(rng.integers(1, SIZE // 2 - 8))
        own = (slice(top, top + 6), slice(left, left + 6))
        bars[i][own] = _BAR.T if label else _BAR
        masks[i][own] = _BAR ^ _BAR.T
    cloud = gaussian_filter(rng.normal(0, 1, (count, SIZE, SIZE)), (0, 2.5, 2.5))
    right = np.zeros((count, SIZE, SIZE), bool)
    right[:, :, SIZE // 2 :] = True
    cloud = 60 * cloud / cloud.std() * right
    build = lambda a, b: picture(ground + 70 * a[..., None] + b[..., None])  # noqa: E731
    return Planted(
        "distractor",
        build(bars, cloud),
        labels,
        ("level", "upright"),
        masks,
        {"bar": bars > 0, "cloud": right},
        {"bar": build(0 * bars, cloud), "cloud": build(bars, 0 * cloud)},
        "Only the ends of the bar tell the classes apart; the cloud, brighter and larger, is the same for both.",
    )
