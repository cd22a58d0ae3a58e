"""``pellucid.neurons``: which units of a layer the network needs, and what the spectra of a code do and do not say."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.labels import KEYS, matched, read_columns
from pellucid.data.stream import Stream
from pellucid.features.coding.ablation import Probe, ablate, affordable, kept_curve
from pellucid.features.coding.code import Layout, Moments
from pellucid.features.coding.disentanglement import Factor, as_factors, measure
from pellucid.features.coding.loss import Loss, choose_loss, label_numbers
from pellucid.features.coding.refit import FOLDS, fit_refit
from pellucid.features.coding.spectrum import SAMPLES, spectrum
from pellucid.features.coding.told import Looked, view_of
from pellucid.features.coding.traversal import sweep
from pellucid.features.table import views
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.models.tail import Tail
from pellucid.models.units import one_layer

#: Units of a layer at most; what a wider one says of each would take hours.
MOST_UNITS = 4096

Known = str | os.PathLike[str] | Sequence[Any] | np.ndarray | Tensor
Columns = str | os.PathLike[str] | Mapping[str, Sequence[Any]]


@views.register(
    "neurons", question="Which units of a layer are the important ones?", source="arXiv:1803.06959, arXiv:1802.04942"
)
def neurons(
    network: Network,
    inputs: Inputs,
    layer: str,
    *,
    factors: Columns | None = None,
    labels: Known | None = None,
    tests: int | None = None,
    loss: str = "auto",
    variational: bool | None = None,
    traverse: int = 6,
    seed: int = 0,
) -> View:
    """Rank the units of a layer by what the network loses without them.

    layer: a name or pattern that picks one layer with a vector (an autoencoder's code), a map (units are channels) or
    tokens. factors: a table file about the pictures, or columns by name, for MIG and DCI. labels: a table file, or one
    a sample. tests: samples on which each unit is ablated, drawn with the seed (default: as many as a budget of about
    two minutes allows, 32 to 1000); means and covariances are of all. loss: "reconstruction", "classes", "output", or
    "auto": by the network's output. variational: whether the layer holds the means of a variational code (default:
    whether what is behind it draws random numbers, or it is the code of a network from ``vae:``). traverse: how many
    of the top units are swept.

    Gives, most important unit first, a table with ``delta`` (the mean loss with the unit at its mean, less the loss
    of the untouched network), ``unique`` (the same with the unit as the others predict it linearly), each with a 95 %
    bootstrap interval over the samples; and arrays: delta, unique, variance [unit] by unit number; spectrum/covariance
    and spectrum/answer [unit]; curve/… [step]; traversal/… of the top units. ``options["found"]`` has the figures that
    concern the whole layer. Raises BadInput with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    if tests is not None and (isinstance(tests, bool) or not isinstance(tests, int) or tests < 2):
        raise BadInput(f"tests is {tests!r}", cure="pass a whole number of samples, at least 2")
    if traverse < 0:
        raise BadInput(f"traverse is {traverse}", cure="pass a number of units, or 0 for none")
    data = _Data(network, inputs, Stream.of(network, inputs))
    if len(data.stream) < 2:
        cure = "pass a folder, or at least two (a hundred give narrow intervals)"
        raise BadInput("of a single sample no unit can be said to vary", where="inputs", cure=cure)
    known = _Known(
        None if factors is None else as_factors(_columns(factors, data.stream, "factors"), len(data.stream)),
        None if labels is None else _one_column(labels, data.stream),
    )
    asked = {"layer": one_layer(network, layer), "tests": tests, "loss": loss, "traverse": traverse}
    ready = network.prepared(keep=[asked["layer"]])
    with untouched(ready.module), torch.no_grad():
        looked = _look(ready, data, known, asked, seed)
    return view_of(network, ready, looked, asked, variational, seed, time.perf_counter() - began)


# -- what was given -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Data:
    """The inputs as they were given, and as a stream."""

    network: Network
    inputs: Inputs
    stream: Stream

    def some(self, rows: Sequence[int]) -> Stream:
        """Some of them, as a stream of their own."""
        if isinstance(self.inputs, Tensor):
            return Stream.of(self.network, self.inputs[list(rows)])
        items = self.stream.samples()
        return Stream.of(self.network, [items[i] for i in rows])


@dataclass(frozen=True)
class _Known:
    """What is known of each sample, in their order."""

    factors: list[Factor] | None
    labels: Sequence[Any] | None


def _columns(given: Any, stream: Stream, what: str) -> Mapping[str, Sequence[Any]]:
    """Columns in the order of the samples; of a table file by its column of names, or row by row for arrays."""
    if isinstance(given, Mapping):
        return given
    if not isinstance(given, str | os.PathLike):
        raise BadInput(f"{what} is a {type(given).__name__}", cure="pass a table file, or columns by name")
    columns = read_columns(given)
    named = any(c.strip().lower() in KEYS for c in columns)
    rows = len(next(iter(columns.values())))
    if not named and not any(Path(s).is_file() for s in stream.sources):
        # Arrays have no names, so their rows can only be meant in order.
        if rows != len(stream):
            what = f"{rows} rows for {len(stream)} samples"
            raise BadInput(what, where=given, cure="write one row a sample, in their order")
        return columns
    return matched(columns, stream.sources, where=given)


def _one_column(given: Any, stream: Stream) -> Sequence[Any]:
    """One label a sample."""
    if isinstance(given, str | os.PathLike):
        columns = _columns(given, stream, "labels")
        called = [c for c in columns if c.strip().lower() in ("label", "class", "target")]
        if len(called) != 1 and len(columns) != 1:
            listed = ", ".join(map(repr, columns)) or "none"
            cure = "call one of them label"
            raise BadInput(f"which of the columns {listed} holds the labels is not known", where=given, cure=cure)
        given = columns[called[0] if called else next(iter(columns))]
    labels = given.tolist() if isinstance(given, np.ndarray | Tensor) else list(given)
    if len(labels) != len(stream):
        what = f"{len(labels)} labels for {len(stream)} samples"
        raise BadInput(what, where="labels", cure="give one label a sample, in their order")
    return labels


# -- looking --------------------------------------------------------------------------------------


def _look(network: Network, data: _Data, known: _Known, asked: Mapping[str, Any], seed: int) -> Looked:
    """Survey the codes of all samples, then ablate on some of them."""
    tail, layout, loss, labels = _opened(network, data, known, asked, seed)
    survey = _survey(tail, layout, data.stream)
    covariance = survey.moments.covariance()
    probe = _probe(data, tail, layout, loss, labels, survey, asked["tests"], seed)
    few = replace(probe, **_rows(data, labels, probe.rows[:SAMPLES]))
    refit = fit_refit(survey.moments)
    losses = ablate(probe, refit)
    delta = losses.ablated - losses.untouched[:, None]
    top = np.argsort(-delta.mean(0), kind="stable")[: asked["traverse"]]
    return Looked(
        probe=probe,
        codes=survey.codes,
        covariance=covariance,
        spread=survey.spread,
        refit=refit,
        losses=losses,
        spectrum=spectrum(few, survey.pooled, seed=seed),
        curve=kept_curve(probe, delta, covariance.diagonal().numpy(), seed=seed),
        sweep=sweep(few, list(top), survey.codes) if len(top) else None,
        disentangled=known.factors and measure(survey.codes.astype(np.float64), known.factors, seed=seed),
        picture=(data.stream.names[probe.rows[0]], few.stream.take(slice(0, 1)).pictures),
    )


def _opened(
    network: Network, data: _Data, known: _Known, asked: Mapping[str, Any], seed: int
) -> tuple[Tail, Layout, Loss, Tensor | None]:
    """What is behind the layer, where the units lie, what counts as lost, and the labels as numbers."""
    first = data.stream.take(slice(0, 2))
    tail = Tail.of(network, asked["layer"], first.x, seed=seed)
    code, run = tail.at(first.x)
    layout = Layout.of(network, asked["layer"], code)
    _check_width(layout.cells(code).shape[-1], asked["layer"])
    answer = run(layout.finite(code))
    if not torch.isfinite(answer).all():
        raise BadInput("the output is not finite", where=network.name, cure="check the weights (pellucid health)")
    loss = choose_loss(network, first.x, answer, kind=asked["loss"], labelled=known.labels is not None)
    return tail, layout, loss, None if known.labels is None else label_numbers(known.labels, loss, answer.shape[1])


def _check_width(units: int, layer: str) -> None:
    """Every pair of units has a covariance, kept several times for each fold."""
    room = SHARE * free_bytes(torch.device("cpu"))
    if units > MOST_UNITS or 8 * units**2 * 6 * FOLDS > room:
        cure = f"choose a layer of at most {min(MOST_UNITS, int((room / (48 * FOLDS)) ** 0.5))}, for example a code"
        raise BadInput(f"layer {layer!r} has {units} units, whose covariance would be too large", cure=cure)


@dataclass(frozen=True)
class _Survey:
    """codes: [samples, units], means over places. spread: how far an input's value lies from its mean, squared."""

    moments: Moments
    codes: np.ndarray
    spread: float

    @property
    def pooled(self) -> Tensor:
        """The covariance of the means over places, [units, units]."""
        if len(self.moments.mean()) == 1:
            return self.moments.covariance()
        away = torch.from_numpy(self.codes).double()
        away = away - away.mean(0)
        return away.T @ away / len(away)


def _survey(tail: Tail, layout: Layout, stream: Stream) -> _Survey:
    """All samples' codes, up to the layer alone."""
    moments, codes = Moments(min(FOLDS, len(stream))), []
    total, squares = torch.zeros(()), 0.0
    size = replace(tail, how="whole").rows(stream.take(slice(0, 1)).x)
    for rows, batch in track(stream.batches(size), "codes", total=-(-len(stream) // size)):
        cells = layout.cells(layout.finite(tail.output(batch.x)))
        moments.add(cells, range(rows.start, rows.stop))
        codes.append(cells.mean(1).float().cpu().numpy())
        total = total + batch.x.double().sum(0).cpu()
        squares += float(batch.x.double().square().sum())
    count = len(stream)
    spread = squares / count / total.numel() - float((total / count).square().mean())
    return _Survey(moments, np.concatenate(codes), spread)


def _probe(
    data: _Data,
    tail: Tail,
    layout: Layout,
    loss: Loss,
    labels: Tensor | None,
    survey: _Survey,
    tests: int | None,
    seed: int,
) -> Probe:
    """The samples on which units are ablated, drawn with the seed."""
    like = tail.output(data.stream.take(slice(0, 1)).x)
    count = min(len(data.stream), tests or affordable(tail, survey.codes.shape[1]))
    rows = np.sort(np.random.default_rng(seed).choice(len(data.stream), count, replace=False))
    mean = layout.output(survey.moments.mean()[None].to(like), like)
    return Probe(tail, layout, loss, mean=mean, **_rows(data, labels, [int(i) for i in rows]))


def _rows(data: _Data, labels: Tensor | None, rows: Sequence[int]) -> dict[str, Any]:
    """The parts of a probe that belong to its samples."""
    return {"stream": data.some(rows), "rows": rows, "labels": None if labels is None else labels[list(rows)]}
