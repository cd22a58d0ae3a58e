"""Radial kernels φ(r) with what their derivatives need: φ'(r)/r and (φ''(r) − φ'(r)/r)/r².

With x the vector of length r, the gradient of φ is (φ'/r)·x and its Hessian (φ'/r)·I + ((φ'' − φ'/r)/r²)·x xᵀ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput, near

Radial = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Kernel:
    """value, slope, bend: φ, φ'/r and (φ'' − φ'/r)/r² as functions of r ≥ 0 in units of the kernel's width."""

    value: Radial
    slope: Radial
    bend: Radial


def _inverse(r: np.ndarray) -> np.ndarray:
    """1/r, and 0 at 0, where the vector that it multiplies vanishes faster."""
    return np.divide(1.0, r, out=np.zeros_like(r), where=r > 0)


#: The cubic has no width. Wendland's (1995, φ₃,₂) is zero from its width on, so fits of it are well conditioned.
KERNELS = {
    "cubic": Kernel(lambda r: r**3, lambda r: 3 * r, lambda r: 3 * _inverse(r)),
    "wendland": Kernel(
        lambda r: np.maximum(1 - r, 0) ** 6 * (35 * r**2 + 18 * r + 3) / 3,
        lambda r: -56 / 3 * np.maximum(1 - r, 0) ** 5 * (5 * r + 1),
        lambda r: 560 * np.maximum(1 - r, 0) ** 4,
    ),
}


def kernel(name: str) -> Kernel:
    """The kernel of a name."""
    if name not in KERNELS:
        raise BadInput(f"unknown kernel {name!r}", cure=near(name, KERNELS))
    return KERNELS[name]
