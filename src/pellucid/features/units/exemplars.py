"""The natural pictures' patches that excite each unit of a layer most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.batches import Batch
from pellucid.data.stream import Stream
from pellucid.features.units.receptive import Field, receptive_field
from pellucid.features.walk import batches
from pellucid.models.capture import split_call
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: What a patch shows where it reaches beyond the picture; ``inside`` says where that is.
OUTSIDE = 255


@dataclass(frozen=True)
class Exemplars:
    """For each of ``units`` the patches that excite it most, each from another picture, the best first.

    patches: uint8 [units, count, height, width, 3], cut out of what the network saw around the place of the largest
    activation, at the size of its field. inside: bool [units, count, height, width], False beyond the picture's edge
    (white). activations: float32 [units, count]. rows: int64 [units, count], which picture. places: int64 [units,
    count, 2], (down, across) on the layer's grid. maxima: float32 [n, C], each picture's largest activation of each
    channel of the layer. count: as many as were asked for, or as there are pictures.
    """

    layer: str
    units: tuple[int, ...]
    patches: np.ndarray
    inside: np.ndarray
    activations: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    maxima: np.ndarray
    field: Field


def top_patches(
    network: Network, stream: Stream, layer: str, units: Sequence[int] | None = None, *, count: int = 9
) -> Exemplars:
    """Walk the stream once for the activations, and read again only the pictures that are among the best.

    network: as opened, or prepared with ``keep=[layer]``. layer: any that gives one row an input; one without places
    (a linear layer's vector) is excited by the whole picture. units: channels of the layer (default: all).
    Raises BadInput for units that there are not, and where the patches would not fit into the memory.
    """
    peaks = Peaks()
    for _, batch in batches(network, stream, f"patches of {layer}"):
        peaks.add(maps_of(network, batch.x, layer))
    chosen = checked_units(units, peaks.channels, layer)
    return cut(network, stream, layer, chosen, peaks, receptive_field(network, layer), count=count)


class Peaks:
    """Each channel's largest activation in each picture, and where it is: 8 bytes a channel and picture."""

    def __init__(self) -> None:
        self._values: list[Tensor] = []
        self._places: list[Tensor] = []
        self._grid = (1, 1)

    def add(self, maps: Tensor) -> None:
        """Maps [n, C, h, w] of the next pictures."""
        values, places = maps.flatten(2).max(2)
        self._values.append(values.to("cpu", torch.float32))
        self._places.append(places.to("cpu", torch.int32))
        self._grid = (maps.shape[2], maps.shape[3])

    @property
    def channels(self) -> int:
        """How many channels the maps have."""
        return self._values[0].shape[1]

    @property
    def maxima(self) -> np.ndarray:
        """float32 [n, C]."""
        return torch.cat(self._values).numpy()

    def best(self, units: Sequence[int], count: int) -> tuple[np.ndarray, np.ndarray]:
        """The pictures [units, count] that excite each unit most, the first of equals, and places [units, count, 2]."""
        maxima = self.maxima[:, list(units)]
        rows = np.argsort(-maxima, axis=0, kind="stable")[:count].T
        flat = torch.cat([p[:, list(units)] for p in self._places]).numpy()
        chosen = np.take_along_axis(flat.T, rows, axis=1)
        return rows, np.stack(np.divmod(chosen, self._grid[1]), axis=-1).astype(np.int64)


def cut(
    network: Network, stream: Stream, layer: str, units: Sequence[int], peaks: Peaks, field: Field, *, count: int = 9
) -> Exemplars:
    """Read the best pictures again and cut the patches out of them."""
    if count < 1:
        raise BadInput(f"count is {count}", cure="ask for at least one patch a unit")
    rows, places = peaks.best(units, count)
    _check_room((*rows.shape, *field.size, 3), layer)
    patches = np.full((*rows.shape, *field.size, 3), OUTSIDE, np.uint8)
    inside = np.zeros((*rows.shape, *field.size), bool)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for u, i in np.ndindex(rows.shape):
        wanted.setdefault(int(rows[u, i]), []).append((u, i))
    for row, picture in _read(network, stream, sorted(wanted)):
        for u, i in wanted[row]:
            _paste(picture, field.corner(*places[u, i]), patches[u, i], inside[u, i])
    maxima = peaks.maxima
    best = maxima[rows, np.asarray(units)[:, None]]
    return Exemplars(layer, tuple(units), patches, inside, best, rows.astype(np.int64), places, maxima, field)


def maps_of(network: Network, x: Tensor, layer: str) -> Tensor:
    """A layer's maps for x, float32 on the CPU [n, C, h, w]; a layer without places gives vectors [n, C, 1, 1]."""
    with untouched(network.module):
        if not _is_vector(network, layer):
            return network.maps(x, [layer])[layer]
        output = network.capture(x, [layer])[layer].detach().to("cpu", torch.float32)
    if output.ndim < 2 or len(output) != len(x) or output[0].numel() != output.shape[1]:
        what = f"gives an output of shape {tuple(output.shape)} for {len(x)} inputs, which is no map and no vector"
        raise BadInput(what, where=layer, cure="choose another layer (see pellucid layers)")
    if not torch.isfinite(output).all():
        bad = int((~torch.isfinite(output)).sum())
        cure = "check the weights (pellucid health), or choose an earlier layer"
        raise BadInput(f"{bad} of {output.numel()} activations are NaN or infinite", where=layer, cure=cure)
    return output.reshape(*output.shape[:2], 1, 1)


def _is_vector(network: Network, layer: str) -> bool:
    """Whether a layer gives one number a channel: a vector, or maps of a single place."""
    known = {each.name: each for each in network.tree()}
    found = known.get(layer) or known.get(split_call(layer)[0])
    shape = found.shape if found else None
    return shape is not None and found is not None and found.grid is None and int(np.prod(shape)) == shape[0]


def checked_units(units: Sequence[int] | None, channels: int, layer: str) -> list[int]:
    """The units as a list, each one a channel of the layer."""
    chosen = list(range(channels)) if units is None else [int(u) for u in units]
    wrong = [u for u in chosen if not 0 <= u < channels]
    if wrong:
        raise BadInput(f"there is no unit {wrong[0]}", where=layer, cure=f"pass 0 to {channels - 1}")
    return chosen


# -- pictures -------------------------------------------------------------------------------------


def _check_room(shape: Sequence[int], layer: str) -> None:
    size, room = int(np.prod(shape, dtype=np.int64)), SHARE * free_bytes(torch.device("cpu"))
    if size > room:
        what = f"{shape[0]} units × {shape[1]} patches of {shape[2]} × {shape[3]} pixels take {size / 2**30:.1f} GiB"
        raise BadInput(what, where=layer, cure="name fewer units, or ask for fewer patches")


def _read(network: Network, stream: Stream, rows: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    for row in track(rows, "cutting patches"):
        yield row, seen(network, stream.take(slice(row, row + 1)))[0]


def seen(network: Network, batch: Batch) -> np.ndarray:
    """What the network saw as uint8 [n, height, width, 3]; of a matrix the first channel as greys over its range."""
    pictures = batch.pictures
    if pictures is None and not network.input.is_matrix:
        pictures = network.input.pictures(batch.x.detach().float().cpu())
    if pictures is not None:
        return pictures
    values = batch.x[:, :1].detach().float().cpu()
    low, high = values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)
    greys = (255 * (values - low) / (high - low).clamp_min(1e-12)).round().to(torch.uint8)
    return greys.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def _paste(picture: np.ndarray, corner: tuple[int, int], patch: np.ndarray, inside: np.ndarray) -> None:
    """Copy what the patch shows of the picture; beyond its edges nothing is made up."""
    spans = [_overlap(corner[a], patch.shape[a], picture.shape[a]) for a in (0, 1)]
    (there_y, here_y), (there_x, here_x) = spans
    patch[here_y, here_x] = picture[there_y, there_x]
    inside[here_y, here_x] = True


def _overlap(start: int, length: int, limit: int) -> tuple[slice, slice]:
    """The part of [start, start + length) within [0, limit): in the picture, and in the patch."""
    low, high = max(0, start), max(0, min(limit, start + length))
    return slice(low, max(low, high)), slice(low - start, max(low, high) - start)
