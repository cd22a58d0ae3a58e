"""PatternNet and PatternAttribution: the backward pass through patterns, which say what a neuron detects.

A neuron's weights say how to filter a signal out, also by cancelling distractors; its pattern says
what the signal looks like (Haufe et al. 2014; Kindermans et al. 2018, arXiv:1705.05598). Patterns are
fitted to a stream of images once, by ``fit_patterns``, and passed to the methods, frozen and bound to the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.relevance.operations import Affine, Call, affine_of
from pellucid.attribution.relevance.tape import Tape, flow, trace
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core import archive
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import TINY
from pellucid.data.batches import Inputs, as_batch
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

Estimator = Literal["relu", "linear"]

#: No score is so large; a deep network's projected signal may be.
FAR_FROM_ANY_SCORE = 1e6

#: Beyond this the signal is projected once more, that much smaller, before float32 ends.
HUGE = 1e30

#: Fewer images than this are said to be few.
FEW = 100

#: Activations that are open for positive inputs, whose patterns the two-component estimator fits.
_RECTIFIERS = frozenset({"relu", "relu6", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "hardswish", "clamp_min"})


@archive.kind("patterns")
@dataclass(frozen=True)
class Patterns:
    """A pattern for each neuron of each layer with weights, of the weights' own shape.

    arrays: by the layer's name and its use in a pass. estimator: "relu" (two components) or "linear".
    weights_sha256: whose patterns they are. images: how many they were fitted to. silent: the share of
    neurons, by layer, that no image made fire, whose pattern is zero.
    """

    arrays: Mapping[str, np.ndarray]
    estimator: str
    weights_sha256: str
    model: str
    images: int
    silent: Mapping[str, float] = field(default_factory=dict)

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file; ``pellucid.load`` gives them back."""
        return archive.save(path, self)

    def __repr__(self) -> str:
        return f"Patterns({self.model}: {len(self.arrays)} layers, {self.estimator}, fitted to {self.images} images)"


# -- fitting --------------------------------------------------------------------------------------


def fit_patterns(network: Network, inputs: Inputs, *, estimator: Estimator = "relu") -> Patterns:
    """Fit a pattern for each neuron to a stream of inputs (eq. 5 and 8), in one pass.

    inputs: as for ``pellucid.explain``; a few hundred images of the kind that the network was trained on are
    enough for convolutions, whose every position counts. estimator: "relu" looks at where a
    rectified neuron fires, "linear" at all. Layers that no rectifier follows take the linear one.
    """
    if estimator not in ("relu", "linear"):
        raise BadInput(f"estimator is {estimator!r}", cure="pass 'relu' or 'linear'")
    ready = _folded(network)
    sums: dict[str, Moments] = {}
    count = 0
    with untouched(ready.module):
        for x in _batches(ready, inputs):
            watch = _Fit(sums)
            tape = Tape(watch)
            leaf = tape.begin(x)
            with torch.enable_grad(), tape.watching(ready.module):
                ready(leaf)
            watch.add(estimator)
            count += len(x)
    if not sums:
        raise BadInput("the network has no layer with weights", where=network.name, cure="use method gradient")
    fitted = {key: each.pattern() for key, each in sums.items()}
    silent = {key: share for key, (_, share) in fitted.items() if share}
    arrays = {key: pattern.float().cpu().numpy() for key, (pattern, _) in fitted.items()}
    return Patterns(arrays, estimator, network.facts()["weights_sha256"], network.name, count, silent)


def _batches(network: Network, inputs: Inputs) -> Iterator[Tensor]:
    """The inputs as batches that fit, read one batch at a time."""
    many = inputs if isinstance(inputs, list | tuple | Tensor) else [inputs]
    size = network.batch_size(network.probe(), gradient=True)
    for start in track(range(0, len(many), size), "patterns"):
        yield as_batch(network.input, many[start : start + size], network.device, network.dtype).x


def _folded(network: Network) -> Network:
    """Patterns belong to what a rectifier sees, so batch norm must be part of the layer before it."""
    return network if network.preparation else network.prepared()


@dataclass
class _Fit:
    """Notes each linear call with what went in and came out, and whether a rectifier follows."""

    sums: dict[str, Moments]
    seen: dict[str, tuple[Call, Affine, Tensor, Tensor]] = field(default_factory=dict)
    makers: dict[int, str] = field(default_factory=dict)
    rectified: set[str] = field(default_factory=set)

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call as it is."""
        if call.name in _RECTIFIERS and (maker := trace(call.operands[0]).maker) in self.makers:
            self.rectified.add(self.makers[maker])
        output = call(*call.operands)
        affine = affine_of(call) if call.kind == "weighted" else None
        if affine is not None and affine.weight is not None:
            key = _key(call, self.seen)
            self.makers[call.index] = key
            self.seen[key] = (call, affine, call.operands[0].detach().clone(), output.detach().clone())
        return output

    @torch.no_grad()
    def add(self, estimator: str) -> None:
        """Add what was noted to the sums."""
        for key, (call, affine, x, y) in self.seen.items():
            open_only = estimator == "relu" and key in self.rectified
            if key not in self.sums:
                self.sums[key] = Moments.empty(affine.weight, channel_dim(call), open_only)
            self.sums[key].add(affine, x, y)


def _key(call: Call, taken: Mapping[str, Any]) -> str:
    """A linear call's name: its layer, numbered from its second use on."""
    key, use = call.layer, 1
    while key in taken:
        use += 1
        key = f"{call.layer}:{use}"
    return key


def channel_dim(call: Call) -> int:
    """Where a weight has its outputs."""
    return 1 if call.name.startswith("conv_transpose") else 0


@dataclass
class Moments:
    """Sums over all positions, for each neuron: of x, of y and of x·y where it counts, and of y everywhere."""

    weight: Tensor
    out: int
    open_only: bool
    n: Tensor
    n_all: float
    x: Tensor
    y_all: Tensor
    xy: Tensor

    @staticmethod
    def empty(weight: Tensor, out: int, open_only: bool) -> Moments:
        """Nothing added yet."""
        zero, one_each = torch.zeros_like(weight, dtype=torch.float64), weight.new_zeros(weight.shape[out]).double()
        return Moments(weight.double(), out, open_only, one_each, 0.0, zero, one_each.clone(), zero.clone())

    def add(self, affine: Affine, x: Tensor, y: Tensor) -> None:
        """Add a batch: x into the layer, y out of it. Σ x·y over patches is the weight's gradient for y."""
        mask = (y > 0).to(y.dtype) if self.open_only else torch.ones_like(y)
        with torch.enable_grad():
            weight = affine.weight.detach().requires_grad_(True)
            output = affine.apply(x, weight)
            (xy,) = torch.autograd.grad(output, weight, y * mask, retain_graph=True)
            (mean,) = torch.autograd.grad(output, weight, mask)
        channel = 1 if affine.weight.ndim > 2 else -1  # convolutions have their channels second, dense layers last
        rows, masks = (t.movedim(channel, 0).flatten(1) for t in (y, mask))
        self.xy += xy.double()
        self.x += mean.double()
        self.n += masks.double().sum(1)
        self.n_all += rows.shape[1]
        self.y_all += rows.double().sum(1)

    def pattern(self) -> tuple[Tensor, float]:
        """cov(x, y) / wᵀcov(x, y), over where the neuron counts; and the share of neurons that never did."""
        each = [1] * self.weight.ndim
        each[self.out] = -1
        n = self.n.clamp(min=1).view(each)
        covariance = self.xy / n - self.x / n * (self.y_all / self.n_all).view(each)
        others = [d for d in range(self.weight.ndim) if d != self.out]
        scale = (self.weight * covariance).sum(others, keepdim=True)
        fires = (self.n.view(each) > 1) & (scale.abs() > TINY)
        pattern = torch.where(fires, covariance / torch.where(fires, scale, 1), 0)
        return pattern, 1 - float(fires.double().mean())


# -- the methods ----------------------------------------------------------------------------------


@methods.register("pattern_net", group="signal", source="arXiv:1705.05598", cost="1 gradient, patterns fitted once")
def pattern_net(network: Network, x: Tensor, target: Target, *, patterns: str | Patterns | None = None) -> Attribution:
    """The signal that the network detects, projected back through its patterns (§4).

    patterns: from ``pellucid.fit_patterns``, or the file that ``pellucid patterns fit`` wrote.
    """
    return _through_patterns(network, x, target, patterns, times_weights=False)


@methods.register(
    "pattern_attribution", group="attribution", source="arXiv:1705.05598", cost="1 gradient, patterns fitted once"
)
def pattern_attribution(
    network: Network, x: Tensor, target: Target, *, patterns: str | Patterns | None = None
) -> Attribution:
    """What the signal contributes: back through weights times patterns, so that distractors get nothing (§4).

    patterns: as for pattern_net.
    """
    return _through_patterns(network, x, target, patterns, times_weights=True)


@dataclass
class _Backward:
    """Each linear call's weights replaced on the way back; all else keeps its gradient."""

    patterns: Patterns
    times_weights: bool
    seen: dict[str, bool] = field(default_factory=dict)

    def meet(self, call: Call, tape: Tape) -> Any:
        """The call, with the pattern in its backward pass."""
        affine = affine_of(call) if call.kind == "weighted" else None
        if affine is None or affine.weight is None:
            return call(*call.operands)
        key = _key(call, self.seen)
        self.seen[key] = True
        if key not in self.patterns.arrays:
            raise BadInput(f"there is no pattern for layer {key!r}", cure="fit the patterns anew, for this network")
        pattern = torch.as_tensor(self.patterns.arrays[key]).to(affine.weight)
        _check_scale(affine.weight, pattern, channel_dim(call), key)
        if self.times_weights:
            pattern = pattern * affine.weight
        like = call.operands[0].detach()

        def back(signal: Tensor) -> tuple[Tensor]:
            with torch.enable_grad():
                leaf = torch.zeros_like(like).requires_grad_(True)
                return torch.autograd.grad(affine.apply(leaf, pattern), leaf, signal)

        return tape.ruled(call, back, save=False)


def _check_scale(weight: Tensor, pattern: Tensor, out: int, key: str) -> None:
    """A fitted pattern has wᵀa = 1: a batch norm that is folded here and was not there, or the reverse, shows."""
    scale = (weight * pattern).sum([d for d in range(weight.ndim) if d != out])
    if bool(((scale - 1).abs().minimum(scale.abs()) > 0.01).any()):
        what = f"layer {key!r} has another scale than where its pattern was fitted (a batch norm that is not folded)"
        raise BadInput(what, cure="choose a unit or a layer behind the batch norm")


def _through_patterns(
    network: Network, x: Tensor, target: Target, given: str | Path | Patterns | None, *, times_weights: bool
) -> Attribution:
    patterns = _checked(network, given)
    ready = _folded(network)

    make = partial(_Backward, patterns, times_weights)
    parts = torch.arange(len(x)).split(ready.batch_size(x, gradient=True))
    run = lambda scale: torch.cat(  # noqa: E731
        [flow(ready, x[r], target.rows(r), make, scale=scale)[0] for r in track(parts, "patterns")]
    )
    with untouched(ready.module):
        found = run(1.0)
        if not float(found.abs().max()) < HUGE:
            found = run(1 / HUGE)
    return Attribution(found, notes=_cautions(patterns, found))


def _cautions(patterns: Patterns, found: Tensor) -> tuple[str, ...]:
    """What a reader must know of the fit and of the map's size."""
    notes = []
    if patterns.images < FEW:
        notes.append(f"the patterns were fitted to {patterns.images} images: take a few hundred")
    silent = max(patterns.silent.values(), default=0.0)
    if silent:
        notes.append(f"up to {silent:.0%} of a layer's neurons never fired in fitting: fit to more images")
    if not HUGE**-0.5 < float(found.abs().max()) < FAR_FROM_ANY_SCORE:
        notes.append("patterns of many layers multiply: the map's shape counts, its size means nothing")
    return tuple(notes)


def _checked(network: Network, given: Any) -> Patterns:
    """The patterns, proven to be this network's."""
    if given is None:
        cure = "fit them with pellucid.fit_patterns(network, photos) or pellucid patterns fit MODEL PHOTOS"
        raise BadInput("it needs fitted patterns, and none are passed as patterns=", cure=cure)
    patterns = archive.load(given) if isinstance(given, str | Path) else given
    if not isinstance(patterns, Patterns):
        cure = "pass what pellucid.fit_patterns gave, or the file that pellucid patterns fit wrote"
        raise BadInput(f"a {type(patterns).__name__} holds no patterns", cure=cure)
    if patterns.weights_sha256 != network.facts()["weights_sha256"]:
        what = f"the patterns were fitted to other weights ({patterns.model})"
        raise BadInput(what, where=network.name, cure="fit them anew for this network")
    return patterns
