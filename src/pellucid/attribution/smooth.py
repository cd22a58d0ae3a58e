"""SmoothGrad: the gradient averaged over noisy copies of the input."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.attribution.passes import gradients
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import Network


@methods.register(
    "smoothgrad",
    group="function",
    source="arXiv:1706.03825",
    laws=frozenset({"linear_gradient"}),
    cost="1 gradient a draw (50)",
)
def smoothgrad(
    network: Network, x: Tensor, target: Target, *, samples: int = 50, noise: float = 0.15, seed: int = 0
) -> Attribution:
    """The gradient averaged over noisy copies of the input, which takes out its fine grain.

    samples: noisy copies. noise: standard deviation of the Gaussian noise as a share of each
    input's own range (the paper: 10 % to 20 %). The receipt's error is the relative standard error
    of the averaged map.
    """
    if samples < 2 or noise < 0:
        raise BadInput(
            f"samples is {samples}, noise is {noise}", cure="pass at least 2 samples and a noise of 0 or more"
        )
    generator = torch.Generator().manual_seed(seed)
    spread = noise * (x.flatten(1).amax(1) - x.flatten(1).amin(1))[:, None, None, None]
    mean, squares = torch.zeros_like(x), torch.zeros_like(x)
    size = max(1, network.batch_size(x, gradient=True) // len(x))
    for first in track(range(0, samples, size), "smoothgrad"):
        # One draw serves all samples, so that a sample's map does not depend on its neighbours in the batch.
        count = min(size, samples - first)
        draws = [torch.randn(x.shape[1:], generator=generator, dtype=x.dtype).to(x.device) for _ in range(count)]
        noisy = torch.cat([x + spread * draw for draw in draws])
        rows = torch.arange(len(x)).repeat(count)
        grads, _ = gradients(network, noisy, target.rows(rows))
        for n, grad in enumerate(grads.unflatten(0, (count, len(x))), start=first + 1):
            # Welford's running mean and sum of squared deviations.
            step = grad - mean
            mean += step / n
            squares += step * (grad - mean)
    error = (squares.sum() / (samples * (samples - 1))).sqrt() / mean.norm().clamp_min(torch.finfo(x.dtype).tiny)
    return Attribution(mean, samples=samples, error=float(error))
