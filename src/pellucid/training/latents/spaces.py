"""The same pictures as codes, as pixels and as principal components, and what their reconstructions miss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.capture import hooks, tensors_in
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.training.components import Components
from pellucid.training.examples import Store

#: Items a pass.
BATCH = 64

#: Pixels are compared at this side at most; of larger pictures averages are.
SIDE = 32


@dataclass(frozen=True)
class Spaces:
    """Some items. codes: [n, units]; pixels: [n, P], averaged to at most SIDE a side; pca: [n, k].

    error, pca_error: [n], squared errors a value of the reconstruction (None: the network gives none) and of the
    components. mean, variance: [n], of each picture's values.
    """

    codes: np.ndarray
    pixels: np.ndarray
    pca: np.ndarray
    error: np.ndarray | None
    pca_error: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def named(self) -> dict[str, np.ndarray]:
        """The spaces by name; the code first."""
        return {"code": self.codes, "pixels": self.pixels, "PCA": self.pca}


def spaces(network: Network, layer: str, store: Store, rows: np.ndarray, known: Components) -> Spaces:
    """Everything of these items, in one pass. known: components of what is learnt from."""
    ready, parts = network.prepared(keep=[layer]), np.array_split(rows, max(1, -(-len(rows) // BATCH)))
    with untouched(ready.module), torch.inference_mode():
        read = (store.x(some, ready.device, ready.dtype) for some in track(parts, "codes"))
        found = [_batch(ready, layer, x, known) for x in read]
    whole = {name: np.concatenate([each[name] for each in found]) for name in found[0] if found[0][name] is not None}
    if not np.isfinite(whole["codes"]).all():
        raise BadInput(f"the output of layer {layer!r} is not finite", where=network.name, cure="check the weights")
    return Spaces(**{"error": None, **whole})


def _batch(network: Network, layer: str, x: Tensor, known: Components) -> Mapping[str, Any]:
    taken: list[Tensor] = []

    def take(_: str, __: nn.Module, inputs: Any, output: Any) -> None:
        taken[:] = tensors_in(output)[:1]

    with hooks(network.module, [layer], take):
        output = first_tensor(network(x))
    code, x = taken[0].float().flatten(1).cpu(), x.float().cpu()
    error = (output.float().cpu() - x).square().flatten(1).mean(1) if output.shape == x.shape else None
    return {
        "codes": code.numpy(),
        "pixels": smaller(x).numpy(),
        "pca": known.codes(x).float().numpy(),
        "error": None if error is None else error.double().numpy(),
        "pca_error": known.missed(x)[1].numpy(),
        "mean": x.flatten(1).double().mean(1).numpy(),
        "variance": x.flatten(1).double().var(1, correction=0).numpy(),
    }


def smaller(x: Tensor) -> Tensor:
    """Pictures [n, C, H, W] as vectors, averaged where they are larger than SIDE."""
    height, width = (min(SIDE, side) for side in x.shape[2:])
    return (x if x.shape[2:] == (height, width) else F.adaptive_avg_pool2d(x, (height, width))).flatten(1)
