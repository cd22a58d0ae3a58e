"""``pellucid.invariance``: what each layer makes of a transform, and from where to re-train if that is wrong."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.labels import matched, read_columns
from pellucid.data.stream import Stream
from pellucid.features.equivariance import cka as alignment
from pellucid.features.equivariance import probe
from pellucid.features.equivariance.channel_map import unexplained
from pellucid.features.equivariance.cut import Cut, find_cut
from pellucid.features.equivariance.pairs import Distances, Pairs, refuse_nothing_in_common
from pellucid.features.equivariance.parity import Parity, check_parity
from pellucid.features.equivariance.taking import take, vector_or_map_layers
from pellucid.features.equivariance.transforms import Transform, parse
from pellucid.features.resampling import Interval, ratio, weights
from pellucid.features.table import views
from pellucid.models.memory import SHARE, free_bytes
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: Fewer pictures have no second one in each quarter; with fewer than ``ENOUGH`` the intervals are wide.
FEWEST, ENOUGH = 4, 128

#: From fewer groups no cut is read: a probe of so few is right by luck too often.
FOR_A_CUT = 40

_EXAMPLES = 4


@views.register(
    "invariance",
    question="At which layer does a network stop telling a picture from its mirror image, and how do I break that?",
    source="Lenc & Vedaldi 2015, arXiv:1411.5908; Kornblith et al. 2019, arXiv:1905.00414",
)
def invariance(
    network: Network,
    inputs: Inputs,
    transform: str | Transform = "hflip",
    layers: str | Sequence[str] | None = None,
    *,
    labels: str | Path | Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
) -> View:
    """Measure, layer by layer, how much of a transform T of pictures x is lost, kept, or mapped.

    transform: "hflip", "vflip", "rotate:90", "shift:16,0", "scale:1.25" or "brightness:1.3". layers: patterns
    (default: one a resolution); also layers that give one vector a picture. labels: one a picture, or a table with the
    columns image, label and, where several pictures show one thing, group; without, the probe tells x from Tx.
    groups: one a picture; groups are never parted between fitting and judging, and are drawn as a whole. size: of the
    input; None takes the network's own, or the next larger one whose strides are aligned with the mirror.

    The table has a row a layer, each figure with a 95 % bootstrap interval (``…_low``, ``…_high``) over pictures:

    - d_inv = E‖φ(Tx) − φ(x)‖² / E‖φ(x) − φ(x')‖²: 0 is invariant, about 1 is another picture; None where T changes the
      number of places. d_inv_pooled: the same of averages over all places.
    - d_eq: the same with T⁻¹φ(Tx), undone on the maps (0: the map moves along); None without places.
    - d_map = 1 − R² of a ridge map between channels from T⁻¹φ(Tx) to φ(x), judged on the half it was not fitted on.
    - cka: debiased CKA of the averages of x and Tx: the same information, which is not invariance.
    - probe, probe_parts: balanced accuracy of a logistic regression on averages over all places, and over halves (or
      quarters) apart. None where T leaves an edge that the probe could read, unless there are labels.
    - parity_floor: the d_eq that misaligned strides alone cause, kernels made symmetric; None where T has no sides.

    options has the cut (the deepest layer whose probe is within two standard errors of the best; None with fewer than
    40 groups), ``unfreeze_from``
    (the first module behind it) and ``pooled_apart`` (a deeper layer where only the pooling has to change);
    ``never_averaged`` says that no average tells what parts do, and the cut is the first layer whose parts do.
    d_inv/LAYER and d_eq/LAYER are each picture's own share, float32 [sample].

    Raises BadInput for fewer than four pictures or groups, and with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    change = parse(transform)
    network = _sized(network, size)
    stream = Stream.of(network, inputs)
    asked = _asked(stream, labels, groups)
    names = vector_or_map_layers(network, layers)
    few = stream.take(slice(0, 2)).x  # two differ, which is all that alignment needs
    resizable = size is None and not isinstance(inputs, torch.Tensor) and not network.input.is_matrix
    parity = check_parity(network, few, names, change, resizable=resizable)
    if parity is not None and parity.resized:
        network = _sized(network, parity.size)
        stream = Stream.of(network, inputs)
    drawn = weights(asked.groups, seed=seed)
    probed = _probed(asked.groups, probe.MOST // (1 if asked.labels is not None else 2), seed)
    ready = network.prepared(keep=names)
    with untouched(ready.module):
        found = _collect(ready, stream, names, change, probed, seed)
    question = _question(asked, change, probed, drawn)
    judged = [_judge(found.pop(name), name, asked.groups, question, drawn, seed) for name in track(names, "measures")]
    scores = [{n: j.scores[k] for n, j in zip(names, judged, strict=True) if k in j.scores} for k in _PROBES]
    enough = int(asked.groups.max()) + 1 >= FOR_A_CUT
    cut = find_cut(*scores, question.chance, network.tree()) if question and enough else Cut(None, None, None)
    arrays, axes, pictures = _arrays(network, stream, change, judged)
    return View(
        kind="invariance",
        arrays=arrays,
        axes=axes,
        table=tuple({**j.row, **_floor(parity, j.row["layer"])} for j in judged),
        options={
            "transform": change.text,
            "transform_in_words": change.words,
            "layers": tuple(names),
            "pictures": len(stream),
            "groups": int(asked.groups.max()) + 1,
            "size": network.input.size if not isinstance(inputs, torch.Tensor) else tuple(few.shape[-2:]),
            "parity": None if parity is None else _parity_facts(parity),
            **_probe_facts(question, asked, change, cut),
        },
        pictures=pictures,
        names=stream.names,
        seconds=time.perf_counter() - began,
        notes=_notes(ready, change, judged, asked, probed, network),
        provenance={**network.facts(), "seed": seed},
    )


# -- what was asked -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Asked:
    """groups: int [n], from 0. labels: int [n] from 0, with their names; None where x and Tx are to be told apart."""

    groups: np.ndarray
    labels: np.ndarray | None = None
    names: tuple[str, ...] = ()


def _sized(network: Network, size: int | tuple[int, int] | None) -> Network:
    if size is None:
        return network
    size = (size, size) if isinstance(size, int) else (size[0], size[1])
    if size == network.input.size:
        return network
    return dataclasses.replace(network, input=dataclasses.replace(network.input, size=size), _cache={})


def _asked(stream: Stream, labels: Any, groups: Sequence[Any] | None) -> _Asked:
    """Labels and groups as numbers, checked against the pictures."""
    if len(stream) < FEWEST:
        cure = f"pass at least {FEWEST} different ones, better {ENOUGH}"
        raise BadInput(f"{len(stream)} picture{'s' * (len(stream) > 1)} cannot say what another picture is", cure=cure)
    where = "labels"
    if isinstance(labels, str | os.PathLike):
        where = os.fspath(labels)
        columns = matched(read_columns(labels), stream.sources, where=where)
        groups = columns.pop("group", None) if groups is None else groups
        labels = _label_column(columns, where)
    numbered = _numbers(range(len(stream)) if groups is None else groups, len(stream), "groups")[0]
    if int(numbered.max()) + 1 < FEWEST:
        what = f"{int(numbered.max()) + 1} groups are too few to fit on some and judge on others"
        raise BadInput(what, where="groups", cure=f"pass pictures of at least {FEWEST} things")
    if labels is None:
        return _Asked(numbered)
    found, names = _numbers(labels, len(stream), where)
    if len(names) < 2:
        raise BadInput(f"every picture is labelled {names[0]!r}", where=where, cure="pass pictures of two kinds")
    for i, name in enumerate(names):
        if len(np.unique(numbered[found == i])) < 2:
            what = f"label {name!r} is in one group only, which cannot be both fitted and judged on"
            raise BadInput(what, where=where, cure="label more pictures, or leave that label out")
    return _Asked(numbered, found, names)


def _label_column(columns: Mapping[str, list[str]], where: str) -> list[str]:
    if "label" in columns:
        return columns["label"]
    if len(columns) != 1:
        told = ", ".join(map(repr, columns)) or "none"
        raise BadInput(f"its columns beside the pictures' are {told}", where=where, cure="call the one to tell 'label'")
    return next(iter(columns.values()))


def _numbers(values: Any, count: int, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Each value's number in the order of the sorted names."""
    told = [str(v) for v in values]
    if len(told) != count:
        raise BadInput(f"{len(told)} for {count} pictures", where=where, cure="pass one a picture, in their order")
    names, numbers = np.unique(np.array(told), return_inverse=True)
    return numbers.astype(np.int64), tuple(map(str, names))


def _probed(groups: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Which pictures are probed, whole groups: bool [n]; all where there are few enough."""
    if len(groups) <= most:
        return np.ones(len(groups), bool)
    order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
    enough = np.cumsum(np.bincount(groups)[order]) <= most
    return np.isin(groups, order[enough])


def _question(asked: _Asked, change: Transform, probed: np.ndarray, drawn: np.ndarray) -> probe.Question | None:
    groups, weight = asked.groups[probed], drawn[:, probed]
    if asked.labels is not None:
        return probe.Question(asked.labels[probed], groups, asked.names, weight)
    if change.fills:
        return None
    labels = np.repeat([0, 1], len(groups))
    return probe.Question(labels, np.tile(groups, 2), ("as it is", change.words), np.tile(weight, 2))


# -- measured -------------------------------------------------------------------------------------


def _collect(
    network: Network, stream: Stream, layers: Sequence[str], change: Transform, probed: np.ndarray, seed: int
) -> dict[str, Pairs]:
    """Two passes a batch, one of the pictures and one of them transformed, serve all layers."""
    room = SHARE * free_bytes(torch.device("cpu")) / len(layers)
    first = stream.take(slice(0, 1)).x
    size = (first.shape[-2], first.shape[-1])
    mine = torch.from_numpy(probed)
    found = {name: Pairs(change, mine, size, bytes_free=room, seed=seed) for name in layers}
    each = network.batch_size(first, gradient=False)
    for _, batch in track(stream.batches(each), "pictures, twice", total=-(-len(stream) // each)):
        before = take(network, batch.x, layers)
        after = take(network, change.on_pictures(batch.x, network.input), layers)
        for name, pairs in found.items():
            pairs.add(before.pop(name), after.pop(name))
    for name, pairs in found.items():
        refuse_nothing_in_common(pairs, name)
    return found


_PROBES = ("probe", "probe_parts")


@dataclasses.dataclass(frozen=True)
class _Judged:
    """A layer's row, each picture's own shares [n] by name, its probes' scores, and what must be said."""

    row: dict[str, Any]
    shares: dict[str, np.ndarray]
    scores: dict[str, Interval]
    exact: bool


def _judge(
    pairs: Pairs, name: str, groups: np.ndarray, question: probe.Question | None, drawn: np.ndarray, seed: int
) -> _Judged:
    height, width = pairs.grid
    row: dict[str, Any] = {"layer": name, "resolution": f"{height} × {width}" if height * width > 1 else "vector"}
    row["channels"] = pairs.channels
    shares = {}
    for key, distances in (("d_inv", pairs.moved), ("d_inv_pooled", pairs.averaged), ("d_eq", pairs.kept)):
        row |= _share(key, distances, drawn)
        if distances is not None and distances.spread > 0 and key != "d_inv_pooled":
            shares[key] = (distances.apart / distances.spread).float().numpy()
    half = np.random.default_rng(seed).permutation(int(groups.max()) + 1) % 2 == 0
    left, total = unexplained(pairs.undone, pairs.before, torch.from_numpy(half[groups]), seed=seed)
    row |= _cells("d_map", ratio(left.numpy(), total.numpy(), drawn))
    row |= _cells("cka", _alignment(pairs, drawn, seed))
    scores = {} if question is None else _scores(pairs, question, seed)
    for key in _PROBES:
        row |= _cells(key, scores.get(key))
    return _Judged(row, shares, scores, pairs.is_exact)


def _share(name: str, distances: Distances | None, drawn: np.ndarray) -> dict[str, float | None]:
    if distances is None or distances.spread <= 0:
        return _cells(name, None)
    value = float(distances.apart.mean()) / distances.spread
    return _cells(name, ratio(distances.apart.numpy(), distances.around.numpy(), drawn, value=value))


def _cells(name: str, interval: Interval | None) -> dict[str, float | None]:
    """A figure and its interval for the table; empty cells where there is none."""
    if interval is None or not np.isfinite(interval.value) or not np.isfinite(interval.draws).any():
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {**interval.named(name)}


def _alignment(pairs: Pairs, drawn: np.ndarray, seed: int) -> Interval:
    rows = np.sort(np.random.default_rng(seed).permutation(pairs.count)[: alignment.MOST])
    return alignment.cka(pairs.pooled[rows], pairs.pooled_after[rows], drawn[:, rows])


def _scores(pairs: Pairs, question: probe.Question, seed: int) -> dict[str, Interval]:
    """The probe on averages, and on parts where the layer has places."""
    chosen = pairs.probed
    features = {"probe": (pairs.pooled[chosen], pairs.pooled_after[chosen])}
    if pairs.grid[0] * pairs.grid[1] > 1:
        features["probe_parts"] = (pairs.parts, pairs.parts_after)
    both = len(question.labels) == 2 * int(chosen.sum())
    told = {k: torch.cat([a, b]) if both else a for k, (a, b) in features.items()}
    return {k: probe.score(probe.right(x.numpy(), question, seed=seed), question) for k, x in told.items()}


# -- what is told ---------------------------------------------------------------------------------


def _arrays(
    network: Network, stream: Stream, change: Transform, judged: Sequence[_Judged]
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]], np.ndarray | None]:
    """Each picture's own shares, the first picture transformed, and the first few as they are."""
    arrays = {f"{kind}/{j.row['layer']}": v for j in judged for kind, v in j.shares.items()}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(arrays, ("sample",))
    batch = stream.take(slice(0, _EXAMPLES))
    after = network.input.pictures(change.on_pictures(batch.x[:1], network.input))
    if batch.pictures is not None and after is not None:
        arrays["example"], axes["example"] = after[0], ("height", "width", "channel")
    return arrays, axes, batch.pictures


def _probe_facts(question: probe.Question | None, asked: _Asked, change: Transform, cut: Cut) -> dict[str, Any]:
    what = "labels" if asked.labels is not None else "transformed or not"
    return {
        "probe": what if question else None,
        "classes": question.names if question else (),
        "chance": question.chance if question else None,
        "parts": change.parts_in_words,
        "groups_for_a_cut": FOR_A_CUT,
        "cut": cut.layer,
        "unfreeze_from": cut.unfreeze_from,
        "pooled_apart": cut.pooled_apart,
        "never_averaged": cut.never,
    }


def _floor(parity: Parity | None, layer: str) -> dict[str, float | None]:
    return {} if parity is None else {"parity_floor": parity.floor.get(layer)}


def _parity_facts(parity: Parity) -> dict[str, Any]:
    return {
        "aligned": parity.aligned if parity.floor else not parity.culprits,
        "resized": parity.resized,
        "culprits": parity.culprits,
        "worst": max(parity.given.values(), default=None),
        "worst_here": max(parity.floor.values(), default=None),
        "note": parity.note,
    }


def _notes(
    ready: Network,
    change: Transform,
    judged: Sequence[_Judged],
    asked: _Asked,
    probed: np.ndarray,
    network: Network,
) -> tuple[str, ...]:
    notes = list(ready.preparation.notes if ready.preparation else ())
    between = [j.row["layer"] for j in judged if not j.exact and j.row["d_eq"] is not None]
    if between:
        which = "every layer" if len(between) == len(judged) else ", ".join(between)
        notes.append(f"undone between the places of the maps, by interpolation, which D_eq counts as change: {which}")
    if change.fills:
        notes.append("places that only one picture of a pair shows are left out; what receptive fields bring in is not")
    if change.fills and asked.labels is None:
        notes.append("no probe: it would tell the transformed pictures by their filled-in edge (pass labels)")
    if not change.moves:
        notes.append("places do not move, so D_eq is D_inv")
    if not probed.all():
        notes.append(f"the probe saw {int(probed.sum())} of {len(probed)} pictures, drawn with the seed")
    if len(probed) > alignment.MOST:
        notes.append(f"CKA compares {alignment.MOST} of {len(probed)} pictures, drawn with the seed")
    tokens = {l.name for l in network.tree() if l.grid and l.grid.kind == "tokens"}
    if change.moves and any(j.row["layer"] in tokens for j in judged):
        notes.append("tokens carry what tells their position, which does not move: D_eq and D_map count it as change")
    return tuple(notes)
