"""What 'nothing there' looks like: the reference that methods compare with, and that scores put in a pixel's place."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.core.errors import BadInput, near
from pellucid.models.network import Network

NAMES = ("zero", "mean", "blur", "black")

Baseline = float | str


def baseline_of(network: Network, x: Tensor, wanted: Baseline) -> Tensor:
    """A reference of the shape of ``x`` [N, C, H, W], each made from its own sample alone.

    A number, in the network's own value range · "zero": 0 there, the training set's mean colour for
    most networks · "mean": each sample's mean colour · "blur": the sample itself, blurred with a
    standard deviation of a tenth of its shorter side · "black": black pixels.
    """
    if isinstance(wanted, int | float):
        return torch.full_like(x, float(wanted))
    if wanted == "zero":
        return torch.zeros_like(x)
    if wanted == "mean":
        return x.mean((2, 3), keepdim=True).expand_as(x)
    if wanted == "blur":
        from torchvision.transforms.functional import gaussian_blur  # loaded when asked: nearly as slow as torch

        sigma = max(1.0, min(x.shape[-2:]) / 10)
        # The kernel must fit into the reflected border, which is one pixel less than the picture.
        size = [min(2 * round(3 * sigma) + 1, 2 * n - 1) for n in (x.shape[-1], x.shape[-2])]
        return gaussian_blur(x, size, [sigma, sigma])
    if wanted == "black":
        return network.input.normalise(torch.zeros_like(x))
    raise BadInput(f"unknown baseline {wanted!r}", cure=f"pass a number, or {near(str(wanted), NAMES)}")
