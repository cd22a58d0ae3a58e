"""Whether a module is still what it was: a cheap mark of its parameters, buffers, submodules and hooks."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn


@torch.no_grad()
def fingerprint(module: nn.Module) -> tuple:
    """Changes when a tensor is replaced, moved, written to or (through ``.data``) written behind torch's back,
    when a submodule is replaced, or when a hook comes or goes.

    The version counters catch every in-place operation; the sums catch writes that bypass them.
    """
    tensors = list(chain(module.parameters(), module.buffers()))
    marks = tuple((t.data_ptr(), 0 if t.is_inference() else t._version, str(t.device), t.dtype) for t in tensors)
    sums = tuple(float(t.sum()) if not t.is_complex() else 0.0 for t in tensors if t.dtype.is_floating_point)
    parts = tuple((n, id(m), tuple(m._forward_hooks), tuple(m._forward_pre_hooks)) for n, m in module.named_modules())
    return marks, sums, parts
