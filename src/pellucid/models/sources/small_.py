"""Small networks to be trained from nothing (``models/small.py``); they fit whatever they are fed."""

from __future__ import annotations

from pellucid.core.errors import BadInput
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.small import small
from pellucid.models.sources.table import Request, sources

#: What they are fed where nobody says: colour pictures of this side, pixel values mapped onto 0…1.
SIDE = 64


def plain_pixels(size: tuple[int, int], channels: int) -> InputSpec:
    """Whole pictures as values 0…1: the network itself standardises them."""
    return InputSpec(size, (0.0,) * channels, (1.0,) * channels, crop=None)


def _open(kind: str, request: Request) -> Network:
    name = f"{kind}:{request.name}" if request.name else kind
    if request.weights == "default":
        cure = "train it with pellucid train, or open it with weights='none' (--weights none)"
        raise BadInput("it has no pretrained weights", where=name, cure=cure)
    spec = request.input or plain_pixels((SIDE, SIDE), 3)
    outputs = request.outputs or len(request.classes or ()) or 10
    module = small(name, spec.shape, outputs)
    return Network(module, spec, name, weights="random")


@sources.register("small_cnn", names=lambda: (), alone=True)
def open_small_cnn(request: Request) -> Network:
    """Two to eight 3×3 convolutions, by the size of the pictures."""
    return _open("small_cnn", request)


@sources.register("perceptron", names=lambda: (), alone=True)
def open_perceptron(request: Request) -> Network:
    """Layers of units that see every pixel: perceptron:256x2 has two of 256."""
    return _open("perceptron", request)


@sources.register("unet", names=lambda: (), alone=True, maps=True)
def open_unet(request: Request) -> Network:
    """A map of the picture's own size for each output: unet:16x4 has 16 channels and four sizes."""
    return _open("unet", request)


@sources.register("grid", names=lambda: (), alone=True, maps=True)
def open_grid(request: Request) -> Network:
    """Boxes from the cells of three grids: grid:16 has 16 channels at half the picture's side."""
    return _open("grid", request)


@sources.register("linear", names=lambda: (), alone=True)
def open_linear(request: Request) -> Network:
    """One layer on the pixels: a template a class."""
    return _open("linear", request)
