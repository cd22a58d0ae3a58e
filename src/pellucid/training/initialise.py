"""How a network's weights begin: what keeps the size of activations from layer to layer, and what does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, near

#: The layers that a scheme is for.
WEIGHTED = (
    *(nn.Linear, nn.Bilinear),
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)

#: The standard deviation that ``small_last`` gives the last layer: its logits all begin near 0.
SMALL = 1e-3

#: What ``constant`` sets every weight to.
CONSTANT = 0.05


def _zero(weight: Tensor) -> None:
    nn.init.zeros_(weight)


def _constant(weight: Tensor) -> None:
    nn.init.constant_(weight, CONSTANT)


def _xavier(weight: Tensor) -> None:
    nn.init.xavier_normal_(weight)


def _he(weight: Tensor) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


#: By name: what fills the weights of a linear layer or a convolution. Biases begin at 0.
SCHEMES: dict[str, Callable[[Tensor], None] | None] = {
    "zero": _zero,
    "constant": _constant,
    "xavier": _xavier,
    "he": _he,
    "small_last": _he,
    "default": None,  # as torch's own layers begin
}


def initialise(module: nn.Module, scheme: str = "he", *, seed: int | None = None) -> nn.Module:
    """Set the weights of ``module`` anew, in place, and return it.

    scheme: "he" N(0, 2 / fan_in) keeps the mean square through ReLU layers (arXiv:1502.01852, eq. 10); "xavier"
    N(0, 2 / (fan_in + fan_out)) halves it with each (Glorot & Bengio 2010, eq. 12); "small_last" is "he" with a last
    layer of standard deviation 0.001, so that the first loss is ln K; "default" is torch's own, 1 / (3·fan_in);
    "zero" and "constant" leave all units of a layer equal, for ever.

    Linear layers and convolutions get the scheme and biases of 0; layers with a ``reset_parameters`` of their own
    (norms, embeddings) get that; what a module holds beside its layers (a class token, a layer scale) stays. seed: None
    draws from torch's generator as it stands, a number leaves that generator as it was.
    """
    if scheme not in SCHEMES:
        raise BadInput(f"unknown initialisation {scheme!r}", where="initialise", cure=near(str(scheme), SCHEMES))
    fill = SCHEMES[scheme]
    with _seeded(seed), torch.no_grad():
        for each in module.modules():
            if fill is not None and isinstance(each, WEIGHTED):
                _fill(each, fill)
            elif isinstance(getattr(each, "reset_parameters", None), Callable):  # type: ignore[arg-type]
                each.reset_parameters()  # type: ignore[operator]
        last = last_layer(module) if scheme == "small_last" else None
        if last is not None:
            nn.init.normal_(last.weight, std=SMALL)
    return module


def last_layer(module: nn.Module) -> nn.Module | None:
    """The last linear layer or convolution in the order of definition, which gives a classifier's answers."""
    weighted = [each for each in module.modules() if isinstance(each, WEIGHTED)]
    return weighted[-1] if weighted else None


def expected_loss(classes: int) -> float:
    """The cross entropy of a network that knows nothing and says so: ln K."""
    return math.log(classes)


def _fill(layer: nn.Module, fill: Callable[[Tensor], None]) -> None:
    fill(layer.weight)  # type: ignore[arg-type]
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
