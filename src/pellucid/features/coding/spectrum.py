"""Along how many directions a code says something: the spectrum that no change of its coordinates can alter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from pellucid.features.coding.ablation import Batch, Probe

#: Samples whose Jacobians are taken, and into how many groups they go for the error.
SAMPLES, GROUPS = 32, 10

#: Bytes that the Jacobians of one batch may take; above, the answer is projected onto so many random directions.
ROOM, PROJECTIONS = 256 << 20, 128


#: Shares of the largest eigenvalue of a covariance below this are rounding.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Spectrum:
    """values: eigenvalues of C^½ G C^½, descending, in units of the loss [units]. error: the standard error of each.

    total_error: of their sum, relative to it (None from one sample). samples: whose Jacobians were taken, how: and how.
    """

    values: np.ndarray
    error: np.ndarray
    total_error: float | None
    samples: int
    how: str


def spectrum(probe: Probe, covariance: Tensor, *, seed: int) -> Spectrum:
    """Eigenvalues of C^½ G C^½, with G = E[JᵀJ] and J the Jacobian of the answer by the code.

    covariance: C [units, units]. They are those of GC, which a code h ↦ Ah with A⁻¹ in the decoder turns into
    A⁻ᵀ(GC)Aᵀ, with the same eigenvalues. The answer is embedded so that a squared change is a loss. The errors are
    the delete-a-group jackknife's over the samples, to first order.
    """
    sums, counts, how = _grams(probe, len(covariance), seed)
    root = _root(covariance)
    inner = root.T @ (sums.sum(0) / counts.sum()) @ root
    values, vectors = torch.linalg.eigh(inner)
    whole = np.zeros(len(covariance))
    whole[: len(values)] = values.flip(0).clamp_min(0).numpy()
    groups = np.flatnonzero(counts)
    if len(groups) < 2:
        return Spectrum(whole, np.zeros_like(whole), None, int(counts.sum()), how)
    turned = root @ vectors.flip(1)
    left = np.zeros((len(groups), len(covariance)))
    for row, g in enumerate(groups):
        gram = (sums.sum(0) - sums[g]) / (counts.sum() - counts[g])
        left[row, : len(values)] = (turned * (gram @ turned)).sum(0).numpy()
    spread = lambda found: np.sqrt((len(groups) - 1) * np.var(found, axis=0))  # noqa: E731
    total = float(spread(left.sum(1)) / max(whole.sum(), 1e-300))
    return Spectrum(whole, spread(left), total, int(counts.sum()), how)


def eigenvalues(covariance: Tensor) -> np.ndarray:
    """A symmetric matrix's, descending."""
    return torch.linalg.eigvalsh(covariance).flip(0).numpy()


def directions(values: np.ndarray) -> float:
    """How many directions carry a spectrum, (Σλ)² / Σλ²: d equal ones count d, one alone counts 1."""
    values = values.clip(0)
    return float(values.sum() ** 2 / max(np.square(values).sum(), 1e-300))


def _root(covariance: Tensor) -> Tensor:
    """R [units, rank] with RRᵀ = C: RᵀGR has the eigenvalues of C^½ G C^½, and no more rows than C has directions."""
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > _ROUNDING * values.max().clamp_min(0)
    return vectors[:, kept] * values[kept].sqrt()


# -- Jacobians ------------------------------------------------------------------------------------


def _grams(probe: Probe, units: int, seed: int) -> tuple[Tensor, np.ndarray, str]:
    """ΣJᵀJ of each group of samples [groups, units, units], how many samples each has, and how it was done."""
    sums, counts = torch.zeros(GROUPS, units, units, dtype=torch.float64), np.zeros(GROUPS)
    width = _width(probe)
    take, how = _way(probe, units, width, torch.Generator().manual_seed(seed))
    size = max(1, ROOM // (4 * units * min(units, width)))
    for batch in probe.batches("Jacobians", most=size):
        for own in take(batch):  # [units, outputs] of one sample
            group = int(counts.sum()) % GROUPS
            sums[group] += (own @ own.T).double().cpu()
            counts[group] += 1
    return sums, counts, how


def _width(probe: Probe) -> int:
    """How many numbers the embedded answer has."""
    batch = next(iter(probe.batches("Jacobians", most=1)))
    return probe.loss.embedded(batch.answer).shape[1]


Take = Callable[[Batch], Tensor]


def _way(probe: Probe, units: int, width: int, generator: torch.Generator) -> tuple[Take, str]:
    """The exact way that takes fewer passes, or projections where the exact Jacobian would not fit."""
    if width <= units:
        vectors = torch.eye(width)
        return lambda batch: _backward(probe, batch, vectors), f"{width} products with the transposed Jacobian a sample"
    if 4 * units * width <= ROOM and _forward_works(probe):
        return lambda batch: _forward(probe, batch, units), f"{units} products with the Jacobian a sample"
    count = min(PROJECTIONS, width)
    signs = torch.randint(2, (count, width), generator=generator) * 2.0 - 1
    said = f"{count} random projections of the {width} outputs a sample"
    return lambda batch: _backward(probe, batch, signs / count**0.5), said


def _forward_works(probe: Probe) -> bool:
    """Whether every operation behind the layer knows its forward derivative."""
    batch = next(iter(probe.batches("Jacobians", most=1)))
    try:
        _pushed(probe, batch, [torch.ones_like(batch.code)])
    except (NotImplementedError, RuntimeError):  # what torch raises for an operation without one
        return False
    return True


def _forward(probe: Probe, batch: Batch, units: int) -> Tensor:
    """Jacobians [n, units, outputs], a unit at a time: how the answer moves when a unit is raised at all places."""
    code, layout = batch.code, probe.layout
    raised = [layout.along(torch.eye(units)[j], code).expand_as(code) for j in range(units)]
    together = max(1, batch.most // (2 * len(code)))
    parts = [_pushed(probe, batch, raised[i : i + together]) for i in range(0, units, together)]
    return torch.cat(parts).transpose(0, 1)


def _pushed(probe: Probe, batch: Batch, tangents: list[Tensor]) -> Tensor:
    """The answer's derivatives [tangents, n, outputs] along changes of the code."""
    with forward_ad.dual_level(), warnings.catch_warnings():
        # torch loads some forward derivatives through torch.jit when they are first needed, and warns of itself.
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
        codes = torch.cat([batch.code] * len(tangents))
        answer = probe.loss.embedded(batch.run(forward_ad.make_dual(codes, torch.cat(tangents))))
        moved = forward_ad.unpack_dual(answer).tangent
    if moved is None:  # the answer does not depend on the code
        moved = torch.zeros_like(answer)
    return moved.reshape(len(tangents), len(batch.code), -1)


def _backward(probe: Probe, batch: Batch, vectors: Tensor) -> Tensor:
    """Jᵀv of each vector [vectors, outputs], as [n, units, vectors]."""
    together = max(1, batch.most // (2 * len(batch.code)))
    parts = [_pulled(probe, batch, some) for some in vectors.split(together)]
    return torch.cat(parts).permute(1, 2, 0)


def _pulled(probe: Probe, batch: Batch, vectors: Tensor) -> Tensor:
    """[vectors, n, units]."""
    with torch.enable_grad():
        codes = torch.cat([batch.code] * len(vectors)).requires_grad_(True)
        answer = probe.loss.embedded(batch.run(codes)).reshape(len(vectors), len(batch.code), -1)
        total = (answer * vectors[:, None].to(answer)).sum()
        (gradient,) = torch.autograd.grad(total, codes)
    return probe.layout.cells(gradient).sum(1).reshape(len(vectors), len(batch.code), -1)
