"""Small networks to be trained from nothing: the first thing to hold a large one against.

``small_cnn``, ``perceptron`` (``perceptron:256x2`` is two hidden layers of 256), ``linear``, and ``unet``, which gives
a map (``unet:16x4`` has four sizes, the largest of 16 channels), and ``grid``, which gives boxes. Each begins with
``Standardise``, whose mean and deviation training measures, so pixels and matrices of any scale may enter.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from itertools import pairwise

from torch import nn

from pellucid.core.errors import BadInput
from pellucid.models import grid
from pellucid.models.grid import GridDetector
from pellucid.models.standardise import Standardise
from pellucid.models.unet import LEVELS, WIDTH, UNet

#: What stands before the sizes, if there are any.
NAMES = ("small_cnn", "perceptron", "linear", "unet", "grid", "autoencoder", "vae")

#: Where a name says no sizes: width and depth of the perceptron, width of the first stage of the CNN.
PERCEPTRON, CNN = (256, 2), 32


def small(name: str, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """The network ``name`` for inputs (channels, height, width), drawn from torch's generator."""
    kind, _, sizes = name.partition(":")
    if kind == "small_cnn":
        return _cnn(shape, outputs, *(_numbers(name, sizes, 1) or (CNN,)))
    if kind == "perceptron":
        return _perceptron(shape, outputs, *(_numbers(name, sizes, 2) or PERCEPTRON))
    if kind == "unet":
        width, levels = _numbers(name, sizes, 2) or (WIDTH, LEVELS)
        return UNet(shape[0], outputs, width=width, levels=levels)
    if kind == "grid":
        return GridDetector(shape[0], outputs, width=(_numbers(name, sizes, 1) or (grid.WIDTH,))[0])
    return _perceptron(shape, outputs, 1, 0)


def _numbers(name: str, text: str, count: int) -> tuple[int, ...]:
    if not text:
        return ()
    found = re.fullmatch("x".join([r"(\d{1,5})"] * count), text)
    numbers = tuple(map(int, found.groups())) if found else ()
    if not numbers or numbers[0] < 1 or (count == 2 and numbers[1] > 64):
        cure = "pass small_cnn:32, grid:16 (width), perceptron:256x2 (width x hidden layers), unet:16x4 (width x sizes)"
        raise BadInput(f"{text!r} is no size of a network", where=name, cure=cure)
    return numbers


def _cnn(shape: tuple[int, int, int], outputs: int, width: int) -> nn.Module:
    """Stages of two 3×3 convolutions with batch norm and ReLU, halved between and twice as wide each; then an average.

    As many stages as leave a map of at least 4 × 4, at most 4.
    """
    stages = max(1, min(4, (min(shape[1:]) // 4).bit_length()))
    widths = [shape[0], *(width * 2**s for s in range(stages))]
    layers: dict[str, nn.Module] = {"standardise": Standardise((shape[0], 1, 1))}
    for stage, (before, after) in enumerate(pairwise(widths), start=1):
        layers[f"stage{stage}"] = _stage(before, after, halve=stage > 1)
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "dropout": nn.Dropout(0.2)}
    return nn.Sequential(OrderedDict(layers, classifier=nn.Linear(widths[-1], outputs)))


def _stage(before: int, after: int, *, halve: bool) -> nn.Sequential:
    layers: dict[str, nn.Module] = {"halve": nn.MaxPool2d(2)} if halve else {}
    for number, given in enumerate((before, after), start=1):
        layers[f"conv{number}"] = nn.Conv2d(given, after, 3, padding=1, bias=False)
        layers |= {f"norm{number}": nn.BatchNorm2d(after), f"relu{number}": nn.ReLU()}
    return nn.Sequential(OrderedDict(layers))


def _perceptron(shape: tuple[int, int, int], outputs: int, width: int, depth: int) -> nn.Module:
    given = shape[0] * shape[1] * shape[2]
    layers: dict[str, nn.Module] = {"standardise": Standardise(shape), "flatten": nn.Flatten()}
    for number in range(1, depth + 1):
        layers[f"hidden{number}"] = nn.Linear(given, width)
        layers[f"relu{number}"] = nn.ReLU()
        given = width
    return nn.Sequential(OrderedDict(layers, classifier=nn.Linear(given, outputs)))
