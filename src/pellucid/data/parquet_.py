"""Parquet files: matrices, and tables about pictures. Reading needs pyarrow, which is the extra ``tables``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.core.errors import BadInput

#: A table of more cells is refused before they are read.
MAX_CELLS = 50_000_000


def read(file: BinaryIO, check_shape: Callable[[tuple[int, ...]], None]) -> np.ndarray:
    """The columns side by side, [row, column], in the smallest type that holds them all.

    check_shape: refuses what is too large, before anything but the file's own description is read.
    """
    parquet = _pyarrow()
    try:
        stored = parquet.ParquetFile(file)
        check_shape((stored.metadata.num_rows, len(stored.schema_arrow)))
        _check_columns(stored.schema_arrow)
        columns = [_numbers(name, stored.read([name]).column(0)) for name in stored.schema_arrow.names]
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # Arrow's own kinds, OSError, and what its metadata's JSON may raise
        cure = "get it again from where it came"
        raise BadInput(f"this is no Parquet file, or it is damaged ({error})", cure=cure) from error
    return np.stack(columns, axis=1)


def columns(file: BinaryIO) -> dict[str, list[str]]:
    """Every column's cells as text, by the column's name; an empty cell is an empty text."""
    parquet = _pyarrow()
    try:
        stored = parquet.ParquetFile(file)
        cells = stored.metadata.num_rows * stored.metadata.num_columns
        if cells > MAX_CELLS:  # a few bytes can stand for any number of equal cells
            cure = "leave out columns that are not needed, or split it"
            raise BadInput(f"it has {cells:,} cells, more than {MAX_CELLS // 1_000_000} million", cure=cure)
        table = stored.read()
        return {name: ["" if c is None else str(c) for c in table[name].to_pylist()] for name in table.column_names}
    except BadInput:
        raise
    except Exception as error:  # Arrow's own kinds, OSError, KeyError for doubled names
        cure = "get it again from where it came"
        raise BadInput(f"this is no Parquet file, or it is damaged ({error})", cure=cure) from error


def names(path: Path) -> list[str]:
    """The columns' names, without reading any cell."""
    parquet = _pyarrow()
    try:
        return list(parquet.read_schema(path).names)
    except Exception as error:  # Arrow's own kinds, and OSError
        cure = "get it again from where it came"
        raise BadInput(f"this is no Parquet file, or it is damaged ({error})", cure=cure) from error


def _pyarrow() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        cure = 'pip install "pellucid[tables]"'
        raise BadInput("reading Parquet files needs pyarrow, which is not installed", cure=cure) from error
    return parquet


def _check_columns(schema: Any) -> None:
    from pyarrow import types

    if len(set(schema.names)) != len(schema.names):
        raise BadInput("two columns have the same name", cure="give each its own")
    for field in schema:
        if not any(is_(field.type) for is_ in (types.is_integer, types.is_floating, types.is_boolean)):
            cure = "leave it out, or save it as numbers"
            raise BadInput(f"column {field.name!r} holds {field.type}, not numbers", cure=cure)
    described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = [i for i in described.get("index_columns", []) if isinstance(i, str) and i in schema.names]
    if index:
        cure = "save it with to_parquet(index=False), or reset_index() where it is data"
        raise BadInput(f"column {index[0]!r} is the data frame's index", cure=cure)


def _numbers(name: str, column: Any) -> np.ndarray:
    if column.null_count:
        what = f"column {name!r} has {column.null_count} empty cells"
        raise BadInput(what, cure="fill them, or leave their rows out")
    return np.asarray(column.to_numpy())
