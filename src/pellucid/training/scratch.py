"""Copies of a network that may be trained, and what is said where a foreign network or loss fails in training."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pellucid.core.errors import BadInput, PellucidError


@contextmanager
def scratch(module: nn.Module, seed: int, *, train: bool) -> Iterator[nn.Module]:
    """A copy that may be trained, all of its parameters asking for gradients; draws are seeded, and only within."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.manual_seed(seed)
        made = copy.deepcopy(module).train(train)
        for parameter in made.parameters():
            parameter.requires_grad_(parameter.dtype.is_floating_point)
        made.zero_grad(set_to_none=True)
        yield made


@contextmanager
def failures(where: str, what: str = "a training step fails") -> Iterator[None]:
    """What a network, a loss or an optimizer raises within becomes a BadInput in one line."""
    try:
        yield
    except PellucidError:
        raise
    except Exception as error:
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        cure = "see that loss(model(x), target).backward() runs in this mode, with as many inputs"
        raise BadInput(f"{what}: {said}", where=where, cure=cure) from error
