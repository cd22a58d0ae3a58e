"""Whatever a user passes as input, as one batch of what a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame, Sample
from pellucid.data.reading import read
from pellucid.models.inputs import InputSpec, batch

Inputs = Sample | str | Path | np.ndarray | Tensor | Sequence[Sample | str | Path | np.ndarray]


@dataclass(frozen=True)
class Batch:
    """x: [N, C, H, W]. pictures: uint8 [N, H, W, 3], what the network sees. Both None for plain tensors' sources."""

    x: Tensor
    pictures: np.ndarray | None
    frames: tuple[Frame, ...] | None
    names: tuple[str, ...]


def as_batch(spec: InputSpec, inputs: Inputs, device: torch.device | str, dtype: torch.dtype) -> Batch:
    """A Sample, a path, an array of pixels or of a matrix, a list of these, or a preprocessed tensor, as a Batch.

    Refuses what is empty, not finite, of the wrong shape, or the same everywhere.
    """
    if isinstance(inputs, Tensor):
        x = _checked(inputs, spec).to(device, dtype)
        return Batch(x, None, None, tuple(f"sample {i}" for i in range(len(x))))
    samples = [as_sample(i) for i in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    if not samples:
        raise BadInput("no input was given", cure="pass at least one")
    for sample in samples:
        _refuse_constant(sample, spec)
    x, frames = batch(samples, spec)
    return Batch(x.to(device, dtype), spec.pictures(x), frames, tuple(s.name for s in samples))


def as_sample(given: Any) -> Sample:
    """A Sample from a path, an array of pixels or a PIL image."""
    if isinstance(given, Sample):
        return given
    if isinstance(given, str | Path):
        return read(given)
    if isinstance(given, np.ndarray):
        if given.ndim not in (2, 3):
            cure = "pass [height, width] or [height, width, channel], a list of these, or a preprocessed tensor"
            raise BadInput(f"an array of shape {given.shape} is no picture and no matrix", cure=cure)
        return Sample(given, ("height", "width", "channel")[: given.ndim])
    if isinstance(given, Image.Image):
        return Sample(np.asarray(ImageOps.exif_transpose(given).convert("RGB")), source="picture")
    raise BadInput(
        f"a {type(given).__name__} is no input", cure="pass a path, a Sample, an array, a tensor batch, or a list"
    )


def _refuse_constant(sample: Sample, spec: InputSpec) -> None:
    first = sample.array[:1, :1]
    if sample.array.size > first.size and (sample.array == first).all():
        place, whole = ("place", "matrix") if spec.is_matrix else ("pixel", "picture")
        what = f"every {place} has the same value, so there is nothing to explain"
        raise BadInput(what, where=sample.source or sample.name, cure=f"pass a {whole} with something in it")


def _checked(x: Tensor, spec: InputSpec) -> Tensor:
    if x.ndim != 4 or not x.dtype.is_floating_point:
        cure = "pass a preprocessed float batch [N, C, H, W]"
        raise BadInput(f"a tensor of shape {tuple(x.shape)} and type {x.dtype}", where="inputs", cure=cure)
    if not x.numel():
        raise BadInput("the batch is empty", where="inputs", cure="pass at least one sample")
    if x.shape[1] != spec.channels:
        cure = f"pass {spec.channels} channels, or open the network with another InputSpec"
        raise BadInput(f"{x.shape[1]} channels where the network takes {spec.channels}", where="inputs", cure=cure)
    if spec.is_matrix and tuple(x.shape[2:]) != spec.size:
        cure = "pass that size, or open the network with another InputSpec.matrix(height, width, channels)"
        what = f"matrices of {x.shape[2]} × {x.shape[3]} where the network takes {spec.size[0]} × {spec.size[1]}"
        raise BadInput(what, where="inputs", cure=cure)
    if not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).sum())
        raise BadInput(f"{bad} of {x.numel()} numbers are NaN or infinite", where="inputs", cure="replace or drop them")
    flat = x.flatten(2)
    if flat.shape[2] > 1 and bool((flat == flat[..., :1]).all(2).all(1).any()):
        what = "a sample has the same value everywhere, so there is nothing to explain"
        raise BadInput(what, where="inputs", cure="pass a sample with something in it")
    return x.detach()
