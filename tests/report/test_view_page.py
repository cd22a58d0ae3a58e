"""A look inside as a folder: what is in it, what it says, in a real browser."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.report import look
from pellucid.report.render import figure_text
from pellucid.report.run import Run
from pellucid.report.view_page import MOST_ROWS, Attached, write_view
from report.conftest import NASTY


def view(names: tuple[str, ...] = ("cat", "cup"), rows: int = 2) -> View:
    labels = np.random.default_rng(0).integers(0, 3, (len(names), 8, 8)).astype(np.uint8)
    table = [{"layer": f"layer{i}", "clusters": 3, "silhouette": 1e-7 * i, "agreement_rgb": 0.5} for i in range(rows)]
    axes = ("sample", "height", "width")
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    return View(
        "regions", {"labels/layer1": labels}, {"labels/layer1": axes}, tuple(table), names=names, palette=palette
    )


RUN = Run("pellucid regions cat.jpg", "import pellucid", {"name": "net", "weights": "random"}, (), seconds=1.5, seed=0)


def test_the_folder_holds_the_page_the_figure_and_every_number(tmp_path: Path) -> None:
    made = view(rows=MOST_ROWS + 3)
    (tmp_path / "codes.parquet").write_bytes(b"PAR1")
    summary = write_view(tmp_path, RUN, made, [Attached("codes.parquet", "one row a cell")])
    assert {p.name for p in tmp_path.iterdir()} == set(summary["files"]["all"])
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert summary["schema"] == "pellucid.regions/1"
    assert summary["table"] == list(map(dict, made.table))
    assert pellucid.load(tmp_path / "view.npz") == made
    with Image.open(tmp_path / "figure.png") as drawn:
        assert drawn.width > 200
    page = (tmp_path / "index.html").read_text()
    assert "3 more rows are in" in page
    assert "codes.parquet" in page
    assert "1.00e-07" in page


def test_figures_in_tables() -> None:
    told = [figure_text(v) for v in (0.0, 0.25, 1e-9, -3e7, 1234.5, 12, None, "a", float("nan"))]
    assert [figure_text(v) for v in (0.0123, -0.00456, 0.9999, 1.5)] == ["0.0123", "-0.00456", "1.00", "1.50"]
    assert told == ["0.00", "0.250", "1.00e-09", "-3.00e+07", "1234.50", "12", "–", "a", "–"]


def test_a_kind_that_nobody_draws_is_an_error() -> None:
    unknown = dataclasses.replace(view(), kind="os.path")
    with pytest.raises(BadInput, match="nobody knows how to draw"):
        unknown.show()
    for path in (Path(look.__file__).parent / "looks").glob("[a-z]*.py"):
        found = look.look_of(path.stem)
        assert callable(found.figure)


def test_names_from_outside_cannot_break_out_of_the_page(tmp_path: Path, visit) -> None:
    rows = tuple({"layer": n, "clusters": n, "agreement_rgb": 0.5, n: n} for n in NASTY)
    made = dataclasses.replace(view(names=NASTY[:2]), table=rows, notes=NASTY)
    (tmp_path / "x.png").write_bytes((Path(pellucid.__file__).parents[2] / "docs/images/spans.png").read_bytes())
    run = dataclasses.replace(RUN, command=" ".join(NASTY), network=dict.fromkeys(NASTY, NASTY[1]) | {"name": NASTY[0]})
    write_view(tmp_path, run, made, [Attached("x.png", n) for n in NASTY])
    page = visit(tmp_path)
    assert page.locator("h1").inner_text() == "Regions through the layers"
    assert page.locator("table.figures tbody tr").count() == len(NASTY)
    assert page.evaluate("document.querySelectorAll('img').length") == 1 + len(NASTY)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
