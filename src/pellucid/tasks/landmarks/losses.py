"""Losses for heatmaps. Each gives a number a picture, [N]; 0 for a picture that nobody looked at."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.tasks.landmarks.truth import asked, heatmaps, judged, there

Loss = Literal["mse", "focal"]

#: The exponents of CenterNet's focal loss (arXiv:1904.07850, eq. 1).
ALPHA, BETA = 2, 4

#: Heatmaps that are added at once; the largest logit of a constant answer, and the halvings by which it is found.
_TOGETHER, _FARTHEST, _HALVINGS = 32, 12.0, 40


def squared_error(output: Tensor, targets: Tensor, sigma: float) -> Tensor:
    """Σ (output − heatmap)² / πσ² over pixels, the mean over types.

    A Gaussian of height 1 has the squared norm πσ²: who says nothing pays 1 for each landmark that is there.
    """
    wanted = heatmaps(targets, output.shape[1], _size(output), sigma)
    each = (asked(targets, wanted, sigma) * (output - wanted) ** 2).sum((2, 3)) / (math.pi * sigma**2)
    return each.mean(1) * judged(targets)


def focal(output: Tensor, targets: Tensor, sigma: float) -> Tensor:
    """CenterNet's focal loss with p = sigmoid(output), the sum over pixels and types for each landmark.

    −(1 − p)² log p in the pixel in which a landmark lies, −(1 − heatmap)⁴ p² log(1 − p) in all others.
    """
    kinds, (height, width) = output.shape[1], _size(output)
    near = heatmaps(targets, kinds, (height, width), sigma)
    at = _pixels(targets, kinds, height, width)
    yes, no = F.logsigmoid(output), F.logsigmoid(-output)  # log p, log (1 − p)
    here = no.exp() ** ALPHA * yes
    elsewhere = (1 - near) ** BETA * yes.exp() ** ALPHA * no
    total = -(asked(targets, near, sigma) * torch.where(at, here, elsewhere)).sum((1, 2, 3))
    return total / there(targets, kinds).sum((1, 2)).clamp(min=1) * judged(targets)


def focal_constant(targets: Tensor, kinds: int, sigma: float) -> Tensor:
    """The output [1, kinds, height, width] with the least mean focal loss over these targets: whoever does not look.

    In each pixel a·(1 − p)² (−log p) + b·p² (−log(1 − p)) is convex in p, and the slope's zero is found by bisection.
    """
    known = targets[judged(targets)]
    width, height = (int(side) for side in known[0, 0, :2])
    yes, no = known.new_zeros(1, kinds, height, width), known.new_zeros(1, kinds, height, width)
    for part in known.split(_TOGETHER):
        weight = 1 / there(part, kinds).sum((1, 2)).clamp(min=1)[:, None, None, None]
        at = _pixels(part, kinds, height, width)
        near = heatmaps(part, kinds, (height, width), sigma)
        weight = weight * asked(part, near, sigma)
        yes += (weight * at).sum(0)
        no += (weight * ~at * (1 - near) ** BETA).sum(0)
    low, high = torch.full_like(yes, -_FARTHEST), torch.full_like(yes, _FARTHEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        p, log_p, log_q = middle.sigmoid(), F.logsigmoid(middle), F.logsigmoid(-middle)
        q = (-middle).sigmoid()
        rises = yes * (2 * q * log_p - q**2 / p) + no * (p**2 / q - 2 * p * log_q) > 0
        low, high = torch.where(rises, low, middle), torch.where(rises, middle, high)
    return (low + high) / 2


def _pixels(targets: Tensor, kinds: int, height: int, width: int) -> Tensor:
    """Whether a landmark of each type lies in a pixel: bool [N, kinds, height, width]."""
    places = targets[:, 1:, :2].nan_to_num(0.0)
    column = places[..., 0].long().clamp(0, width - 1)
    row = places[..., 1].long().clamp(0, height - 1)
    own = there(targets, kinds)
    flat = torch.zeros(len(targets), kinds, height * width, device=targets.device)
    index = (row * width + column)[:, None].expand_as(own)
    return flat.scatter_add(2, index, own.float()).unflatten(2, (height, width)) > 0


def _size(output: Tensor) -> tuple[int, int]:
    return output.shape[-2], output.shape[-1]
