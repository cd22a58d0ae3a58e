"""``pellucid.codes``: what layers put out for pictures, as plain numbers for any other tool."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput, near
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.stream import Stream
from pellucid.features.parquet_ import arrow, checked_path, repeated_text, writing
from pellucid.features.table import views
from pellucid.features.walk import batches
from pellucid.models.grids import Grid
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network

Pool = Literal["mean", "max", "none"]

#: How the places of a map become one row of numbers.
POOLS = ("mean", "max", "none")

#: Bytes of numbers that are gathered before a row group is written.
_GROUP = 32 << 20

Step = tuple[slice, dict[str, np.ndarray]]


@views.register("codes", question="How do I get a layer's activations as a table?", source="the outputs themselves")
def codes(network: Network, inputs: Inputs, layers: str | Sequence[str] = "stage:last", *, pool: Pool = "mean") -> View:
    """What layers put out for each input: float32 [sample, channel] a layer.

    inputs: as for ``explain``, folders too. layers: patterns, each may match several: of maps and tokens, or of
    vectors (a head, a code). pool: "mean" or "max" over a map's places (of tokens those that stand for a place), or
    "none": [sample, height, width, channel]. Vectors are the same under each.

    Gives an array a layer under the layer's name, and a row a layer: its grid, its channels, the share of zeros, and
    how many channels are the same everywhere. Raises BadInput for a layer that gives neither a map nor a vector, for
    numbers that are not finite, and where all of it would not fit into memory: ``write_codes`` streams.
    """
    began = time.perf_counter()
    taking = _Taking.of(network, inputs, layers, pool)
    count = len(taking.stream)
    arrays: dict[str, np.ndarray] = {}
    for rows, taken in taking.steps():
        if not arrays:
            _check_room(taken, count)
            arrays = {name: np.empty((count, *each.shape[1:]), np.float32) for name, each in taken.items()}
        for name, each in taken.items():
            arrays[name][rows] = each
    axes = {3: ("sample", "height", "width", "channel"), 1: ("sample", "channel")}
    return View(
        kind="codes",
        arrays=arrays,
        axes={name: axes[a.ndim - 1] for name, a in arrays.items()},
        table=tuple(taking.row(name, a) for name, a in arrays.items()),
        options={"layers": tuple(taking.layers), "pool": pool},
        names=taking.stream.names,
        seconds=time.perf_counter() - began,
        notes=taking.network.preparation.notes if taking.network.preparation else (),
        provenance=network.facts(),
    )


@dataclass(frozen=True)
class Written:
    """What a file of codes holds: so many rows of ``images`` inputs, and for each layer how many numbers a row."""

    path: Path
    rows: int
    images: int
    channels: Mapping[str, int]
    seconds: float


def write_codes(
    path: str | Path,
    network: Network,
    inputs: Inputs,
    layers: str | Sequence[str] = "stage:last",
    *,
    pool: Pool = "mean",
) -> Written:
    """The same as a Parquet file, however many inputs: written while the network works, whole or not at all.

    A row is an input, or with pool "none" a cell: image (the file), with "none" row and column, then a column a
    layer, each of its cells a list of as many float32 as the layer has channels. Where cells of several layers stand
    in one row, their grids must be the same. The schema's metadata tells the model, its weights' hash, the
    preprocessing, the layers and the pool, as JSON under ``pellucid``. Needs pyarrow (the extra ``tables``).
    """
    began = time.perf_counter()
    arrow()
    path = checked_path(path)
    taking = _Taking.of(network, inputs, layers, pool)
    steps = taking.steps()
    _, first = ahead = next(steps)
    _check_one_grid(first)
    facts = {**network.facts(), "layers": taking.layers, "pool": pool}
    rows = 0
    with writing(path, _schema(first), facts, packed=False, repeated=["image"]) as writer:
        for group in _groups(_table(taking.stream.sources[r], taken) for r, taken in itertools.chain([ahead], steps)):
            writer.write_table(group, row_group_size=len(group))
            rows += len(group)
    channels = {name: each.shape[-1] for name, each in first.items()}
    return Written(path, rows, len(taking.stream), channels, time.perf_counter() - began)


# -- taking ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Taking:
    """The layers' outputs for a stream of inputs, batch by batch. network: prepared."""

    network: Network
    stream: Stream
    layers: Sequence[str]
    pool: Pool

    @classmethod
    def of(cls, network: Network, inputs: Inputs, layers: str | Sequence[str], pool: Pool) -> _Taking:
        if pool not in POOLS:
            raise BadInput(f"pool is {pool!r}", cure=near(pool, POOLS))
        patterns = [layers] if isinstance(layers, str) else layers
        names = list(dict.fromkeys(name for pattern in patterns for name in network.layers(pattern)))
        if not names:
            cure = "name one with layers= (--layer; see pellucid layers)"
            raise BadInput("no layer is asked for", where=network.name, cure=cure)
        return cls(network.prepared(keep=names), Stream.of(network, inputs), names, pool)

    def steps(self) -> Iterator[Step]:
        """Which inputs, and each layer's numbers for them: float32 [n, channel] or [n, height, width, channel]."""
        known = {layer.name: layer for layer in self.network.tree()}
        for rows, batch in batches(self.network, self.stream, "activations"):
            taken = self.network.capture(batch.x, self.layers)
            found = {}
            for name, output in taken.items():
                layer = known.get(name)
                grid = layer.grid.scaled(self.network.input.size, batch.x.shape[-2:]) if layer and layer.grid else None
                found[name] = _numbers(name, _laid_out(name, output, grid, is_call=layer is None), self.pool)
            yield rows, found

    def row(self, name: str, numbers: np.ndarray) -> dict[str, Any]:
        """The figures of one layer."""
        layer = next((each for each in self.network.tree() if each.name == name), None)
        flat = numbers.reshape(-1, numbers.shape[-1])
        return {
            "layer": name,
            "resolution": f"{layer.grid.height} × {layer.grid.width}" if layer and layer.grid else None,
            "channels": flat.shape[1],
            "zeros": float((flat == 0).mean()),
            "constant": int((flat == flat[0]).all(0).sum()),
        }


def _laid_out(name: str, output: Tensor, grid: Grid | None, *, is_call: bool) -> Tensor:
    """The output as maps [n, C, h, w] or as vectors [n, C]. is_call: of a single call, whose grid nobody knows."""
    if grid is not None:
        try:
            return grid.maps(output)
        except BadInput as error:
            raise error.at(f"layer {name!r}") from error
    if output.ndim == 4 and is_call and output.shape[2] * output.shape[3] > 1:
        return output
    if output.ndim >= 2 and output.shape[1:].numel() == output.shape[1]:
        return output.flatten(1)
    what = f"layer {name!r} gives an output of shape {tuple(output.shape[1:])}, which is neither a map nor a vector"
    raise BadInput(what, cure="choose another layer (see pellucid layers)")


def _numbers(name: str, values: Tensor, pool: Pool) -> np.ndarray:
    if values.ndim == 4:
        values = {"mean": lambda v: v.mean((2, 3)), "max": lambda v: v.amax((2, 3)), "none": lambda v: v.movedim(1, 3)}[
            pool
        ](values)
    if not torch.isfinite(values).all():
        bad = int((~torch.isfinite(values)).sum())
        cure = "check the weights (pellucid health), or choose an earlier layer"
        raise BadInput(f"{bad} of {values.numel()} activations are NaN or infinite", where=name, cure=cure)
    return values.detach().to("cpu", torch.float32).contiguous().numpy()


def _check_room(taken: Mapping[str, np.ndarray], count: int) -> None:
    """Refuse what would not fit into a share of the free memory."""
    one = sum(each[0].nbytes for each in taken.values())
    if one * count > SHARE * 2 * free_bytes(torch.device("cpu")):
        what = f"{count} inputs of {one / 2**20:.1f} MiB are more than half of the free memory"
        raise BadInput(what, cure="write them to a file: pellucid features, or pellucid.features.codes.write_codes")


# -- tables ---------------------------------------------------------------------------------------


def _check_one_grid(taken: Mapping[str, np.ndarray]) -> None:
    grids = {name: each.shape[1:-1] for name, each in taken.items()}
    if len(set(grids.values())) > 1:
        told = ", ".join(f"{n} {' × '.join(map(str, g)) or 'a vector'}" for n, g in grids.items())
        cure = "write one file for each of them, or pool them (--pool mean)"
        raise BadInput(f"the layers' cells are not the same ({told})", where="pool 'none'", cure=cure)


def _schema(taken: Mapping[str, np.ndarray]) -> Any:
    pyarrow = arrow()
    cells = [(n, pyarrow.uint16()) for n in ("row", "column")] if next(iter(taken.values())).ndim == 4 else []
    lists = [(name, pyarrow.list_(pyarrow.float32(), each.shape[-1])) for name, each in taken.items()]
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    return pyarrow.schema([("image", text if cells else pyarrow.string()), *cells, *lists])


def _table(sources: Sequence[str], taken: Mapping[str, np.ndarray]) -> Any:
    pyarrow, first = arrow(), next(iter(taken.values()))
    columns = [pyarrow.array(sources, pyarrow.string())]
    if first.ndim == 4:
        image, row, column = (each.reshape(-1) for each in np.indices(first.shape[:3]))
        columns = [repeated_text(image, sources), *(pyarrow.array(each.astype(np.uint16)) for each in (row, column))]
    for each in taken.values():
        columns.append(pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(each.reshape(-1)), each.shape[-1]))
    return pyarrow.Table.from_arrays(columns, schema=_schema(taken))


def _groups(tables: Iterable[Any]) -> Iterator[Any]:
    """Tables joined until they are large enough for a row group."""
    pyarrow, gathered = arrow(), []
    for table in tables:
        gathered.append(table)
        if sum(each.nbytes for each in gathered) >= _GROUP:
            yield pyarrow.concat_tables(gathered).unify_dictionaries()
            gathered = []
    if gathered:
        yield pyarrow.concat_tables(gathered).unify_dictionaries()
