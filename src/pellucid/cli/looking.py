"""What the commands that look inside a network share: a view in, a folder and a last word out."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.results import cautions_of, facts_of, is_report
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from pellucid.core.types import View
    from pellucid.models.network import Network
    from pellucid.report.view_page import Attached

#: Lines of the table that the terminal shows; all are on the page and in summary.json.
_LINES = 40


class Delivery:
    """The folder that a command fills: files of its own, and one view with its page.

    folder: write files here; they are there for the user only when the command ends well.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.summary: dict[str, Any] = {}
        self._began = time.perf_counter()
        self._attached: list[Attached] = []
        self._told: tuple[View, list[str]] | None = None

    def attach(self, file: str, text: str) -> None:
        """Name a file of the folder on the page: a picture is shown, anything else linked. text: what is in it."""
        from pellucid.report.view_page import Attached

        self._attached.append(Attached(file, text))

    def view(
        self, view: View, network: Network, *, python: str, write: Callable[..., dict[str, Any]] | None = None
    ) -> None:
        """Write the view's page. python: the lines that do the same. write: what writes it, as ``write_view`` does."""
        from pellucid.report.run import Run
        from pellucid.report.view_page import write_view

        run = Run(
            command=shlex.join(["pellucid", *sys.argv[1:]]),
            python=python,
            network=facts_of(network),
            photos=(),
            notes=tuple(cautions_of(network)),
            seconds=time.perf_counter() - self._began,
            seed=view.provenance.get("seed"),
            provenance={k: v for k, v in view.provenance.items() if k != "seed"},
        )
        self.summary = (write or write_view)(self.folder, run, view, self._attached)
        self._told = view, list(run.notes)

    def tell(self, out: Path, *, as_json: bool) -> None:
        """The last word: the answer, the table and where the page is; or the summary as JSON."""
        page = str((out / "index.html").resolve())
        if as_json:
            print(json.dumps({**self.summary, "report": page}, ensure_ascii=False))
            return
        if self._told is not None:
            _print_view(*self._told, self.summary)
        print(f"\nreport: {page}")


@contextmanager
def delivery(out: Path, *, as_json: bool) -> Iterator[Delivery]:
    """A folder that becomes ``out`` when the block ends well, and then the last word about it."""
    with whole_folder(out, ours=is_report) as folder:
        made = Delivery(folder)
        yield made
    made.tell(out, as_json=as_json)


def _print_view(view: View, notes: list[str], summary: dict[str, Any]) -> None:
    from pellucid.report.look import look_of
    from pellucid.report.view_page import table_of
    from pellucid.report.words import visible

    for said in summary["words"]:
        stream = sys.stderr if said["level"] == "warning" else sys.stdout
        print(visible(f"warning: {said['text']}" if said["level"] == "warning" else said["text"]), file=stream)
    for note in dict.fromkeys([*notes, *view.notes]):
        print(visible(note), file=sys.stderr)
    table = table_of(view, look_of(view.kind).COLUMNS)
    _print_table(table["headings"], [[visible(cell) for cell in row] for row in table["rows"]])


def _print_table(headings: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows[:_LINES]:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    console = console if console.is_terminal else Console(highlight=False, markup=False, width=200)
    console.print(table)
    if len(rows) > _LINES:
        print(f"{len(rows) - _LINES} more rows are on the page")
