"""The values that flow through the house: Sample, Explanation with its Receipt, View.

They are frozen: an operation returns a new one. They refuse to be made of a wrong rank, an unknown
axis or a number that is not finite, so nothing downstream has to look again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core import archive, late
from pellucid.core import axes as named
from pellucid.core import spans as lines
from pellucid.core.errors import BadInput

Axes = tuple[str, ...]

#: The axes of the arrays that ``Explanation.spans`` gives, behind the samples'.
_SPANNED = {"map": ("height", "width"), "profile/row": ("height",), "profile/column": ("width",)}

#: What counts as a change of nothing when a gap is made relative.
TINY = 1e-12


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list) and type(a) is type(b):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)


class _Value:
    """What the frozen values share: equality by content."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_equal(getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]  # arrays are compared by content, which has no cheap hash


@dataclass(frozen=True, eq=False)
class Sample(_Value):
    """One picture, matrix or volume with what is known of it; None where nothing is.

    array: uint8 or float, axes as named, for a picture ("height", "width", "channel").
    masks: bool or int, the array's spatial shape. boxes: [n, 4] as x0, y0, x1, y1 in pixels.
    points: [n, 2] as x, y in pixels. spacing: millimetres a pixel, one number a spatial axis.
    """

    array: np.ndarray
    axes: Axes = ("height", "width", "channel")
    label: Any = None
    masks: np.ndarray | None = None
    boxes: np.ndarray | None = None
    points: np.ndarray | None = None
    spacing: tuple[float, ...] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        try:
            named.check(self.array, self.axes, what="sample")
        except BadInput as error:
            raise (error if not self.source else BadInput(error.what, where=self.source, cure=error.cure)) from None

    @property
    def name(self) -> str:
        """What to call it: the file's name without its folder and ending."""
        return Path(self.source).stem if self.source else "sample"


@dataclass(frozen=True)
class Frame:
    """Which part of a source the network saw: a box in the source's pixels (floats), and the source's size."""

    height: int
    width: int
    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True, eq=False)
class Receipt(_Value):
    """What a method promised and what was measured of it.

    expected, actual: what the values should and do add up to, one number a sample; None where
    the method promises nothing. relative_gap: the worst |actual − expected| / |expected|.
    steps: points on an integration path. samples: random draws. error: their relative standard error.
    prepared_difference: how far the fast copy's output lies from the user's module, relative;
    None where no fast copy was used.
    """

    expected: tuple[float, ...] | None = None
    actual: tuple[float, ...] | None = None
    relative_gap: float | None = None
    steps: int | None = None
    samples: int | None = None
    error: float | None = None
    fallbacks: tuple[str, ...] = ()
    layer: str | None = None
    layer_reason: str | None = None
    seconds: float = 0.0
    prepared_difference: float | None = None
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


@archive.kind("explanation")
@dataclass(frozen=True, eq=False)
class Explanation(_Value):
    """How much each part of the input speaks for (positive) or against (negative) the target.

    values: float32, with one axis a name in ``axes``; with ("sample", "channel", "height", "width")
    at the size of what entered the network. pictures: what the network saw, uint8 [sample, height,
    width, 3], or None for matrices. frames: where those pictures lie in their sources.
    """

    values: np.ndarray
    axes: Axes
    target: tuple[str, ...]
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    receipt: Receipt = field(default_factory=Receipt)
    pictures: np.ndarray | None = None
    frames: tuple[Frame, ...] | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32:
            raise BadInput(f"values are {self.values.dtype}, not float32", where=self.method)
        named.check(self.values, self.axes, what=self.method)

    def __len__(self) -> int:
        return self.values.shape[named.position(self.axes, "sample")]

    def __getitem__(self, i: int) -> Explanation:
        """One sample's explanation, its axes unchanged."""
        i = range(len(self))[i]
        values = np.take(self.values, [i], axis=named.position(self.axes, "sample"))
        one = lambda each: None if each is None else each[i : i + 1]  # noqa: E731
        receipt = dataclasses.replace(
            self.receipt, expected=one(self.receipt.expected), actual=one(self.receipt.actual)
        )
        if receipt.expected is not None and receipt.actual is not None:
            receipt = dataclasses.replace(receipt, relative_gap=relative_gap(receipt.expected, receipt.actual))
        return dataclasses.replace(
            self,
            values=values,
            target=self.target[i : i + 1],
            receipt=receipt,
            pictures=one(self.pictures),
            frames=one(self.frames),
            names=self.names[i : i + 1],
        )

    def sum(self, *names: str) -> Explanation:
        """The values added up over the named axes."""
        values, axes = named.sum_over(self.values, self.axes, *names)
        return dataclasses.replace(self, values=values, axes=axes)

    def resize(self, height: int, width: int) -> Explanation:
        """The values at another size; their total stays (up to interpolation)."""
        return dataclasses.replace(self, values=named.resize(self.values, self.axes, height, width), pictures=None)

    def on_source(self, i: int = 0) -> np.ndarray:
        """Sample ``i``'s values, channels added, laid onto its source: float32 [height, width].

        Zero where the network did not see the source (what its crop cut off).
        """
        if self.frames is None:
            raise BadInput("these inputs came as a tensor, so there is no source to lay them onto", where=self.method)
        frame, map_ = self.frames[i], self[i].map()
        top, left = round(frame.top), round(frame.left)
        height, width = round(frame.bottom) - top, round(frame.right) - left
        out = np.zeros((frame.height, frame.width), np.float32)
        out[top : top + height, left : left + width] = named.resize(map_, ("height", "width"), height, width)
        return out

    def map(self, i: int = 0) -> np.ndarray:
        """Sample ``i``'s values with channels added: float32 [height, width]."""
        values = self.sum("channel").values if "channel" in self.axes else self.values
        return values[i]

    def spans(self, axis: str = "both", *, share: float = 0.5, runs: int | None = None) -> View:
        """The shortest spans of rows and columns that carry a share of what speaks for the target.

        axis: "row", "column" or "both". share: of the profile's positive part. runs: at most so many spans an
        axis; None takes another one only where that at least halves the places (see ``core/spans.py``).

        Gives map [sample, height, width], profile/row and profile/column, and a table with a row a span: the
        sample's number, the axis, start (from 0) and stop (behind the last), relevance, share. Whether chance would
        do as well, and what becomes of the target without them, only the network can tell: ``pellucid.spans``.
        """
        named.position(self.axes, "sample")
        summed = self.sum(*(a for a in self.axes if a not in ("sample", "height", "width")))
        order = [named.position(summed.axes, a) for a in ("sample", "height", "width")]
        arrays = {"map": np.ascontiguousarray(summed.values.transpose(order))}
        arrays |= {f"profile/{a}": lines.profile(self.values, self.axes, a) for a in lines.ALONG}
        table, notes = [], []
        for wanted in lines.axes_of(axis):
            for i, profile in enumerate(arrays[f"profile/{wanted}"]):
                name = self.names[i] if i < len(self.names) else f"sample {i}"
                found = lines.shortest(profile, share, runs)
                table += [{"sample": i, "axis": wanted, **dataclasses.asdict(span)} for span in found]
                if not found:
                    notes.append(f"{name}: no {wanted} speaks for {self.target[i]}")
        return View(
            kind="spans",
            arrays=arrays,
            axes={n: ("sample", *_SPANNED[n]) for n in arrays},
            table=tuple(table),
            options={"axis": axis, "share": share, "runs": runs, "method": self.method, "target": self.target},
            names=self.names,
            notes=tuple(notes),
            provenance=self.receipt.provenance,
        )

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file; ``pellucid.load`` gives an equal explanation back."""
        return archive.save(path, self)

    def show(self) -> Any:
        """The heatmaps over the pictures, as a matplotlib figure (which a notebook displays)."""
        return late.call("pellucid.report.figures", "explanation_figure", self)

    def _repr_html_(self) -> str:
        return late.call("pellucid.report.figures", "as_html", self.show(), repr(self))

    def __repr__(self) -> str:
        size = " × ".join(f"{n} {a}" for a, n in zip(self.axes, self.values.shape, strict=True))
        gap = self.receipt.relative_gap
        promise = "" if gap is None else f", gap {gap:.2g}"
        return f"Explanation({self.method} of {', '.join(self.target)}: {size}{promise})"


@archive.kind("view")
@dataclass(frozen=True, eq=False)
class View(_Value):
    """What looking at features gives: named arrays with axes, and a table of honest figures.

    arrays: by name; axes: the axes of each. table: rows of plain values. palette: uint8
    [clusters, 3] where an array holds cluster numbers. pictures: as in Explanation.
    """

    kind: str
    arrays: Mapping[str, np.ndarray]
    axes: Mapping[str, Axes]
    table: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    pictures: np.ndarray | None = None
    names: tuple[str, ...] = ()
    palette: np.ndarray | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.arrays.keys() != self.axes.keys():
            raise BadInput(f"arrays {sorted(self.arrays)} but axes of {sorted(self.axes)}", where=self.kind)
        for name, array in self.arrays.items():
            named.check(array, self.axes[name], what=f"{self.kind} {name}")

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def to_dataframe(self) -> Any:
        """The table as a pandas DataFrame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(list(self.table))

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file; ``pellucid.load`` gives an equal view back."""
        return archive.save(path, self)

    def show(self) -> Any:
        """The view as a matplotlib figure (which a notebook displays)."""
        return late.call("pellucid.report.look", "figure_of", self)

    def _repr_html_(self) -> str:
        return late.call("pellucid.report.figures", "as_html", self.show(), repr(self))

    def __repr__(self) -> str:
        return f"View({self.kind}: {', '.join(f'{n} {a.shape}' for n, a in self.arrays.items())})"


def relative_gap(expected: tuple[float, ...], actual: tuple[float, ...]) -> float:
    """The worst |actual − expected| / |expected| over the samples."""
    e, a = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
    # np.max keeps a NaN wherever it stands; Python's max drops it by order.
    return float(np.max(np.abs(a - e) / np.maximum(np.abs(e), TINY), initial=0.0))
