"""Class activation maps: where in a late layer the evidence lies."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.attribution.passes import backward, scores
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.capture import hooks, with_gradient
from pellucid.models.grid import SHARED, GridDetector
from pellucid.models.layers import Layer, last_map
from pellucid.models.network import Network
from pellucid.models.parts import Until

#: Turns a layer's output and the target's gradient there, both [N, channels, h, w], into a map [N, 1, h, w].
Combine = Callable[[Tensor, Tensor], Tensor]

_LINEAR = frozenset({"linear_localised"})
_COST = "1 forward, a gradient of the last layers"


@methods.register("cam", group="localisation", source="arXiv:1512.04150", laws=_LINEAR, cost=_COST)
def cam(network: Network, x: Tensor, target: Target, *, layer: str | None = None) -> Attribution:
    """The last layer's channels, each weighted as the classifier weights its mean (eq. 2).

    Only where global average pooling and one linear layer follow; anything else is an error, for
    which Grad-CAM is made. The map's values add up to the logit without its bias.
    """
    name, _ = spatial_layer(network, layer)
    _check_linear(network, x[:1], target.rows(torch.tensor([0])), name)
    return class_activation(network, x, target, layer, lambda a, g: (g * a).sum(1, keepdim=True))


@methods.register("grad_cam", group="localisation", source="arXiv:1610.02391", laws=_LINEAR, cost=_COST)
def grad_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's channels, each weighted by its mean gradient (eq. 1 and 2).

    layer: which one (default: the last feature map). relu: keep only what speaks for the target, as
    the paper does; by default the sign stays.
    """
    return class_activation(network, x, target, layer, lambda a, g: _weighted(a, g.mean((2, 3))), relu)


@methods.register("grad_cam_plus_plus", group="localisation", source="arXiv:1710.11063", cost=_COST)
def grad_cam_plus_plus(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's channels, weighted by their positive gradients, more where few places carry them (eq. 5, 19).

    The paper explains exp(score): its derivatives share the factor exp(score), which only scales the
    map and is left out.
    """

    def combine(a: Tensor, g: Tensor) -> Tensor:
        below = 2 * g.square() + a.sum((2, 3), keepdim=True) * g.pow(3)
        alpha = torch.where(below != 0, g.square() / torch.where(below != 0, below, 1), 0)
        return _weighted(a, (alpha * g.clamp_min(0)).sum((2, 3)))

    return class_activation(network, x, target, layer, combine, relu)


@methods.register("hires_cam", group="localisation", source="arXiv:2011.08891", laws=_LINEAR, cost=_COST)
def hires_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's output times its gradient, place by place, the channels added (eq. 4)."""
    return class_activation(network, x, target, layer, lambda a, g: (g * a).sum(1, keepdim=True), relu)


@methods.register("layer_cam", group="localisation", source="doi:10.1109/TIP.2021.3089943", cost=_COST)
def layer_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A layer's output times its positive gradient, place by place (eq. 6, 7): also for early layers."""
    return class_activation(network, x, target, layer, lambda a, g: (g.clamp_min(0) * a).sum(1, keepdim=True), relu)


@methods.register("xgrad_cam", group="localisation", source="arXiv:2008.02312", laws=_LINEAR, cost=_COST)
def xgrad_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's channels, each weighted by the mean of its gradient where the channel is active (eq. 8)."""

    def combine(a: Tensor, g: Tensor) -> Tensor:
        total = a.sum((2, 3))
        weights = torch.where(total != 0, (g * a).sum((2, 3)) / torch.where(total != 0, total, 1), 0)
        return _weighted(a, weights)

    return class_activation(network, x, target, layer, combine, relu)


@methods.register("eigen_cam", group="localisation", source="arXiv:2008.00299", cost="1 forward")
def eigen_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's output along its first principal direction (eq. 3); does not depend on the target.

    The direction's sign is free; it is chosen so that the map's sum is positive.
    """

    def combine(a: Tensor, g: Tensor) -> Tensor:
        cells = a.flatten(2).transpose(1, 2).double()  # [N, h·w, channels], not centred, as in the paper
        first = _principal(cells)
        sign = torch.where(first.sum(1, keepdim=True) < 0, -1.0, 1.0)
        return (sign * first).view(len(a), 1, *a.shape[2:]).to(a)

    return class_activation(network, x, target, layer, combine, relu)


def _principal(cells: Tensor) -> Tensor:
    """Places [N, places, channels] along their first principal direction [N, places], by the smaller Gram matrix."""
    if cells.shape[2] < cells.shape[1]:
        _, vectors = torch.linalg.eigh(cells.transpose(1, 2) @ cells)
        return (cells @ vectors[:, :, -1:]).squeeze(2)
    values, vectors = torch.linalg.eigh(cells @ cells.transpose(1, 2))
    return vectors[:, :, -1] * values[:, -1:].clamp_min(0).sqrt()


@methods.register(
    "score_cam",
    group="localisation",
    source="arXiv:1910.01279",
    cost="1 forward a channel of the layer",
    slow=True,
)
def score_cam(
    network: Network, x: Tensor, target: Target, *, layer: str | None = None, relu: bool = False
) -> Attribution:
    """A late layer's channels, each weighted by the score of the input seen through it alone (eq. 5 to 7)."""
    name, reason = spatial_layer(network, layer)
    with torch.no_grad():
        activation = network.capture(x, [name])[name]
    _check_spatial(activation, name)
    maps = [_scored(network, x[i], target.rows(torch.tensor([i])), a) for i, a in enumerate(activation)]
    return Attribution(to_input_size(_signed(torch.stack(maps), relu), x), layer=name, layer_reason=reason)


def _scored(network: Network, x: Tensor, target: Target, activation: Tensor) -> Tensor:
    """One sample's map [1, h, w]: softmax over the channels' increase of the score over an empty input."""
    low, high = activation.amin((1, 2), keepdim=True), activation.amax((1, 2), keepdim=True)
    alive = (high > low).flatten()
    if not alive.any():
        raise BadInput("every channel of the layer is flat", cure="choose another layer")
    channels = activation[alive]
    masks = (channels - low[alive]) / (high[alive] - low[alive])
    found = []
    for part in track(masks.split(network.batch_size(x[None], gradient=False)), "score_cam"):
        through = to_input_size(part[:, None], x[None]) * x
        found.append(scores(network, through, target.rows(torch.zeros(len(part), dtype=torch.long))))
    empty = scores(network, torch.zeros_like(x)[None], target)
    weights = (torch.cat(found) - empty).softmax(0)
    return (weights[:, None, None] * channels).sum(0, keepdim=True)


# -- the engine -----------------------------------------------------------------------------------


def class_activation(
    network: Network, x: Tensor, target: Target, layer: str | None, combine: Combine, relu: bool = False
) -> Attribution:
    """The layer's output and gradient, combined to a map and enlarged to the input's size."""
    name, reason = spatial_layer(network, layer)
    parts = torch.arange(len(x)).split(network.batch_size(x, gradient=True))
    maps = [combine(*activation_and_gradient(network, x[rows], target.rows(rows), name)) for rows in parts]
    return Attribution(to_input_size(_signed(torch.cat(maps), relu), x), layer=name, layer_reason=reason)


def _weighted(activation: Tensor, weights: Tensor) -> Tensor:
    return (weights[:, :, None, None] * activation).sum(1, keepdim=True)


def _signed(cam: Tensor, relu: bool) -> Tensor:
    return cam.clamp_min(0) if relu else cam


def _check_linear(network: Network, x: Tensor, target: Target, layer: str) -> None:
    """The score is linear in the channels' means: the gradient is the same at every place, and at half the output."""
    _, full = activation_and_gradient(network, x, target, layer)
    with hooks(network.module, [layer.partition(":")[0]], lambda name, module, given, output: output * 0.5):
        _, half = activation_and_gradient(network, x, target, layer)
    even = full.mean((2, 3), keepdim=True)
    if max((full - even).abs().max(), (half - full).abs().max()) > 1e-3 * full.abs().max():
        what = f"what follows {layer!r} is not global average pooling and one linear layer"
        raise BadInput(what, cure="use grad_cam, which needs neither, or another layer")


def spatial_layer(network: Network, layer: str | None) -> tuple[str, str]:
    """The layer to look at, and why it was chosen."""
    if layer is not None:
        return layer, "as asked"
    unit = _unit_layer(network)
    last = last_map(network.tree() if unit is None else [l for l in network.tree() if l.order < unit.order])
    if last is None or last.resolution is None:
        what = "the network decides on something other than a feature map"
        what = what if unit is None else f"no stage with a feature map is before {unit.name!r}"
        cure = "choose a layer with a feature map by layer= (--layer; see pellucid layers)"
        raise BadInput(what, where=network.name, cure=cure)
    if unit is None and isinstance(network.module, GridDetector):
        return SHARED, "the last feature map that the boxes of all levels are computed from"
    before = None if unit is not None else _before_the_output(network, last)
    if before is not None:
        return before.name, f"the last feature map before the output ({'{} × {}'.format(*before.resolution)})"
    return last.name, f"the last layer that gives a feature map ({'{} × {}'.format(*last.resolution)})"


def _unit_layer(network: Network) -> Layer | None:
    """The layer whose unit is explained, which looks at what is before it; None where the answer is explained."""
    end = next((part.layer.partition(":")[0] for part in network.parts if isinstance(part, Until)), None)
    return next((l for l in network.tree() if l.name == end), None)


def _before_the_output(network: Network, last: Layer) -> Layer | None:
    """The layer that a network's map of answers is read from; None where the answer is no map, or nothing is before.

    The answers themselves have a channel a class: their weighted sum would say what was answered, not by what.
    """
    if any(l.order > last.order and l.shape not in (None, last.shape) for l in network.tree()):
        return None  # a classifier's: something else came after, and no pass is needed to see it
    answer = network.output_shape()
    if answer != last.shape:
        return None
    found = [l for l in network.tree() if l.resolution and l.shape != answer and 0 <= l.order < last.order]
    return max(found, key=lambda l: l.order, default=None)


def activation_and_gradient(network: Network, x: Tensor, target: Target, layer: str) -> tuple[Tensor, Tensor]:
    """The layer's output for ``x`` and the target's gradient there, both [N, channels, h, w].

    Nothing before the layer asks for gradients, so the backward pass ends there.
    """
    with torch.enable_grad(), with_gradient(network.module, layer) as kept:
        score = target(network(x))
    if not kept:
        raise BadInput(f"layer {layer!r} is not used in a forward pass", cure="choose another layer")
    _check_spatial(kept[-1], layer)
    return kept[-1].detach(), backward(score, kept[-1], target)


def _check_spatial(activation: Tensor, layer: str) -> None:
    if activation.ndim != 4 or activation.shape[-2] * activation.shape[-1] <= 1:
        cure = "choose one with a feature map [channel, height, width] (see pellucid layers)"
        raise BadInput(f"layer {layer!r} gives {tuple(activation.shape[1:])}, which is not spatial", cure=cure)


def to_input_size(cam: Tensor, x: Tensor) -> Tensor:
    """Bilinear interpolation to the input's height and width."""
    return interpolate(cam, size=x.shape[-2:], mode="bilinear", align_corners=False)
