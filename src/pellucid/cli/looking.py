"""What the commands that look inside a network share: a view in, a folder and a last word out."""

from __future__ import annotations

import inspect
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.results import cautions_of, facts_of, is_report
from pellucid.core.errors import BadInput
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from pellucid.cli.models import Choice
    from pellucid.core.types import Sample, View
    from pellucid.models.network import Network
    from pellucid.report.view_page import Attached

#: Lines of the table that the terminal shows; all are on the page and in summary.json.
_LINES = 40


@dataclass(frozen=True)
class Named:
    """The inputs that a command's words name. matrices: what is in the files, where they are no pictures."""

    files: list[str]
    matrices: list[Sample]

    @property
    def inputs(self) -> list[str] | list[Sample]:
        """What a look is given: the matrices, or the pictures' files, which are read while the network works."""
        return self.matrices or self.files

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of the matrices; None for pictures."""
        return matrix_shape(self.matrices[0]) if self.matrices else None


def inputs_of(data: Sequence[str], *, stacked: bool = False, tables: bool = False) -> Named:
    """Pictures, folders of them, examples or matrix files; with ``stacked`` one file of many matrices.

    tables: a .csv, .tsv or .parquet may be a table of which each row is an input, and is left to who knows.

    Raises BadInput for a file or folder that there is not, without torch, so that a mistyped path is told at once.
    """
    from pellucid.data import matrices
    from pellucid.data.folders import pictures_in
    from pellucid.data.sets.table import is_table
    from pellucid.data.stacks import read_stack

    if stacked:
        if len(data) != 1:
            raise BadInput(f"--stacked takes one file, and {len(data)} were given", cure="pass one .npy or .npz file")
        return Named(list(data), read_stack(data[0]))
    files = pictures_in(data)
    if any(matrices.is_matrix(f) and not (tables and is_table(f)) for f in files):
        return Named(files, [matrices.read(f) for f in files])
    for path in files:
        if not path.startswith("example:") and not Path(path).expanduser().exists():
            raise BadInput("there is no such file", where=path, cure="check the path")
    return Named(files, [])


def matrix_shape(sample: Sample) -> tuple[int, int, int]:
    """(height, width, channels) of a matrix with or without channels."""
    height, width, *channels = sample.array.shape
    return height, width, channels[0] if channels else 1


def python_lines(
    choice: Choice,
    network: Network,
    look: Callable[..., View],
    told: Sequence[str],
    given: Mapping[str, Any],
    *,
    imports: Sequence[str] = (),
    last: Sequence[str] = (),
) -> str:
    """The lines of Python that do what the command did.

    look: the public function, whose own defaults are left out. told: its arguments after the network, as Python text.
    given: its options. imports, last: lines of the command's own behind ``import pellucid``, and at the end.
    """
    usual = {name: each.default for name, each in inspect.signature(look).parameters.items()}
    said = ["net", *told, *(f"{name}={value!r}" for name, value in given.items() if value != usual[name])]
    call = f"v = pellucid.{look.__name__}({', '.join(said)})"
    return "\n".join(["import pellucid", *imports, "", choice.python(network), call, "v.show()", *last])


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
        self,
        view: View,
        network: Network | Mapping[str, Any],
        *,
        python: str,
        write: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        """Write the view's page.

        network: what was looked at; facts with a ``name`` where it is no single network. python: the lines that do
        the same. write: what writes it, as ``write_view`` does.
        """
        from pellucid.report.run import Run
        from pellucid.report.view_page import write_view

        run = Run(
            command=shlex.join(["pellucid", *sys.argv[1:]]),
            python=python,
            network=network if isinstance(network, Mapping) else facts_of(network),
            photos=(),
            notes=() if isinstance(network, Mapping) else tuple(cautions_of(network)),
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
    look = look_of(view.kind)
    table = table_of(view, look.COLUMNS, getattr(look, "CELLS", {}))
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
