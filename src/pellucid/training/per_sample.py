"""``pellucid.per_sample_gradients``: the gradient of each sample's own loss, all of them in a few batched passes.

A batch's gradient is the mean of these. Who asks for them wants to know who pulls where: for clipping sample by sample
(arXiv:1607.00133), gradient noise, influence, or only to see that summing up is all that a batch does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.layers import layer_tree
from pellucid.models.memory import SHARE, bytes_per_sample, free_bytes
from pellucid.models.network import Network, first_tensor

#: ``loss(output [1, …], target [1, …])``: a number, or one a sample.
Loss = Callable[[Tensor, Tensor], Tensor]

#: Bytes of gradients and activations in a pass beyond which nothing gains (measured on 2 cores: 16 to 32 samples of the
#: small CNN at 28 × 28, 64 of a perceptron, 2 of EfficientNet-Lite0 are the fastest), and samples.
BYTES, MOST = {"cpu": 1 << 26, "cuda": 1 << 32}, 128

#: A sample's gradients that are alive at a time: the pass's own, and what becomes of them.
_ALIVE = 3


def per_sample_gradients(
    model: nn.Module | Network, x: Tensor, targets: Tensor, loss: Loss, *, norms: bool = False, chunk: int | None = None
) -> dict[str, Tensor]:
    """The gradient of each sample's loss with respect to every parameter, by its name: [N, *parameter.shape].

    model: a module in the mode that it is in, a Network in evaluation mode. Parameters that need no gradient are left
    out, unless none does.
    x: [N, …]; targets: [N, …]. loss: of a batch of one, such as ``torch.nn.functional.cross_entropy``.
    norms: each gradient's Euclidean norm alone, [N] by name, in the memory of one chunk. chunk: samples a pass; by
    default what a quarter of the free memory holds.

    By ``torch.func`` (vmap of grad over functional_call); the same as N backward passes, up to rounding. The model is
    not touched. Raises BadInput where samples have no gradients of their own (batch norm in training mode), where they
    would be drawn (dropout in training mode), and where they do not fit into memory.
    """
    if isinstance(model, Network):
        with _evaluating(_whole(model).module):
            return per_sample_gradients(model.module, x, targets, loss, norms=norms, chunk=chunk)
    module = model
    _check(module, x, targets)
    parameters = {n: p.detach() for n, p in _asked(module)}
    rest = {n: p.detach() for n, p in module.named_parameters() if n not in parameters}
    fixed = rest | dict(module.named_buffers())

    def of_one(given: Mapping[str, Tensor], sample: Tensor, target: Tensor) -> Tensor:
        output = first_tensor(functional_call(module, (given, fixed), (sample[None],)))
        return loss(output, target[None]).sum()

    def found_of_one(given: Mapping[str, Tensor], sample: Tensor, target: Tensor) -> dict[str, Tensor]:
        gradients = grad(of_one)(given, sample, target)
        return {n: g.norm() for n, g in gradients.items()} if norms else gradients

    shapes = {n: () if norms else tuple(p.shape) for n, p in parameters.items()}
    found = _room(shapes, parameters, len(x))
    step = chunk or _chunk(module, parameters, x)
    batched = vmap(found_of_one, in_dims=(None, 0, 0))
    starts = range(0, len(x), step)
    for start in track(starts, "gradients"):
        some = slice(start, start + step)
        for name, gradient in _tried(batched, parameters, x[some], targets[some]).items():
            found[name][some] = gradient
    return found


def _whole(network: Network) -> Network:
    if network.parts:
        raise BadInput("a part of a network has no parameters of its own", cure="pass the whole network")
    return network


@contextlib.contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(each, each.training) for each in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for each, mode in modes:
            each.training = mode


def _asked(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    floating = [(n, p) for n, p in module.named_parameters() if p.dtype.is_floating_point]
    asked = [(n, p) for n, p in floating if p.requires_grad] or floating
    if not asked:
        raise BadInput("the network has no parameters", cure="pass one that can learn")
    return asked


def _check(module: nn.Module, x: Tensor, targets: Tensor) -> None:
    if len(x) != len(targets) or not len(x):
        raise BadInput(f"{len(x)} inputs and {len(targets)} targets", cure="pass a target for each input")
    for name, each in module.named_modules():
        kind = type(each).__name__
        if isinstance(each, nn.modules.batchnorm._BatchNorm) and (each.training or each.running_mean is None):
            what = f"{kind} takes its mean over the batch, so no sample has a gradient of its own"
            cure = "call .eval() on it (it then uses its running mean), or use GroupNorm"
            raise BadInput(what, where=name, cure=cure)
        if isinstance(each, nn.modules.instancenorm._InstanceNorm) and each.training and each.track_running_stats:
            what = f"{kind} changes its running mean with every sample"
            raise BadInput(what, where=name, cure="call .eval() on it")
        if isinstance(each, nn.modules.dropout._DropoutNd) and each.training and each.p > 0:
            what = f"{kind} is drawn anew at each pass, so a gradient is one of many"
            raise BadInput(what, where=name, cure="call .eval() on it")


def _room(shapes: Mapping[str, tuple[int, ...]], parameters: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Where the answer goes, if there is room for it."""
    one = sum(p.new_empty(shapes[n], device="meta").nbytes for n, p in parameters.items())
    device = next(iter(parameters.values())).device
    if count * one > free_bytes(device):
        size = f"{count} gradients of {one / 1e6:.3g} MB each do not fit into memory"
        raise BadInput(size, where="per_sample_gradients", cure="pass fewer inputs at a time, or norms=True")
    return {n: p.new_empty((count, *shapes[n])) for n, p in parameters.items()}


def _chunk(module: nn.Module, parameters: Mapping[str, Tensor], x: Tensor) -> int:
    """Samples a pass: their gradients and activations in a share of the free memory."""
    own = _ALIVE * sum(p.nbytes for p in parameters.values())
    size = (x.shape[-2], x.shape[-1]) if x.ndim == 4 else (1, 1)
    activations = bytes_per_sample(layer_tree(module, x[:1]), x, size, gradient=True)
    room = min(SHARE * free_bytes(x.device), BYTES.get(x.device.type, BYTES["cpu"]))
    return max(1, min(int(room / (own + activations)), MOST))


def _tried(batched: Callable[..., dict[str, Tensor]], *given: Any) -> dict[str, Tensor]:
    """The pass; what ``torch.func`` cannot do is told as such."""
    try:
        return batched(*given)
    except RuntimeError as error:
        told = str(error)
        if "random" in told:
            what = "the network draws random numbers, so a gradient is one of many"
            raise BadInput(what, where="per_sample_gradients", cure="call .eval() on it") from error
        if "vmap" not in told:
            raise
        cure = "take those of this network with a backward pass for each sample"
        raise BadInput(f"torch.func cannot batch this network ({told.splitlines()[0]})", cure=cure) from error
