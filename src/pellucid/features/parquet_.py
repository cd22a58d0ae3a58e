"""Writing Parquet files bit by bit. It needs pyarrow, which is the extra ``tables``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
def writing(
    path: str | Path, schema: Any, facts: Mapping[str, Any], *, packed: bool, repeated: Sequence[str]
) -> Iterator[Any]:
    """A writer whose ``write_table`` adds row groups; the file is there, whole, when the block ends well.

    facts: put into the schema's metadata under ``pellucid``, as JSON. packed: compressed, which floats hardly are.
    repeated: the columns that hold few different values.
    """
    pyarrow = arrow()
    schema = schema.with_metadata({b"pellucid": json.dumps(facts, ensure_ascii=False).encode()})
    options = {"compression": "ZSTD" if packed else "NONE", "use_dictionary": list(repeated)}
    with (
        whole_file(checked_path(path)) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema, **options) as writer,
    ):
        yield writer


def repeated_text(numbers: Any, texts: Sequence[str]) -> Any:
    """A column of texts, by each row's place among ``texts``."""
    pyarrow = arrow()
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(numbers, pyarrow.int32()), list(texts))
