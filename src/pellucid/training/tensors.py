"""What a tensor is worth knowing for: its size in one cheap number, and its faults in detail."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: Whole numbers and masks cannot be NaN; quantised, sparse and complex tensors are left to those who use them.
MEASURED = (torch.float32, torch.float16, torch.bfloat16, torch.float64)

#: The share of a type's largest number beyond which the next product may overflow.
NEAR = 0.1


def floats_in(value: Any) -> list[Tensor]:
    """All floating-point tensors in a nested value (tuple, list, mapping, dataclass), in order."""
    if isinstance(value, Tensor):
        return [value] if value.dtype in MEASURED and value.layout is torch.strided and value.numel() else []
    if isinstance(value, Mapping):  # first, for the outputs of transformers are both
        return [t for v in value.values() for t in floats_in(v)]
    if isinstance(value, tuple | list):
        return [t for v in value for t in floats_in(v)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [t for f in dataclasses.fields(value) for t in floats_in(getattr(value, f.name))]
    return []


def norm_of(tensor: Tensor) -> Tensor:
    """The root of the sum of squares, one number on the tensor's own device; not finite where any number is not.

    One pass over the memory, nothing waits for it. It also overflows from about the root of the type's largest
    number on, so what is not finite is looked at again (``look``).
    """
    plain = tensor.detach()
    if plain.dtype in (torch.float16, torch.bfloat16):
        return torch.linalg.vector_norm(plain, dtype=torch.float32)
    return torch.linalg.vector_norm(plain)


def peak_of(tensor: Tensor) -> Tensor | None:
    """The largest size, for float16 alone: its norm is taken in float32 and says nothing of its own narrow range."""
    if tensor.dtype is not torch.float16:
        return None
    low, high = torch.aminmax(tensor.detach())
    return torch.maximum(-low, high)


@dataclass(frozen=True)
class Look:
    """How many numbers are NaN, +Inf and −Inf of how many; peak and mean_square of those that are finite.

    limit: the type's largest number.
    """

    nan: int
    plus: int
    minus: int
    total: int
    peak: float
    mean_square: float
    limit: float
    dtype: str = "float32"

    @property
    def bad(self) -> int:
        """How many are not finite."""
        return self.nan + self.plus + self.minus

    @property
    def near(self) -> bool:
        """Whether a finite number is so large that the next product may overflow."""
        return self.peak > NEAR * self.limit

    def __str__(self) -> str:
        kinds = {"NaN": self.nan, "+Inf": self.plus, "−Inf": self.minus}
        said = " and ".join(f"{n} {kind}" for kind, n in kinds.items() if n)
        return f"{said or 'nothing bad'} in {self.total} numbers"


@torch.no_grad()
def look(tensor: Tensor) -> Look:
    """Count what is not finite. Several passes over the memory: for when something is wrong already."""
    plain = tensor.detach()
    nan, plus, minus = (int(kind(plain).sum()) for kind in (torch.isnan, torch.isposinf, torch.isneginf))
    finite = plain[torch.isfinite(plain)].double()
    peak = float(finite.abs().max()) if finite.numel() else 0.0
    square = float((finite / peak).square().mean()) * peak * peak if peak else 0.0
    limit = torch.finfo(plain.dtype).max
    name = str(plain.dtype).removeprefix("torch.")
    return Look(nan, plus, minus, plain.numel(), peak, min(square, 1e300), float(limit), name)


class Size:
    """A tensor's size, measured now and read later, so that nothing waits for the device. look: in detail, where
    the norm gave reason to and the tensor was still there.
    """

    __slots__ = ("look", "norm", "peak", "total")

    def __init__(self, tensor: Tensor):
        self.total = tensor.numel()
        self.norm: Any = norm_of(tensor)
        self.peak: Any = peak_of(tensor)
        self.look: Look | None = None

    def read(self, tensor: Tensor | None = None) -> None:
        """Turn the device's numbers into Python's, and look closely at what is out of bounds."""
        self.norm = float(self.norm)
        self.peak = None if self.peak is None else float(self.peak)
        narrow = self.peak is not None and not self.peak <= NEAR * torch.finfo(torch.float16).max
        if tensor is not None and (narrow or not math.isfinite(self.norm)):
            self.look = look(tensor)

    @property
    def bad(self) -> bool:
        """Whether some number is not finite; without a look, what overflowed is taken for it."""
        if self.look is not None:
            return self.look.bad > 0
        return not math.isfinite(self.norm) or not math.isfinite(self.peak or 0.0)

    @property
    def mean_square(self) -> float:
        """Of the numbers that are finite; infinite where only a look could tell."""
        if self.look is not None:
            return self.look.mean_square
        return self.norm**2 / self.total if abs(self.norm) < 1e150 else math.inf


def read_all(sizes: Sequence[Size]) -> None:
    """Read what the device has measured, waiting for it once."""
    for name in ("norm", "peak"):
        waiting = [s for s in sizes if isinstance(getattr(s, name), Tensor)]
        if waiting:
            numbers = torch.stack([getattr(s, name).to(torch.float64) for s in waiting]).tolist()
            for each, value in zip(waiting, numbers, strict=True):
                setattr(each, name, value)
    for each in sizes:
        if each.look is None:
            each.read()


def bad_state(named: Mapping[str, Tensor | None]) -> dict[str, Look]:
    """The parameters or buffers with numbers that are not finite, by name."""
    doubtful = {n: t for n, t in named.items() if floats_in(t) and not torch.isfinite(norm_of(t))}
    looks = {n: look(t) for n, t in doubtful.items()}
    return {n: l for n, l in looks.items() if l.bad}
