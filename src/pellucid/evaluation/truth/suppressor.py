"""A suppressor: a place that tells nothing of the label, and that a good network needs all the same."""

from __future__ import annotations

import numpy as np

from pellucid.evaluation.truth.planted import SIZE, Planted, balanced, everywhere, noise, patch, picture


def suppressor(count: int, rng: np.random.Generator) -> Planted:
    """One square is the class's sign plus a disturbance, another the disturbance alone; their difference is the class.

    After Haufe et al. 2014 (10.1016/j.neuroimage.2013.10.067), example 2. The disturbance is twice as large as
    the sign.
    """
    labels = balanced(count, rng)
    sign, disturbance = 25.0 * (2 * labels - 1), rng.normal(0, 50, count).clip(-75, 75)
    one, other = patch(6, 3, 8, 8), patch(SIZE - 14, SIZE - 11, 8, 8)
    spread = lambda values, place: values[:, None, None] * place  # noqa: E731
    ground = noise(count, rng)
    build = lambda *given: picture(ground + np.sum(given, 0)[..., None])  # noqa: E731
    signal, noisy = spread(sign + disturbance, one), spread(disturbance, other)
    return Planted(
        "suppressor",
        build(signal, noisy),
        labels,
        ("dark", "bright"),
        everywhere(one, count),
        {"signal": everywhere(one, count), "suppressor": everywhere(other, count)},
        {"signal": build(0 * signal, noisy), "suppressor": build(signal, 0 * noisy)},
        "The second square is independent of the class; a network that is right must subtract it from the first.",
    )
