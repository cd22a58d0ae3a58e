"""Writing Parquet files bit by bit. It needs pyarrow, which is the extra ``tables``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.core.errors import BadInput
from pellucid.core.files import whole_file


def arrow() -> Any:
    """The module pyarrow, or the error with its cure."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        cure = 'pip install "pellucid[tables]"'
        raise BadInput("writing Parquet files needs pyarrow, which is not installed", cure=cure) from error
    return pyarrow


def checked_path(path: str | Path) -> Path:
    """The path, if it ends as a Parquet file's does."""
    path = Path(path)
    if path.suffix.lower() != ".parquet":
        raise BadInput("a table is written as Parquet", where=path, cure=f"call it {path.stem or 'table'}.parquet")
    return path


@contextmanager
def writing(path: str | Path, schema: Any, facts: Mapping[str, Any], *, plain: tuple[str, ...] = ()) -> Iterator[Any]:
    """A writer whose ``write_table`` adds a row group; the file is there, whole, when the block ends well.

    facts: put into the schema's metadata under ``pellucid``, as JSON. plain: columns that are stored as they are,
    because compression would cost time and gain nothing.
    """
    pyarrow = arrow()
    schema = schema.with_metadata({b"pellucid": json.dumps(facts).encode()})
    packed = {name: "NONE" if name in plain else "ZSTD" for name in map(_stored, schema)}
    with whole_file(checked_path(path)) as temporary:
        options = {"compression": packed, "use_dictionary": [_stored(f) for f in schema if f.name not in plain]}
        with pyarrow.parquet.ParquetWriter(temporary, schema, **options) as writer:
            yield writer


def _stored(field: Any) -> str:
    """The name of a column in the file, which for a list is its elements'."""
    return field.name
