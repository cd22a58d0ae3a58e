"""What was measured of a layer's units, as a view: the table, the arrays, and the figures of the whole layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from pellucid.core.types import View
from pellucid.features.coding.ablation import Curve, Losses, Probe
from pellucid.features.coding.disentanglement import Disentanglement
from pellucid.features.coding.loss import Loss
from pellucid.features.coding.refit import Refit
from pellucid.features.coding.spectrum import Spectrum, directions, eigenvalues
from pellucid.features.coding.traversal import Sweep, most_moved
from pellucid.features.resampling import weights
from pellucid.models.autoencoders import is_variational
from pellucid.models.layers import CODE
from pellucid.models.network import Network

#: A unit of a variational code whose mean varies by more than this is active (Burda et al. 2016, arXiv:1509.00519).
ACTIVE = 0.01

#: Of what is lost without any unit, the share that the most important ones should bring back to be called enough.
ENOUGH = 0.9


@dataclass(frozen=True)
class Looked:
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


def view_of(
    network: Network,
    ready: Network,
    looked: Looked,
    asked: Mapping[str, Any],
    variational: bool | None,
    seed: int,
    seconds: float,
) -> View:
    """Everything that was measured of ``network``'s layer (by its fast copy ``ready``) as the view that is returned.

    asked: the options as given. variational: as given; None where nobody said.
    """
    arrays, axes = _arrays(looked)
    if variational is None:
        variational = looked.probe.tail.random or (asked["layer"] == CODE and is_variational(network.module))
    found = {**_found(looked, variational, seed), "is_answer": _is_answer(network, asked["layer"])}
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


def _table(looked: Looked, variational: bool, seed: int) -> list[dict[str, Any]]:
    """A row a unit, the most important first."""
    losses = looked.losses
    figures = {
        "delta": losses.ablated - losses.untouched[:, None],
        "unique": losses.refitted - losses.untouched[:, None],
    }
    if losses.ablated_hits is not None and losses.untouched_hits is not None:
        name = "accuracy_drop" if looked.probe.loss.labelled else "changed"
        figures[name] = losses.untouched_hits[:, None] - losses.ablated_hits
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
    return {
        "factor": found.factors[best],
        "factor_share": float(shares[best]),
        "factor_share_chance": float(found.share_chance[unit]),
    }


def _arrays(looked: Looked) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
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


def _traversals(looked: Looked) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """traversal/units, traversal/values, and the answers: pictures, matrices, or the outputs that change most."""
    swept, loss = looked.sweep, looked.probe.loss
    if swept is None:
        return {}, {}
    arrays = {"traversal/units": swept.units, "traversal/values": swept.values}
    axes: dict[str, tuple[str, ...]] = {"traversal/units": ("unit",), "traversal/values": ("unit", "step")}
    if loss.kind == "reconstruction":
        images = _images(loss, swept.answers.flatten(0, 1))
        own = ("height", "width", "channel")
        arrays |= {"traversal/images": images.reshape(*swept.values.shape, *images.shape[1:])}
        arrays |= {
            "traversal/untouched": _images(loss, swept.untouched)[0],
            "traversal/input": _images(loss, swept.x)[0],
        }
        axes |= {"traversal/images": ("unit", "step", *own), "traversal/untouched": own, "traversal/input": own}
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


def _swept(looked: Looked) -> dict[str, Any]:
    """The names of the outputs that the sweeps follow."""
    if looked.sweep is None or looked.probe.loss.kind == "reconstruction":
        return {}
    followed = most_moved(_outputs(looked.probe.loss, looked.sweep.answers))
    return {"followed": [[looked.probe.loss.network.class_name(int(i)) for i in row] for row in followed]}


def _is_answer(network: Network, layer: str) -> bool:
    """Whether the layer's output is what the network gives: no other module runs behind it."""
    tree = network.tree()
    order = next((l.order for l in tree if l.name == layer), None)
    later = [l.name for l in tree if order is not None and l.order > order]
    return network.output == "values" and order is not None and all(layer.startswith(f"{n}.") for n in later)


def _found(looked: Looked, variational: bool, seed: int) -> dict[str, Any]:
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
        "top": _top(losses, seed),
        "run": probe.tail.how,
        "random": probe.tail.random,
    }
    if variational:
        found |= {"active": int((variance > ACTIVE).sum())}
    return found | _factor_figures(looked.disentangled)


def _top(losses: Losses, seed: int) -> dict[str, Any] | None:
    """The unit that the odd samples put first, and what the even ones, which had no say in it, lose without it."""
    delta = losses.ablated - losses.untouched[:, None]
    chosen, held = delta[1::2], delta[::2]
    if len(chosen) < 2:
        return None
    unit = int(np.argsort(-chosen.mean(0), kind="stable")[0])
    drawn = weights(np.arange(len(held)), seed=seed) @ held[:, unit] / len(held)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "unit": unit,
        "delta": float(held[:, unit].mean()),
        "low": float(low),
        "high": float(high),
        "tests": len(held),
    }


def _rounding(naive: np.ndarray) -> float:
    """Eigenvalues that float64 cannot tell from zero."""
    return float(len(naive) * np.finfo(np.float64).eps * max(abs(naive[0]), abs(naive[-1])))


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's; None where one of them is the same everywhere."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


def _enough(curve: Curve, losses: Losses) -> tuple[int, int] | None:
    """Between which numbers of units the first lies that brings back 90 % of what is lost without any."""
    none, whole = curve.importance[:, 0].mean(), losses.untouched.mean()
    if none <= whole:
        return None
    back = (none - curve.importance.mean(0)) / (none - whole)
    if not (back >= ENOUGH).any():
        return None
    first = int(np.flatnonzero(back >= ENOUGH)[0])
    return int(curve.kept[first - 1]) + 1, int(curve.kept[first])


def _factor_figures(found: Disentanglement | None) -> dict[str, Any]:
    if found is None:
        return {}
    each = [
        {
            "factor": name,
            "mig": float(found.gap[i]),
            "completeness": float(found.completeness[i]),
            "completeness_chance": float(found.completeness_chance[i]),
            "informativeness": found.informativeness[i],
            "informativeness_chance": found.informativeness_chance[i],
        }
        for i, name in enumerate(found.factors)
    ]
    return {
        "mig": found.mig,
        "mig_chance": found.chance,
        "disentanglement": found.disentanglement,
        "disentanglement_chance": found.disentanglement_chance,
        "completeness": float(found.completeness.mean()),
        "completeness_chance": float(found.completeness_chance.mean()),
        "informativeness": _mean_told(found.informativeness),
        "informativeness_chance": _mean_told(found.informativeness_chance),
        "dci_model": found.model,
        "factors": each,
    }


def _mean_told(figures: Sequence[float | None]) -> float | None:
    told = [f for f in figures if f is not None]
    return float(np.mean(told)) if told else None


def _notes(looked: Looked) -> list[str]:
    notes = []
    if looked.disentangled is not None:
        found = looked.disentangled
        notes += [
            f"informativeness of factor {name!r} is not known: its value is the same in all samples held out"
            for name, told in zip(found.factors, found.informativeness, strict=True)
            if told is None
        ]
    if looked.probe.tail.random:
        notes.append("behind the layer random numbers are drawn: every pass began with the same seed")
    if looked.probe.tail.how == "whole":
        notes.append("the whole network ran for every ablation, for what is behind the layer could not be run alone")
    return notes
