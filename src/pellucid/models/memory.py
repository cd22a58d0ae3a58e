"""How many inputs go through a network at once, chosen from what memory is free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid.models.layers import Layer

#: Beyond these a larger batch gains nothing and only costs memory. (On 2 cores, EfficientNet-Lite0 at 224 × 224:
#: 44 ms a gradient alone, 31 ms in batches of 4, 37 ms in batches of 8 and 16, whose activations leave the cache.)
MOST = {"cpu": 8, "cuda": 256}

#: The share of the free memory that one pass may take.
SHARE = 0.25


def free_bytes(device: torch.device) -> int:
    """Memory that can be taken now: the device's, or the system's within the limit of its control group."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = [_available(Path("/proc/meminfo"))]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        free.append(int(limit.read_text()) - int(used.read_text()))
    return max(0, min(free))


def _available(table: Path) -> int:
    """Linux's own estimate; 4 GiB where the system does not tell."""
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 4 << 30


def bytes_per_sample(layers: Sequence[Layer], x: Tensor, size: tuple[int, int], *, gradient: bool) -> int:
    """An upper estimate of what one sample's activations take.

    With gradients all of them are kept; without, the largest few are alive at a time.
    ``layers`` were measured at ``size``; an input of another area scales them.
    """
    numbers = sorted((_count(l.shape) for l in layers if l.leaf and l.shape), reverse=True)
    area = x.shape[-1] * x.shape[-2] / (size[0] * size[1]) if x.ndim == 4 else 1.0
    alive = 2 * sum(numbers) if gradient else 4 * sum(numbers[:2])
    return max(1, int((alive * area + 4 * x[:1].numel()) * x.element_size()))


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def batch_size(layers: Sequence[Layer], x: Tensor, size: tuple[int, int], *, gradient: bool) -> int:
    """How many inputs like ``x`` [N, C, H, W] fit into one pass, at least 1."""
    room = int(free_bytes(x.device) * SHARE / bytes_per_sample(layers, x, size, gradient=gradient))
    return max(1, min(MOST.get(x.device.type, 8), room))
