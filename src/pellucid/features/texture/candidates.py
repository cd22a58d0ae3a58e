"""The layers of a network that are worth comparing: one a block, and between blocks one a convolution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from pellucid.models.layers import Layer
from pellucid.models.network import Network

#: More than so many are thinned out evenly; where there are fewer than the second, blocks are looked into.
MOST, FEWEST = 24, 4

_THINNING = ("Pool", "Drop", "Identity", "Flatten")


def candidates(network: Network, most: int = MOST) -> list[str]:
    """Layers with places through the whole depth, in order of execution, at most ``most``.

    They are the parts that the network's containers hold (``Sequential``, ``ModuleList``, and what gives no map itself
    but holds what does): blocks as a whole, and of a run of plain layers the last one before the next convolution,
    which is its activation.
    """
    tree = [l for l in network.tree() if l.calls]
    plain = {n for n, m in network.module.named_modules() if type(m) in (nn.Sequential, nn.ModuleList) or not n}
    opened = plain | {l.name for l in network.tree() if not l.leaf and not l.grid}
    names = _parts(tree, opened)
    while len(names) < FEWEST and (blocks := [l.name for l in tree if l.name in names and not l.leaf]):
        opened |= set(blocks)
        names = _parts(tree, opened)
    if len(names) <= most:
        return names
    return [names[i * (len(names) - 1) // (most - 1)] for i in range(most)]


def _parts(tree: Sequence[Layer], opened: set[str]) -> list[str]:
    """What the opened modules hold, wherever everything around it is opened too."""
    held = [l for l in tree if l.grid and l.name not in opened and opened.issuperset(_around(l.name))]
    held = [l for l in held if not any(word in l.type for word in _THINNING)]
    return [l.name for l in _ends(sorted(held, key=lambda l: l.order))]


def _around(name: str) -> list[str]:
    """The names of the modules that a module lies in, the network itself being the empty one."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(len(parts))]


def _ends(parts: Sequence[Layer]) -> list[Layer]:
    """Blocks, and of a convolution with the norm and the activation behind it the last."""
    kept: list[Layer] = []
    for layer in parts:
        run = bool(kept) and (kept[-1].leaf or not _mixes(kept[-1])) and _size(kept[-1]) == _size(layer)
        if run and not _mixes(layer):
            kept[-1] = layer
        else:
            kept.append(layer)
    return kept


def _size(layer: Layer) -> tuple[int, int] | None:
    return layer.grid.size if layer.grid else None


def _mixes(layer: Layer) -> bool:
    """Whether it mixes channels, as convolutions do, and norms and activations do not."""
    shape = layer.shape or (1,)
    channels = shape[0] if layer.grid and layer.grid.kind == "map" else shape[-1]
    return layer.parameters > 4 * channels
