"""What is drawn on: a picture's shades from 0 to 255, and the way from them to what the network is fed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.features.drawing.ascent import waves_of
from pellucid.features.drawing.objectives import Size, WrongSize, probe, run
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network

#: The longer side of a dream of a photo, where no size is asked for.
LONGER_SIDE = 600

#: Networks that halve their maps and put them together again take only sizes that can be halved so often.
_MULTIPLE = 32


@dataclass(frozen=True)
class Canvas:
    """shades: where the drawing starts, float32 [1, C, H, W], 0…255.

    span: what 0 and 255 mean for a network of matrices, in its numbers; None for pictures, whose InputSpec knows.
    """

    shades: Tensor
    spec: InputSpec
    span: tuple[float, float] | None = None

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.shades.shape[2], self.shades.shape[3]

    def values(self, shades: Tensor) -> Tensor:
        """What the network is fed for these shades."""
        if self.span is None:
            return self.spec.normalise(shades)
        low, high = self.span
        return low + shades * ((high - low) / 255)

    def array(self, shades: Tensor) -> np.ndarray:
        """One picture's shades as uint8, or as the matrix's own numbers: [height, width, channel]."""
        if self.span is None:
            return _last(_rounded(shades))
        return _last(self.values(shades)).astype(np.float32)

    def shown(self, shades: Tensor) -> np.ndarray:
        """One picture's shades to look at, uint8 [height, width, 3].

        One channel is grey, three are red, green and blue; of other numbers each is a grey picture beside the last.
        """
        pixels = _last(_rounded(shades))
        if pixels.shape[2] == 3:
            return pixels
        greys = np.concatenate([pixels[..., i] for i in range(pixels.shape[2])], axis=1)
        return np.repeat(greys[..., None], 3, axis=2)


def _rounded(shades: Tensor) -> Tensor:
    return shades.detach().round().clamp(0, 255).to(torch.uint8)


def _last(one: Tensor) -> np.ndarray:
    return np.ascontiguousarray(one[0].permute(1, 2, 0).cpu().numpy())


def of_sample(spec: InputSpec, sample: Sample, size: Size) -> Canvas:
    """As much of a photo as has the proportions of ``size``, from its middle; or a matrix as it is."""
    if spec.is_matrix:
        numbers = spec.tensor(sample)[0]
        low, high = float(numbers.min()), float(numbers.max())
        if not high > low:
            raise BadInput("every place has the same value", where=sample.name, cure="pass a matrix with a range")
        return Canvas((numbers[None] - low) * (255 / (high - low)), spec, (low, high))
    framed = replace(spec, size=size, crop=1.0).tensor(sample)[0]
    return Canvas(spec.pixels(framed)[None], spec)


def of_noise(spec: InputSpec, size: Size, generator: torch.Generator, contrast: float = 1.0) -> Canvas:
    """Clouds without a form: waves of random phases, the slow ones the strongest, as in photos."""
    waves = waves_of(spec, size)
    return Canvas(255 * waves.pictures(contrast * waves.start(generator)), spec)


# -- sizes ----------------------------------------------------------------------------------------


def wanted_size(network: Network, sample: Sample | None, size: int | Size | None) -> Size:
    """The (height, width) that is asked for: one number is the longer side, None a photo's or the network's usual."""
    if size is not None and (min(size) if isinstance(size, tuple) else size) < 1:
        raise BadInput(f"a size of {size} has no pixels", cure="pass the longer side, or (height, width)")
    if isinstance(size, tuple):
        return size
    if size is None and (network.input.is_matrix or sample is None):
        return network.input.size
    height, width = network.input.size if sample is None else sample.array.shape[:2]
    longer = size or LONGER_SIDE
    share = longer / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))


def fitting_size(network: Network, layer: str, size: Size) -> Size | None:
    """The size itself where the network takes it, else the nearest one with sides of whole 32s; None for neither."""
    rounded = tuple(max(_MULTIPLE, _MULTIPLE * round(side / _MULTIPLE)) for side in size)
    for each in (size, (rounded[0], rounded[1])):
        if takes(network, layer, each):
            return each
    return None


def takes(network: Network, layer: str, size: Size) -> bool:
    """Whether the network runs up to ``layer`` on pictures of this size."""
    if size == network.input.size:
        return True
    if network.input.is_matrix:  # whose rows and columns each mean something
        return False
    try:
        run(network.until(layer), probe(network, size))
    except WrongSize:
        return False
    return True


def octave_sizes(network: Network, layer: str, size: Size, count: int, scale: float) -> list[Size]:
    """``count`` sizes, each smaller by ``scale`` than the next; the last is ``size``. Fewer where smaller ones fail."""
    found = [size]
    for k in range(1, count):
        smaller = round(size[0] / scale**k), round(size[1] / scale**k)
        fitting = fitting_size(network, layer, smaller) if min(smaller) > 0 else None
        if fitting is None or min(fitting) < 1 or fitting[0] >= found[0][0]:
            break
        found.insert(0, fitting)
    return found


def resized(shades: Tensor, size: Size) -> Tensor:
    """Interpolated to ``size``; without aliases where it shrinks."""
    if tuple(shades.shape[2:]) == size:
        return shades
    return F.interpolate(shades, size, mode="bilinear", align_corners=False, antialias=size[0] < shades.shape[2])
