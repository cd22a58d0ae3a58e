"""``pellucid.neurons``: which units of a layer the network needs, and what the spectra of a code do and do not say."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.labels import KEYS, matched, read_columns
from pellucid.data.stream import Stream
from pellucid.features.ablation import Curve, Losses, Probe, ablate, affordable, kept_curve
from pellucid.features.code import Layout, Moments
from pellucid.features.disentanglement import Disentanglement, as_factors, measure
from pellucid.features.loss import Loss, choose_loss, label_numbers
from pellucid.features.refit import FOLDS, Refit, fit_refit
from pellucid.features.resampling import weights
from pellucid.features.spectrum import SAMPLES, Spectrum, directions, eigenvalues, spectrum
from pellucid.features.table import views
from pellucid.features.traversal import Sweep, most_moved, sweep
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.models.tail import Tail
from pellucid.models.units import one_layer

#: A unit of a variational code whose mean varies by more than this is active (Burda et al. 2016, arXiv:1509.00519).
ACTIVE = 0.01

#: Of what is lost without any unit, the share that the most important ones should bring back to be called enough.
ENOUGH = 0.9

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
    whether what is behind it draws random numbers). traverse: how many of the top units are swept.

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
    stream = Stream.of(network, inputs)
    if len(stream) < 2:
        cure = "pass a folder, or at least two (a hundred give narrow intervals)"
        raise BadInput("of a single sample no unit can be said to vary", where="inputs", cure=cure)
    name = one_layer(network, layer)
    given = _Given(
        _columns(factors, stream, "factors") if factors is not None else None,
        _one_column(labels, stream) if labels is not None else None,
    )
    ready = network.prepared(keep=[name])
    with untouched(ready.module), torch.no_grad():
        looked = _look(ready, inputs, stream, name, given, tests, loss, traverse, seed)
    asked = {"layer": name, "tests": tests, "loss": loss, "traverse": traverse}
    return _view(network, ready, looked, asked, variational, seed, time.perf_counter() - began)


# -- what was given -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    factors: Mapping[str, Sequence[Any]] | None
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
    # Arrays have no names, so their rows can only be meant in order.
    if not named and rows == len(stream) and not any(Path(s).is_file() for s in stream.sources):
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


@dataclass(frozen=True)
class _Looked:
    """Everything that was measured. codes: [samples, units], means over places. spread: of the inputs."""

    probe: Probe
    codes: np.ndarray
    covariance: Tensor
    spread: float
    refit: Refit
    losses: Losses
    spectrum: Spectrum
    curve: Curve
    sweep: Sweep | None
    disentangled: Disentanglement | None
    picture: tuple[str, np.ndarray | None]


def _look(
    network: Network,
    inputs: Inputs,
    stream: Stream,
    layer: str,
    given: _Given,
    tests: int | None,
    kind: str,
    traverse: int,
    seed: int,
) -> _Looked:
    first = stream.take(slice(0, 2))
    tail = Tail.of(network, layer, first.x, seed=seed)
    code, run = tail.at(first.x)
    layout = Layout.of(network, layer, code)
    layout.finite(code)
    answer = run(code)
    if not torch.isfinite(answer).all():
        raise BadInput("the output is not finite", where=network.name, cure="check the weights (pellucid health)")
    loss = choose_loss(network, first.x, answer, kind=kind, labelled=given.labels is not None)
    labels = None if given.labels is None else label_numbers(given.labels, loss, answer.shape[1])
    factors = None if given.factors is None else as_factors(given.factors, len(stream))
    survey = _survey(tail, layout, stream)
    rows = _drawn(len(stream), tests or affordable(tail, survey.codes.shape[1]), seed)
    mean = layout.output(survey.moments.mean()[None].to(code), code)
    own = None if labels is None else labels[rows]
    probe = Probe(tail, layout, loss, _chosen(network, inputs, stream, rows), rows, mean, own)
    refit = fit_refit(survey.moments)
    losses = ablate(probe, refit)
    delta = losses.ablated - losses.untouched[:, None]
    pooled = torch.from_numpy(np.cov(survey.codes.T.astype(np.float64), bias=True).reshape([survey.codes.shape[1]] * 2))
    few = _first(network, inputs, stream, probe, SAMPLES)
    top = np.argsort(-delta.mean(0), kind="stable")[:traverse]
    shown = few.stream.take(slice(0, 1))
    return _Looked(
        probe,
        survey.codes,
        survey.moments.covariance(),
        survey.spread,
        refit,
        losses,
        spectrum(few, pooled, seed=seed),
        kept_curve(probe, delta, survey.moments.covariance().diagonal().numpy(), seed=seed),
        sweep(few, list(top), survey.codes) if len(top) else None,
        None if factors is None else measure(survey.codes.astype(np.float64), factors, seed=seed),
        (stream.names[rows[0]], shown.pictures),
    )


@dataclass(frozen=True)
class _Survey:
    moments: Moments
    codes: np.ndarray
    spread: float


def _survey(tail: Tail, layout: Layout, stream: Stream) -> _Survey:
    """The codes of all samples; of the inputs how far a value lies from its mean, squared, on average."""
    moments, codes = Moments(min(FOLDS, len(stream))), []
    total, squares = torch.zeros(()), 0.0
    size = tail.network.batch_size(stream.take(slice(0, 1)).x, gradient=False)
    for rows, batch in track(stream.batches(size), "codes", total=-(-len(stream) // size)):
        cells = layout.cells(layout.finite(tail.output(batch.x)))
        moments.add(cells, range(rows.start, rows.stop))
        codes.append(cells.mean(1).float().cpu().numpy())
        total = total + batch.x.double().sum(0).cpu()
        squares += float(batch.x.double().square().sum())
    count = len(stream)
    spread = squares / count / total.numel() - float((total / count).square().mean())
    return _Survey(moments, np.concatenate(codes), spread)


def _drawn(total: int, most: int, seed: int) -> list[int]:
    """At most ``most`` of ``total`` rows, ascending."""
    if total <= most:
        return list(range(total))
    drawn = np.random.default_rng(seed).choice(total, most, replace=False)
    return sorted(int(i) for i in drawn)


def _chosen(network: Network, inputs: Inputs, stream: Stream, rows: Sequence[int]) -> Stream:
    """Some of the inputs as a stream of their own."""
    if isinstance(inputs, Tensor):
        return Stream.of(network, inputs[list(rows)])
    items = stream.samples()
    return Stream.of(network, [items[i] for i in rows])


def _first(network: Network, inputs: Inputs, stream: Stream, probe: Probe, most: int) -> Probe:
    """The same probe on its first samples."""
    rows = probe.rows[:most]
    labels = None if probe.labels is None else probe.labels[:most]
    chosen = _chosen(network, inputs, stream, rows)
    return Probe(probe.tail, probe.layout, probe.loss, chosen, rows, probe.mean, labels)


# -- what is told ---------------------------------------------------------------------------------


def _view(
    network: Network,
    ready: Network,
    looked: _Looked,
    asked: Mapping[str, Any],
    variational: bool | None,
    seed: int,
    seconds: float,
) -> View:
    arrays, axes = _arrays(looked)
    variational = looked.probe.tail.random if variational is None else variational
    found = _found(looked, variational)
    name, pictures = looked.picture
    notes = ready.preparation.notes if ready.preparation else ()
    return View(
        kind="neurons",
        arrays=arrays,
        axes=axes,
        table=tuple(_table(looked, variational, seed)),
        options={**asked, "variational": variational, "found": {**found, **_swept(looked)}},
        pictures=pictures,
        names=(name,),
        seconds=seconds,
        notes=(*notes, *_notes(looked)),
        provenance={**network.facts(), "seed": seed},
    )


def _table(looked: _Looked, variational: bool, seed: int) -> list[dict[str, Any]]:
    """A row a unit, the most important first."""
    losses = looked.losses
    figures = {
        "delta": losses.ablated - losses.untouched[:, None],
        "unique": losses.refitted - losses.untouched[:, None],
    }
    if losses.ablated_hits is not None and losses.untouched_hits is not None:
        figures["accuracy_drop"] = losses.untouched_hits[:, None] - losses.ablated_hits
    drawn = weights(np.arange(len(losses.untouched)), seed=seed) / len(losses.untouched)
    ends = {n: np.percentile(drawn @ v, [2.5, 97.5], axis=0) for n, v in figures.items()}
    means = {n: v.mean(0) for n, v in figures.items()}
    variance = looked.covariance.diagonal().numpy()
    partner, r = _partners(looked.covariance)
    total = max(means["delta"].clip(0).sum(), 1e-300)
    rows = []
    for rank, j in enumerate(np.argsort(-means["delta"], kind="stable"), start=1):
        row: dict[str, Any] = {"unit": int(j), "rank": rank}
        for n in figures:
            row |= {n: float(means[n][j]), f"{n}_low": float(ends[n][0, j]), f"{n}_high": float(ends[n][1, j])}
        row |= {"share": float(max(means["delta"][j], 0) / total), "variance": float(variance[j])}
        row |= {"predicted": float(looked.refit.predicted[j]), "most_like": partner[j], "correlation": r[j]}
        row |= {"active": bool(variance[j] > ACTIVE)} if variational else {}
        row |= _said_of(looked.disentangled, int(j))
        rows.append(row)
    return rows


def _partners(covariance: Tensor) -> tuple[list[int | None], list[float | None]]:
    """For each unit the other one that it goes with most, and their correlation; None where it does not vary."""
    scale = covariance.diagonal().clamp_min(0).sqrt()
    still = scale <= 1e-6 * scale.max()
    r = covariance / torch.where(still, 1.0, scale)[:, None] / torch.where(still, 1.0, scale)
    r = r.fill_diagonal_(0).masked_fill(still[:, None] | still, 0)
    best = r.abs().argmax(1)
    value = r.gather(1, best[:, None])[:, 0]
    pairs = [(int(b), float(v)) if v != 0 else (None, None) for b, v in zip(best, value, strict=True)]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def _said_of(found: Disentanglement | None, unit: int) -> dict[str, Any]:
    """The factor that the unit tells most of, and how much of it."""
    if found is None:
        return {}
    shares = found.information[:, unit] / found.entropy
    best = int(shares.argmax())
    return {"factor": found.factors[best], "factor_share": float(shares[best])}


def _arrays(looked: _Looked) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    losses, curve = looked.losses, looked.curve
    by_unit = {
        "delta": losses.ablated.mean(0) - losses.untouched.mean(),
        "unique": losses.refitted.mean(0) - losses.untouched.mean(),
        "variance": looked.covariance.diagonal().numpy(),
        "spectrum/covariance": eigenvalues(looked.covariance),
        "spectrum/answer": looked.spectrum.values,
        "spectrum/answer_error": looked.spectrum.error,
    }
    by_step = {
        "curve/kept": curve.kept,
        "curve/importance": curve.importance.mean(0),
        "curve/variance": curve.variance.mean(0),
        "curve/random": curve.random.mean(0),
        "curve/random_low": curve.random.min(0),
        "curve/random_high": curve.random.max(0),
    }
    arrays = {**by_unit, **by_step}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(by_unit, ("unit",)) | dict.fromkeys(by_step, ("step",))
    if looked.disentangled is not None:
        arrays |= {"factors/information": looked.disentangled.information}
        arrays |= {"factors/importance": looked.disentangled.importance}
        axes |= dict.fromkeys(("factors/information", "factors/importance"), ("class", "unit"))
    more, more_axes = _traversals(looked)
    return arrays | more, axes | more_axes


def _traversals(looked: _Looked) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """traversal/units, traversal/values, and the answers: pictures, matrices, or the outputs that change most."""
    swept, loss = looked.sweep, looked.probe.loss
    if swept is None:
        return {}, {}
    arrays = {"traversal/units": swept.units, "traversal/values": swept.values}
    axes: dict[str, tuple[str, ...]] = {"traversal/units": ("unit",), "traversal/values": ("unit", "step")}
    if loss.kind == "reconstruction":
        images = {"traversal/images": _images(loss, swept.answers.flatten(0, 1)), "traversal/untouched": None}
        images["traversal/untouched"] = _images(loss, swept.untouched)
        shape = swept.values.shape + images["traversal/images"].shape[1:]
        arrays |= {"traversal/images": images["traversal/images"].reshape(shape)}
        arrays |= {"traversal/untouched": images["traversal/untouched"][0]}
        own = ("height", "width", "channel")
        axes |= {"traversal/images": ("unit", "step", *own), "traversal/untouched": own}
        return arrays, axes
    answers = _outputs(loss, swept.answers)
    followed = most_moved(answers)
    arrays |= {"traversal/outputs": np.take_along_axis(answers, followed[:, None], 2), "traversal/followed": followed}
    axes |= {"traversal/outputs": ("unit", "step", "class"), "traversal/followed": ("unit", "class")}
    return arrays, axes


def _images(loss: Loss, answers: Tensor) -> np.ndarray:
    """Reconstructions as pictures (uint8) or as the numbers of matrices: [n, height, width, channel]."""
    spec = loss.network.input
    x = answers.reshape(len(answers), spec.channels, *_size_of(answers, loss)).float()
    pictures = spec.pictures(x)
    return x.permute(0, 2, 3, 1).numpy() if pictures is None else pictures


def _size_of(answers: Tensor, loss: Loss) -> tuple[int, int]:
    return tuple(answers.shape[2:]) if answers.ndim == 4 else loss.network.input.size


def _outputs(loss: Loss, answers: Tensor) -> np.ndarray:
    """Probabilities (means over a map's places), or values: float32 [units, steps, outputs]."""
    flat = answers.flatten(0, 1).float()
    if loss.kind == "classes":
        flat = loss.network.probabilities(flat)
        flat = flat.flatten(2).mean(2) if flat.ndim > 2 else flat
    return flat.reshape(*answers.shape[:2], -1).numpy()


def _swept(looked: _Looked) -> dict[str, Any]:
    """The names of the outputs that the sweeps follow."""
    if looked.sweep is None or looked.probe.loss.kind == "reconstruction":
        return {}
    followed = most_moved(_outputs(looked.probe.loss, looked.sweep.answers))
    return {"followed": [[looked.probe.loss.network.class_name(int(i)) for i in row] for row in followed]}


def _found(looked: _Looked, variational: bool) -> dict[str, Any]:
    """The figures that concern the whole layer."""
    probe, losses, curve = looked.probe, looked.losses, looked.curve
    delta = losses.ablated.mean(0) - losses.untouched.mean()
    variance = looked.covariance.diagonal().numpy()
    naive = eigenvalues(looked.covariance)
    varies = variance > 0
    found = {
        "loss": probe.loss.name,
        "kind": probe.loss.kind,
        "labelled": probe.loss.labelled,
        "untouched": float(losses.untouched.mean()),
        "accuracy": None if losses.untouched_hits is None else float(losses.untouched_hits.mean()),
        "none": float(curve.importance[:, 0].mean()),
        "samples": len(looked.codes),
        "tests": len(losses.untouched),
        "units": len(delta),
        "places": int(probe.layout.cells(probe.mean).shape[1]),
        "input_variance": looked.spread,
        "enough": _enough(curve, losses),
        "eigenvalues_positive": int((naive > _rounding(naive)).sum()),
        "eigenvalue_smallest": float(naive[-1]),
        "eigenvalue_directions": directions(naive),
        "answer_directions": directions(looked.spectrum.values),
        "answer_total": float(looked.spectrum.values.sum()),
        "answer_total_error": looked.spectrum.total_error,
        "answer_samples": looked.spectrum.samples,
        "answer_how": looked.spectrum.how,
        "variance_rank_correlation": _rank_correlation(variance, delta),
        "most_varied": int(variance.argmax()),
        "most_varied_rank": int((delta > delta[int(variance.argmax())]).sum()) + 1,
        "still": int((~varies | (variance <= 1e-12 * variance.max())).sum()),
        "ridge": looked.refit.ridge,
        "run": probe.tail.how,
        "random": probe.tail.random,
    }
    if variational:
        found |= {"active": int((variance > ACTIVE).sum())}
    return found | _factor_figures(looked.disentangled)


def _rounding(naive: np.ndarray) -> float:
    """Eigenvalues that float64 cannot tell from zero."""
    return float(len(naive) * np.finfo(np.float64).eps * max(abs(naive[0]), abs(naive[-1])))


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's; None where one of them is the same everywhere."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


def _enough(curve: Curve, losses: Losses) -> int | None:
    """The smallest number of units, of those tried, that brings back 90 % of what is lost without any."""
    none, whole = curve.importance[:, 0].mean(), losses.untouched.mean()
    if none <= whole:
        return None
    back = (none - curve.importance.mean(0)) / (none - whole)
    return int(curve.kept[np.flatnonzero(back >= ENOUGH)[0]]) if (back >= ENOUGH).any() else None


def _factor_figures(found: Disentanglement | None) -> dict[str, Any]:
    if found is None:
        return {}
    each = [
        {"factor": n, "mig": float(g), "completeness": float(c), "informativeness": float(i)}
        for n, g, c, i in zip(found.factors, found.gap, found.completeness, found.informativeness, strict=True)
    ]
    return {
        "mig": found.mig,
        "mig_chance": found.chance,
        "disentanglement": found.disentanglement,
        "completeness": float(found.completeness.mean()),
        "informativeness": float(found.informativeness.mean()),
        "dci_model": found.model,
        "factors": each,
    }


def _notes(looked: _Looked) -> list[str]:
    notes = []
    if looked.probe.tail.random:
        notes.append("behind the layer random numbers are drawn: every pass began with the same seed")
    if looked.probe.tail.how == "whole":
        notes.append("the whole network ran for every ablation, for what is behind the layer could not be run alone")
    return notes
