"""Whether anything of ours is left on a module."""

from __future__ import annotations

from torch import nn
from torch.optim import Optimizer


def hooks_on(module: nn.Module, optimizer: Optimizer | None = None) -> int:
    """How many hooks of any kind it carries."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    more = ("_forward_hooks_always_called", "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs")
    count = sum(len(getattr(each, kind)) for each in module.modules() for kind in (*kinds, *more))
    count += sum(len(p._backward_hooks or ()) for p in module.parameters())
    if optimizer is not None:
        count += len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)
    return count
