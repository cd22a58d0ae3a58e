"""The gradient of the target, and the gradient times the input."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from pellucid.attribution.passes import gradients
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.models.network import Network


@methods.register("gradient", group="function", source="arXiv:1312.6034", laws=frozenset({"linear_gradient"}))
def gradient(
    network: Network, x: Tensor, target: Target, *, form: Literal["signed", "absolute", "squared"] = "signed"
) -> Attribution:
    """How much a small change of each pixel changes the target (saliency).

    form: as it is, its absolute value (Simonyan et al. 2014), or its square.
    """
    grad, _ = gradients(network, x, target)
    return Attribution({"signed": grad, "absolute": grad.abs(), "squared": grad.square()}[form])


@methods.register(
    "input_times_gradient", group="attribution", source="arXiv:1605.01713", laws=frozenset({"linear_exact"})
)
def input_times_gradient(network: Network, x: Tensor, target: Target) -> Attribution:
    """The gradient times the input: each pixel's share if the network were linear around here."""
    grad, _ = gradients(network, x, target)
    return Attribution(x * grad)
