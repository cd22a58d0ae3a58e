"""The operations that are chosen between, run all at once or each on the items that chose it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput

#: What is done to a batch: [n, …] → [n, …], item by item.
Operation = Callable[[Tensor], Tensor]


class Operations(nn.Module):
    """K operations by name. Those that are modules are trained and saved with it.

    Raises BadInput for none at all, for two of one name, and for what is no function.
    """

    def __init__(self, operations: Mapping[str, Operation] | Sequence[Operation]):
        super().__init__()
        if not operations:
            raise BadInput("there is no operation to choose", cure="pass at least one")
        named = operations if isinstance(operations, Mapping) else _named(operations)
        for name, operation in named.items():
            if not callable(operation):
                what = f"operation {name!r} is {type(operation).__name__}, which cannot be called"
                raise BadInput(what, cure="pass a function or a module of a batch")
        self.names = tuple(named)
        self.learnt = nn.ModuleList(o for o in named.values() if isinstance(o, nn.Module))
        self._functions = tuple(None if isinstance(o, nn.Module) else o for o in named.values())

    def __len__(self) -> int:
        return len(self.names)

    def each(self) -> list[Operation]:
        """The operations in their order."""
        modules = iter(self.learnt)
        return [next(modules) if f is None else f for f in self._functions]

    def forward(self, x: Tensor) -> Tensor:
        """All of them: [n, …] → [n, K, …]."""
        found = [self._run(k, x) for k in range(len(self))]
        for name, output in zip(self.names, found, strict=True):
            if output.shape != found[0].shape:
                what = f"{self.names[0]!r} gives {tuple(found[0].shape)} and {name!r} {tuple(output.shape)}"
                raise BadInput(f"operations of different shapes: {what}", cure="bring all to one shape")
        return torch.stack(found, 1)

    def some(self, x: Tensor, which: Tensor) -> Tensor:
        """Each item's own: x [n, …], which [n] → [n, …]. No operation runs on an item that did not choose it."""
        if not len(x):
            raise BadInput("a batch of no items", cure="pass one item or more")
        rows = [(which == k).nonzero()[:, 0] for k in range(len(self))]
        parts = [(r, self._run(k, x[r])) for k, r in enumerate(rows) if len(r)]
        order = torch.cat([r for r, _ in parts]).argsort()
        return torch.cat([output for _, output in parts])[order]

    def _run(self, k: int, x: Tensor) -> Tensor:
        """One operation; what is not finite is told at once, for nothing times NaN is NaN in every sum."""
        output = self.each()[k](x)
        if output.shape[:1] != x.shape[:1]:
            what = f"{self.names[k]!r} makes {tuple(output.shape)} of {tuple(x.shape)}"
            raise BadInput(f"{what}: it must give one output an item", cure="keep the first axis")
        if not torch.isfinite(output).all():
            bad = int((~torch.isfinite(output)).reshape(len(x), -1).any(1).sum())
            cure = "give it a form that is finite everywhere, such as log(|x| + 1e-6)"
            raise BadInput(f"{self.names[k]!r} gives NaN or infinity for {bad} of {len(x)} items", cure=cure)
        return output


def _named(operations: Sequence[Operation]) -> dict[str, Operation]:
    """By the functions' own names."""
    found: dict[str, Operation] = {}
    for operation in operations:
        name = getattr(operation, "__name__", None) or type(operation).__name__
        if name in found or name == "<lambda>":
            cure = "pass a dictionary of names and operations"
            raise BadInput(f"operation {len(found) + 1} has no name of its own ({name})", cure=cure)
        found[name] = operation
    return found
