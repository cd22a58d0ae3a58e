"""How large gradients are, and from where on one is an outlier that clipping should tame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

#: Gradients beyond this share of the ordinary ones are clipped.
SHARE = 0.9


@dataclass(frozen=True)
class Clipping:
    """threshold: for ``clip_grad_norm_``. norms: the gradients' norms that it was chosen from, those that are finite;
    spoilt: how many were not.
    """

    threshold: float | None
    norms: tuple[float, ...]
    spoilt: int

    @property
    def python(self) -> str:
        """The line between ``loss.backward()`` and ``optimizer.step()``."""
        if self.threshold is None:
            return ""
        most = f"{self.threshold:g}"
        return f"torch.nn.utils.clip_grad_norm_(model.parameters(), {most}, error_if_nonfinite=True)"


def advise(norms: Sequence[float]) -> Clipping:
    """A threshold that nine in ten of the measured gradients pass untouched, to two digits; None without any."""
    good = sorted(n for n in norms if math.isfinite(n) and n > 0)
    spoilt = sum(not math.isfinite(n) for n in norms)
    if not good:
        return Clipping(None, (), spoilt)
    return Clipping(float(f"{np.quantile(good, SHARE):.1e}"), tuple(good), spoilt)


def gradient_norm(module: nn.Module) -> float:
    """The norm of all parameters' gradients together, as they have been summed up; not finite where one is not."""
    return norm_of(module.parameters())


def norm_of(parameters: Iterable[Tensor]) -> float:
    """The same of some parameters."""
    norms = [torch.linalg.vector_norm(p.grad) for p in parameters if p.grad is not None]
    return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0
