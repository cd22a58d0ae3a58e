"""Which region every cell belongs to, as a table: one row a cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.core.types import View
from pellucid.features.parquet_ import arrow, repeated_text, writing

#: Rows of a row group, roughly.
_ROWS = 1 << 20


def write_assignments(path: str | Path, view: View, images: Sequence[str] | None = None) -> int:
    """Write a view of regions as Parquet: image, layer, row, column, cluster. Gives the number of rows.

    images: what to call each input (default: the view's names). The cluster is the colour's place in the palette,
    the same from layer to layer. Needs pyarrow (the extra ``tables``).
    """
    pyarrow = arrow()
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    small, tiny = pyarrow.uint16(), pyarrow.uint8()
    schema = pyarrow.schema([("image", text), ("layer", text), ("row", small), ("column", small), ("cluster", tiny)])
    facts = {"view": view.kind, "options": dict(view.options), "provenance": dict(view.provenance)}
    names, total = np.array(view.names if images is None else images, dtype=object), 0
    cells = {n.removeprefix("cells/"): a for n, a in view.arrays.items() if n.startswith("cells/")}
    most = max(1, _ROWS // max(a[0].size for a in cells.values()))
    with writing(path, schema, facts, packed=True, repeated=schema.names) as writer:
        for first in range(0, len(names), most):
            here = names[first : first + most]
            for layer, labels in cells.items():
                own = labels[first : first + most]
                count, height, width = own.shape
                image = np.repeat(np.arange(count), height * width)
                row = np.tile(np.repeat(np.arange(height, dtype=np.uint16), width), count)
                column = np.tile(np.arange(width, dtype=np.uint16), count * height)
                columns = [
                    repeated_text(image, here),
                    repeated_text(np.zeros(own.size, np.int32), [layer]),
                    *(pyarrow.array(each) for each in (row, column, own.reshape(-1))),
                ]
                writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
                total += own.size
    return total
