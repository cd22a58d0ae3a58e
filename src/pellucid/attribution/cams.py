"""Class activation maps: where in a late layer the evidence lies."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.attribution.passes import backward
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.models.capture import with_gradient
from pellucid.models.layers import last_map
from pellucid.models.network import Network


@methods.register(
    "grad_cam",
    group="localisation",
    source="arXiv:1610.02391",
    laws=frozenset({"linear_localised"}),
    cost="1 forward, a gradient of the last layers",
)
def grad_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's channels, each weighted by its mean gradient (eq. 1 and 2).

    layer: which one (default: the last one before the resolution is lost). relu: keep only what
    speaks for the target, as the paper does; by default the sign stays.
    """
    name, reason = spatial_layer(network, layer)
    maps = []
    for rows in torch.arange(len(x)).split(network.batch_size(x, gradient=True)):
        activation, grad = activation_and_gradient(network, x[rows], target.rows(rows), name)
        maps.append((grad.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True))
    cam = torch.cat(maps).clamp_min(0) if relu else torch.cat(maps)
    return Attribution(to_input_size(cam, x), layer=name, layer_reason=reason)


def spatial_layer(network: Network, layer: str | None) -> tuple[str, str]:
    """The layer to look at, and why it was chosen."""
    if layer is not None:
        return layer, "as asked"
    last = last_map(network.tree())
    if last is None or last.resolution is None:
        cure = "choose a layer with a feature map by layer= (see pellucid layers)"
        raise BadInput("the network decides on something other than a feature map", where=network.name, cure=cure)
    height, width = last.resolution
    return last.name, f"the last layer that gives a feature map ({height} × {width})"


def activation_and_gradient(network: Network, x: Tensor, target: Target, layer: str) -> tuple[Tensor, Tensor]:
    """The layer's output for ``x`` and the target's gradient there, both [N, channels, h, w].

    Nothing before the layer asks for gradients, so the backward pass ends there.
    """
    with torch.enable_grad(), with_gradient(network.module, layer) as kept:
        score = target(network(x))
    if not kept:
        raise BadInput(f"layer {layer!r} is not used in a forward pass", cure="choose another layer")
    if kept[-1].ndim != 4 or kept[-1].shape[-2] * kept[-1].shape[-1] <= 1:
        cure = "choose one with a feature map [channel, height, width] (see pellucid layers)"
        raise BadInput(f"layer {layer!r} gives {tuple(kept[-1].shape[1:])}, which is not spatial", cure=cure)
    return kept[-1].detach(), backward(score, kept[-1], target)


def to_input_size(cam: Tensor, x: Tensor) -> Tensor:
    """Bilinear interpolation to the input's height and width."""
    return interpolate(cam, size=x.shape[-2:], mode="bilinear", align_corners=False)
