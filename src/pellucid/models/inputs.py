"""What a network wants to be fed, and the way from a Sample to its tensor and back to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame, Sample

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's own RGB → L


@dataclass(frozen=True)
class InputSpec:
    """Size, value range and normalisation of a network's input.

    size: (height, width) in pixels; one number for both. mean, std: one number a channel, applied after the pixel
    values 0…255 were mapped onto ``range``. interpolation: "nearest", "bilinear", "bicubic" or
    "lanczos". crop: the share of the picture's shorter side that the network sees, centred;
    None squeezes the whole picture into ``size``, whatever its proportions. A ``range`` of None says
    that the values are a matrix's and no pixels: they pass exactly as they are (see ``matrix``).
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    range: tuple[float, float] | None = (0.0, 1.0)
    interpolation: str = "bilinear"
    crop: float | None = 0.875

    def __post_init__(self) -> None:
        if isinstance(self.size, int):
            object.__setattr__(self, "size", (self.size, self.size))
        if len(self.mean) != len(self.std) or not self.mean:
            raise BadInput(f"{len(self.mean)} means but {len(self.std)} standard deviations", where="InputSpec")
        span = self.range or (0.0, 1.0)
        if any(s <= 0 for s in self.std) or min(self.size) < 1 or span[0] >= span[1]:
            raise BadInput(
                f"size {self.size}, range {self.range}, std {self.std}",
                where="InputSpec",
                cure="all must be positive and ordered",
            )
        if self.crop is not None and not 0 < self.crop <= 1:
            raise BadInput(f"crop is {self.crop}", where="InputSpec", cure="pass a share above 0 and up to 1, or None")
        if self.interpolation not in _FILTERS:
            raise BadInput(
                f"interpolation {self.interpolation!r}", where="InputSpec", cure=f"one of {', '.join(_FILTERS)}"
            )

        if self.is_matrix and ({*self.mean}, {*self.std}, self.crop) != ({0.0}, {1.0}, None):
            cure = "make it with InputSpec.matrix(height, width, channels), and normalise before"
            raise BadInput("a matrix is neither normalised nor cropped", where="InputSpec", cure=cure)

    @classmethod
    def matrix(cls, height: int, width: int, channels: int = 1) -> InputSpec:
        """For a network of matrices: values of exactly this size enter as they are, as float32."""
        if channels < 1:
            raise BadInput(f"{channels} channels", where="InputSpec", cure="pass at least 1")
        return cls((height, width), (0.0,) * channels, (1.0,) * channels, range=None, crop=None)

    @property
    def is_matrix(self) -> bool:
        """Whether it is fed plain numbers instead of pixels."""
        return self.range is None

    @property
    def channels(self) -> int:
        """How many channels the network takes."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return (self.channels, *self.size)

    def frame(self, height: int, width: int) -> Frame:
        """The part of a height × width picture that enters the network."""
        if self.crop is None:
            return Frame(height, width, 0.0, 0.0, float(height), float(width))
        # The largest box of the input's own proportions, shrunk to the crop's share, in the middle.
        scale = self.crop * min(height / self.size[0], width / self.size[1])
        h, w = self.size[0] * scale, self.size[1] * scale
        top, left = (height - h) / 2, (width - w) / 2
        return Frame(height, width, top, left, top + h, left + w)

    def tensor(self, sample: Sample) -> tuple[Tensor, Frame]:
        """A picture or matrix as the network wants it: float32 [channels, height, width], and where it was cut."""
        if self.is_matrix:
            return _numbers(sample, self), self.frame(*self.size)
        picture = _with_channels(_pixels(sample), self.channels, sample)
        frame = self.frame(*picture.shape[:2])
        box = (frame.left, frame.top, frame.right, frame.bottom)
        size, how = (self.size[1], self.size[0]), _FILTERS[self.interpolation]
        planes = [np.asarray(Image.fromarray(p).resize(size, how, box)) for p in np.moveaxis(picture, -1, 0)]
        values = torch.from_numpy(np.stack(planes).astype(np.float32))
        return self.normalise(values), frame

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixel values 0…255 [..., channels, height, width] to the network's own values."""
        low, high = self._range()
        mean, std = self._constants(pixels)
        return (pixels * ((high - low) / 255) + low - mean) / std

    def pixels(self, x: Tensor) -> Tensor:
        """The network's own values as pixel values 0…255, not rounded (undoes ``normalise``)."""
        low, high = self._range()
        mean, std = self._constants(x)
        return (x * std + mean - low) * (255 / (high - low))

    def pictures(self, x: Tensor) -> np.ndarray | None:
        """What the network sees, as uint8 [sample, height, width, 3]; None for matrices."""
        if self.is_matrix:
            return None
        pixels = self.pixels(x).round().clamp(0, 255)
        colours = pixels if x.shape[1] == 3 else pixels[:, :1].expand(-1, 3, -1, -1)
        return colours.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()

    def _range(self) -> tuple[float, float]:
        if self.range is None:
            raise BadInput("a matrix has no black and no white", cure="pass 'zero', 'mean', 'blur' or a number")
        return self.range

    def _constants(self, like: Tensor) -> tuple[Tensor, Tensor]:
        make = lambda v: torch.tensor(v, dtype=like.dtype, device=like.device)[:, None, None]  # noqa: E731
        return make(self.mean), make(self.std)


_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def batch(samples: Sequence[Sample], spec: InputSpec) -> tuple[Tensor, tuple[Frame, ...]]:
    """Samples as one batch [sample, channels, height, width], and the frame of each."""
    pairs = [spec.tensor(s) for s in samples]
    return torch.stack([t for t, _ in pairs]), tuple(f for _, f in pairs)


def _numbers(sample: Sample, spec: InputSpec) -> Tensor:
    """The sample's numbers as they are: float32 [channels, height, width]."""
    array = _with_last_axis(sample)
    where = sample.source or "sample"
    height, width, channels = array.shape
    if (channels, height, width) != spec.shape:
        given, wanted = _size(height, width, channels), _size(*spec.size, spec.channels)
        cure = f"pass one of that size (channels come last), or open a network with {matrix_in_words(array.shape)}"
        raise BadInput(f"a matrix of {given} where the network takes {wanted}", where=where, cure=cure)
    with np.errstate(over="ignore"):  # what does not fit is told below
        values = np.array(np.moveaxis(array, -1, 0), dtype=np.float32, order="C")
    if not np.isfinite(values).all():
        cure = "divide the matrix by a constant before"
        raise BadInput(f"numbers as large as {np.abs(array).max():g} do not fit into float32", where=where, cure=cure)
    return torch.from_numpy(values)


def _size(height: int, width: int, channels: int) -> str:
    return f"{height} × {width}" + (f" with {channels} channels" if channels > 1 else "")


def matrix_in_words(shape: Sequence[int]) -> str:
    """The line of Python that makes the spec for matrices of ``shape``, (height, width, channels)."""
    return f"InputSpec.matrix({', '.join(map(str, shape if shape[2] > 1 else shape[:2]))})"


def _with_last_axis(sample: Sample) -> np.ndarray:
    """The sample's array as [height, width, channel]."""
    array = sample.array if sample.array.ndim == 3 else sample.array[..., None]
    if sample.axes[:2] != ("height", "width") or array.ndim != 3:
        raise BadInput(
            f"axes {sample.axes} are no picture's and no matrix's",
            where=sample.source or "sample",
            cure="pass (height, width) or (height, width, channel)",
        )
    return array


def _pixels(sample: Sample) -> np.ndarray:
    """The sample's array as uint8 [height, width, channel]."""
    array = _with_last_axis(sample)
    where = sample.source or "sample"
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        return (array * 255).round().astype(np.uint8)
    cure = "pass uint8 pixels 0…255, floats 0…1, or a preprocessed tensor [N, C, H, W]"
    raise BadInput(
        f"{array.dtype} values from {array.min():g} to {array.max():g} are no pixels", where=where, cure=cure
    )


def _with_channels(picture: np.ndarray, wanted: int, sample: Sample) -> np.ndarray:
    """Grey for an RGB network is repeated, RGB for a grey one is weighted; anything else is an error."""
    given = picture.shape[2]
    if given == wanted:
        return picture
    if given == 1:
        return np.repeat(picture, wanted, axis=2)
    if wanted == 1 and given == 3:
        return (picture @ _LUMA).round().astype(np.uint8)[..., None]
    raise BadInput(
        f"{given} channels where the network takes {wanted}",
        where=sample.source or "sample",
        cure=f"pass 1 or {wanted}",
    )
