"""What a variational code says of a picture, in nats."""

from __future__ import annotations

from torch import Tensor


def kl_units(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of every unit in closed form, (μ² + σ² − 1 − ln σ²) / 2: the same shape [n, units].

    Kingma & Welling 2014 (arXiv:1312.6114), appendix B.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The same of the whole code, whose units are independent: [n]."""
    return kl_units(mean, log_variance).sum(1)
