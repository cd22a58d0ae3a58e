"""Regions as a table: a row a cell, in the view's own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet as parquet
import pytest

import nets
import pellucid
from pellucid.features.grouping import assignments
from pellucid.features.grouping.assignments import write_assignments


@pytest.fixture(scope="module")
def view() -> pellucid.View:
    return pellucid.regions(nets.network("modules"), nets.images(5), "act*", 3, painted=2)


def test_a_row_a_cell_of_every_picture(view: pellucid.View, tmp_path: Path) -> None:
    rows = write_assignments(tmp_path / "a.parquet", view)
    table = pandas.read_parquet(tmp_path / "a.parquet")
    assert list(table.columns) == ["image", "layer", "row", "column", "cluster"]
    assert rows == len(table) == 5 * (144 + 36)
    for layer, side in (("act1", 12), ("act2", 6)):
        own = table[table["layer"] == layer]
        np.testing.assert_array_equal(own["cluster"].to_numpy().reshape(5, side, side), view[f"cells/{layer}"])
        cell = own[(own["image"] == "sample 3") & (own["row"] == 4) & (own["column"] == 1)]
        assert list(cell["cluster"]) == [view[f"cells/{layer}"][3, 4, 1]]


def test_it_is_written_bit_by_bit(view: pellucid.View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [f"folder/{i}.jpg" for i in range(5)]
    write_assignments(tmp_path / "whole.parquet", view, images)
    monkeypatch.setattr(assignments, "_ROWS", 2 * 144)
    write_assignments(tmp_path / "bits.parquet", view, images)
    assert parquet.ParquetFile(tmp_path / "bits.parquet").num_row_groups == 3 * 2
    order = ["image", "layer", "row", "column"]
    a, b = (
        pandas.read_parquet(tmp_path / f"{n}.parquet").astype({"image": str, "layer": str}) for n in ("whole", "bits")
    )
    pandas.testing.assert_frame_equal(a.sort_values(order, ignore_index=True), b.sort_values(order, ignore_index=True))
    assert set(a["image"]) == set(images)


def test_the_file_says_what_it_is(view: pellucid.View, tmp_path: Path) -> None:
    write_assignments(tmp_path / "a.parquet", view)
    facts = json.loads(parquet.read_schema(tmp_path / "a.parquet").metadata[b"pellucid"])
    assert facts["options"]["clusters"] == 3
    assert facts["provenance"]["seed"] == 0
