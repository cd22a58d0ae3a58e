"""Take a duplicate out: what it said goes to the unit that it repeats, and the network gives the same output."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.features.units.banks import bank_of

Layer = TypeVar("Layer", bound=nn.Module)


@torch.no_grad()
def merged(
    before: nn.Module, after: nn.Module, keep: int, drop: int, norm: nn.Module | None = None
) -> tuple[nn.Module, nn.Module, nn.Module | None]:
    """Copies of two layers, the first without its unit ``drop``, whose outgoing weights ``keep`` takes over.

    before, after: a convolution or linear layer and the next one, with nothing between them but a batch norm (norm),
    activations and poolings, all of which treat each unit by itself; a linear layer may take the flattened maps.
    Exact where the two units' values are equal; where ``drop`` says a · what ``keep`` says, it adds a times the
    weights, a being the ratio of the filters' lengths (which ReLU and its like let through; ReLU6 does not).
    Raises BadInput for layers with groups, which give each unit an input of its own.
    """
    if getattr(before, "groups", 1) != 1 or getattr(after, "groups", 1) != 1:
        raise BadInput("a layer with groups cannot lose a single unit", cure="choose layers without groups")
    units = bank_of(before).units
    if keep == drop or not {keep, drop} <= set(range(units)):
        raise BadInput(f"units {keep} and {drop} of {units}", cure=f"pass two different ones, 0 to {units - 1}")
    ratio = _gain(before, norm, drop) / _gain(before, norm, keep)
    kept = [i for i in range(units) if i != drop]
    first, second = copy.deepcopy(before), copy.deepcopy(after)
    _rows(first, kept)
    _inputs(second, units, keep, drop, ratio, kept)
    third = None if norm is None else copy.deepcopy(norm)
    if third is not None:
        _features(third, kept)
    return first, second, third


def _gain(layer: nn.Module, norm: nn.Module | None, unit: int) -> float:
    """How long the filter is, as the norm passes it on."""
    length = bank_of(layer).weights[unit].double().norm()
    if norm is None:
        return float(length)
    scale = norm.weight[unit].double().abs() if norm.weight is not None else 1.0
    return float(length * scale / (norm.running_var[unit].double() + norm.eps).sqrt())


def _rows(layer: nn.Module, kept: list[int]) -> None:
    """Keep these units of a layer."""
    axis = 1 if getattr(layer, "transposed", False) else 0
    layer.weight = nn.Parameter(_pick(layer.weight, kept, axis))
    if layer.bias is not None:
        layer.bias = nn.Parameter(_pick(layer.bias, kept, 0))
    name = "out_features" if isinstance(layer, nn.Linear) else "out_channels"
    setattr(layer, name, len(kept))


def _inputs(layer: nn.Module, units: int, keep: int, drop: int, ratio: float, kept: list[int]) -> None:
    """Give what the layer does with ``drop`` to ``keep``, and forget that there was such an input."""
    axis = 0 if getattr(layer, "transposed", False) else 1
    weight = layer.weight.detach().clone()
    if isinstance(layer, nn.Linear) and weight.shape[1] % units:
        raise BadInput(f"{weight.shape[1]} inputs for {units} units", cure="pass the layer that follows directly")
    split = weight.unflatten(1, (units, -1)) if isinstance(layer, nn.Linear) else weight
    split.select(axis, keep).add_(split.select(axis, drop), alpha=ratio)
    split = _pick(split, kept, axis)
    layer.weight = nn.Parameter(split.flatten(1) if isinstance(layer, nn.Linear) else split)
    name = "in_features" if isinstance(layer, nn.Linear) else "in_channels"
    setattr(layer, name, layer.weight.shape[1] if isinstance(layer, nn.Linear) else len(kept))


def _features(norm: nn.Module, kept: list[int]) -> None:
    for name in ("weight", "bias"):
        if getattr(norm, name) is not None:
            setattr(norm, name, nn.Parameter(_pick(getattr(norm, name), kept, 0)))
    for name in ("running_mean", "running_var"):
        setattr(norm, name, _pick(getattr(norm, name), kept, 0))
    norm.num_features = len(kept)


def _pick(tensor: Tensor, kept: list[int], axis: int) -> Tensor:
    return tensor.detach().index_select(axis, torch.tensor(kept, device=tensor.device))
