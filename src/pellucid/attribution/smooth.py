"""Averages over noisy copies of the input: SmoothGrad, VarGrad, and any other method smoothed by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.attribution.passes import gradients
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import Network

#: A map for each input of a batch.
Run = Callable[[Network, Tensor, Target], Tensor]


@methods.register(
    "smoothgrad",
    group="function",
    source="arXiv:1706.03825",
    laws=frozenset({"linear_gradient"}),
    cost="1 gradient a draw (50)",
    slow=True,
)
def smoothgrad(
    network: Network, x: Tensor, target: Target, *, samples: int = 50, noise: float = 0.15, seed: int = 0
) -> Attribution:
    """The gradient averaged over noisy copies of the input, which takes out its fine grain.

    samples: noisy copies. noise: standard deviation of the Gaussian noise as a share of each
    input's own range (the paper: 10 % to 20 %). The receipt's error is the relative standard error
    of the averaged map.
    """
    mean, error, _ = moments(network, x, target, _gradient, samples=samples, noise=noise, seed=seed)
    return Attribution(mean, samples=samples, error=error)


@methods.register("vargrad", group="function", source="arXiv:1810.03292", cost="1 gradient a draw (50)", slow=True)
def vargrad(
    network: Network, x: Tensor, target: Target, *, samples: int = 50, noise: float = 0.15, seed: int = 0
) -> Attribution:
    """The variance of the gradient over noisy copies of the input: where it depends on the noise (§3).

    samples, noise: as for smoothgrad.
    """
    _, _, variance = moments(network, x, target, _gradient, samples=samples, noise=noise, seed=seed)
    # The relative standard error of a variance of Gaussian values: √(2 / (n − 1)).
    return Attribution(variance, samples=samples, error=(2 / (samples - 1)) ** 0.5)


@methods.register("smooth", group="function", source="arXiv:1706.03825", cost="the base's cost a draw (50)", slow=True)
def smooth(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    base: str = "input_times_gradient",
    samples: int = 50,
    noise: float = 0.15,
    seed: int = 0,
) -> Attribution:
    """Any other method, averaged over noisy copies of the input.

    base: the method's name, run with its defaults. samples, noise: as for smoothgrad.
    """
    mean, error, _ = moments(network, x, target, _inner(base), samples=samples, noise=noise, seed=seed)
    return Attribution(mean, samples=samples, error=error)


@methods.register(
    "input_times",
    group="attribution",
    source="arXiv:1605.01713",
    laws=frozenset({"linear_exact"}),
    cost="the base's cost",
)
def input_times(network: Network, x: Tensor, target: Target, *, base: str = "gradient") -> Attribution:
    """Any other method times the input.

    base: the method's name, run with its defaults.
    """
    return Attribution(x * _inner(base)(network, x, target))


def _gradient(network: Network, x: Tensor, target: Target) -> Tensor:
    return gradients(network, x, target)[0]


def _inner(base: str) -> Run:
    """The map of the method called ``base``, run with its defaults."""
    if base in ("smooth", "input_times"):
        raise BadInput(f"{base} wraps another method", cure="pass the name of a method that stands on its own")
    method = methods[base].function
    return lambda network, x, target: method(network, x, target).values


def moments(
    network: Network, x: Tensor, target: Target, run: Run, *, samples: int, noise: float, seed: int
) -> tuple[Tensor, float, Tensor]:
    """The mean map over noisy copies of ``x``, its relative standard error, and the maps' variance."""
    if samples < 2 or noise < 0:
        what = f"samples is {samples}, noise is {noise}"
        raise BadInput(what, cure="pass at least 2 samples and a noise of 0 or more")
    generator = torch.Generator().manual_seed(seed)
    spread = noise * (x.flatten(1).amax(1) - x.flatten(1).amin(1))[:, None, None, None]
    mean, squares = torch.zeros((), device=x.device), torch.zeros((), device=x.device)
    size = max(1, network.batch_size(x, gradient=True) // len(x))
    for first in track(range(0, samples, size), "noisy copies"):
        # One draw serves all samples, so that a sample's map does not depend on its neighbours in the batch.
        count = min(size, samples - first)
        draws = [torch.randn(x.shape[1:], generator=generator, dtype=x.dtype).to(x.device) for _ in range(count)]
        noisy = torch.cat([x + spread * draw for draw in draws])
        maps = run(network, noisy, target.rows(torch.arange(len(x)).repeat(count)))
        for n, each in enumerate(maps.unflatten(0, (count, len(x))), start=first + 1):
            # Welford's running mean and sum of squared deviations.
            step = each - mean
            mean = mean + step / n
            squares = squares + step * (each - mean)
    error = (squares.sum() / (samples * (samples - 1))).sqrt() / mean.norm().clamp_min(torch.finfo(x.dtype).tiny)
    return mean, float(error), squares / (samples - 1)
