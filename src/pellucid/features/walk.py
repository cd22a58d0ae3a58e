"""One pass over any number of inputs: each batch with the feature maps that layers give for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from pellucid.core.progress import track
from pellucid.data.batches import Batch
from pellucid.data.stream import Stream
from pellucid.models.network import Network
from pellucid.models.prepare import untouched


@dataclass(frozen=True)
class Step:
    """The inputs ``rows`` of all: the batch that entered, and each layer's maps, float32 on the CPU [n, C, h, w]."""

    rows: slice
    batch: Batch
    maps: Mapping[str, Tensor]


def batches(network: Network, stream: Stream, what: str) -> Iterator[tuple[slice, Batch]]:
    """As many inputs at once as the free memory allows, with progress by the name ``what``."""
    size = network.batch_size(stream.take(slice(0, 1)).x, gradient=False)
    yield from track(stream.batches(size), what, total=-(-len(stream) // size))


def walk(network: Network, stream: Stream, layers: Sequence[str], what: str = "activations") -> Iterator[Step]:
    """Batch by batch, as many inputs at once as the free memory allows; one forward pass serves all layers.

    network: prepared with ``keep=layers``. what: the name that progress goes by.
    """
    for rows, batch in batches(network, stream, what):
        with untouched(network.module):
            maps = network.maps(batch.x, layers)
        yield Step(rows, batch, maps)
