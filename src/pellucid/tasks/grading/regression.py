"""The grade as a number: one output, squared or absolute error, and rounding afterwards.

The output is in deviations from the mean of the training grades, so it begins at the mean whatever the scale.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared_error(output: Tensor, target: Tensor, standard: Tensor) -> Tensor:
    """(output − place of y)²; output: [n, 1]; standard: [levels], the standardised places."""
    return (output[:, 0] - standard.to(output)[target]) ** 2


def absolute_error(output: Tensor, target: Tensor, standard: Tensor) -> Tensor:
    """|output − place of y|, smallest at the median instead of the mean."""
    return (output[:, 0] - standard.to(output)[target]).abs()


def by_neighbours(output: Tensor, standard: Tensor) -> Tensor:
    """The number as a mixture of the two levels around it, which has that number as its mean: [n, levels].

    A network that gives one number has no opinion on how far it may be off, so this is where the number lies and
    no belief: 3.3 is 0.7 of level 3 and 0.3 of level 4. Beyond the ends it is the end.
    """
    places = standard.to(output)
    value = output[:, 0].clamp(places[0], places[-1])
    upper = torch.searchsorted(places, value.contiguous()).clamp(1, len(places) - 1)
    part = (value - places[upper - 1]) / (places[upper] - places[upper - 1])
    mixture = output.new_zeros((len(output), len(places)))
    mixture.scatter_(1, (upper - 1)[:, None], (1 - part)[:, None])
    return mixture.scatter_(1, upper[:, None], part[:, None])
