"""An opened model: the only thing that a method sees of it, wherever it came from."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.allocator import keep_freed_memory
from pellucid.core.errors import BadInput, near
from pellucid.models.capture import capture
from pellucid.models.grid import GridDetector, highest
from pellucid.models.grids import Grid
from pellucid.models.groups import best_of_groups_first, softmax_of_groups
from pellucid.models.inputs import InputSpec
from pellucid.models.layers import Layer, find, layer_tree, stage_names
from pellucid.models.maps import shares_of_maps
from pellucid.models.memory import batch_size
from pellucid.models.parts import Behind, Part, Until
from pellucid.models.prepare import Prepared, prepare, untouched
from pellucid.models.state import fingerprint
from pellucid.version import __version__


@dataclass(frozen=True, eq=False)
class Network:
    """A module with what is needed to use it: its input, its classes, what it puts out.

    output: "logits" (scores a class, before the softmax), "multilabel" (scores before a sigmoid each), "groups"
    (several softmaxes, whose widths in order are ``groups``), "probabilities", "values" (regression), or "heatmaps" (of
    landmarks, before a sigmoid each).
    classes: names by output index; a name may list synonyms with commas; None where unknown.
    negative: of a network with one output that says yes, what it says where that is unlikely.
    weights: in words, where the weights came from. parts: which piece of the module is run, if not all.
    """

    module: nn.Module
    input: InputSpec
    name: str
    classes: tuple[str, ...] | None = None
    output: str = "logits"
    weights: str = "as given"
    preparation: Prepared | None = None
    parts: tuple[Part, ...] = ()
    groups: tuple[int, ...] = ()
    negative: str | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        keep_freed_memory()

    def __call__(self, x: Tensor) -> Any:
        """The module's output for ``x`` [N, C, H, W], or its part's."""
        run = self._whole
        for part in self.parts:
            run = functools.partial(part, self.module, run)
        return run(x)

    def _whole(self, x: Tensor) -> Any:
        """The module's output, in the memory format that its copy likes best."""
        if self.preparation and "channels_last" in self.preparation.steps and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        return self.module(x)

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.input.shape))
        outputs = f", {len(self.classes)} classes" if self.classes else ""
        return f"Network({self.name}: {size} → {self.output}{outputs}, weights {self.weights})"

    @property
    def device(self) -> torch.device:
        """Where its parameters live."""
        first = next(chain(self.module.parameters(), self.module.buffers()), None)
        return torch.device("cpu") if first is None else first.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating type that it computes in."""
        return next((p.dtype for p in self.module.parameters() if p.dtype.is_floating_point), torch.float32)

    def to(self, device: str | torch.device) -> Network:
        """The same network on another device; the user's module stays where it is."""
        if torch.device(device).type == self.device.type:
            return self
        return dataclasses.replace(self, module=copy.deepcopy(self.module).to(device), _cache={})

    def probe(self, count: int = 1, *, seed: int = 0) -> Tensor:
        """Seeded noise of the input's shape, to learn shapes from and to prove copies equal."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn((count, *self.input.shape), generator=generator).to(self.device, self.dtype)

    # -- layers ---------------------------------------------------------------------------------

    def tree(self) -> tuple[Layer, ...]:
        """Every module with its output's shape, its parameters and its stage, in the order of definition."""
        return self._remembered("tree", lambda: layer_tree(self.module, self.probe()))

    def output_shape(self) -> tuple[int, ...]:
        """What the whole module puts out for one sample: [class], or [class, height, width] where that is a map."""

        def asked() -> tuple[int, ...]:
            with untouched(self.module), torch.no_grad():
                return tuple(first_tensor(self.module(self.probe(2))).shape[1:])

        found: tuple[int, ...] = self._remembered("output shape", asked)
        return found

    def layers(self, pattern: str = "*") -> list[str]:
        """Names of the layers that match: a name, a glob, ``re:…``, ``type:…``, ``stage:…``."""
        return find(pattern, self.tree(), where=self.name)

    def stages(self) -> list[str]:
        """One representative layer for each spatial resolution, in order of execution (mostly finest first)."""
        return stage_names(self.tree())

    def capture(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The named layers' outputs for ``x``, the pass ended after the last of them."""
        exact = {n: self._last_call(n) for n in names}
        with untouched(self.module):
            taken = capture(self.module, x, list(exact.values()), run=self)
        return {n: taken[e] for n, e in exact.items()}

    def until(self, layer: str) -> Network:
        """The part up to ``layer``, whose output [N, …] it gives; layers keep their names."""
        return dataclasses.replace(self, parts=(*self.parts, Until(self._last_call(layer))))

    def behind(self, layer: str, x: Tensor) -> Network:
        """The part behind ``layer``: takes its output [n, …], for the one sample ``x`` [1, C, H, W]."""
        return dataclasses.replace(self, parts=(*self.parts, Behind(self._last_call(layer), x)))

    def maps(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The named layers' outputs for ``x`` as feature maps, float32 on the CPU [n, C, height, width].

        Of tokens those that stand for a place; what has its channels last is turned. Raises BadInput for a layer
        without places, and for numbers that are not finite.
        """
        grids = {name: self._grid(name, x) for name in names}
        taken = self.capture(x, names)
        return {name: _finite_map(taken[name], grids[name], name) for name in names}

    def spatial_layers(self, patterns: str | Sequence[str] | None = None) -> list[str]:
        """The layers that the patterns name, each once, in that order (default: one a stage); all have places."""
        if patterns is None:
            names = self.stages()
        else:
            each = [patterns] if isinstance(patterns, str) else patterns
            names = list(dict.fromkeys(name for pattern in each for name in self.layers(pattern)))
        if not names:
            cure = "name one with layers= (--layer; see pellucid layers)"
            raise BadInput("no layer gives a feature map [channel, height, width]", where=self.name, cure=cure)
        known = {layer.name: layer for layer in self.tree()}
        for name in names:
            # A single call of a module (``relu:2``) shows its shape only when it is taken.
            if name in known and known[name].grid is None:
                raise not_spatial(name, known[name].shape).at(self.name)
        return names

    def _grid(self, name: str, x: Tensor) -> Grid | None:
        """Where the places of a layer's output for ``x`` lie; None where only the output itself can tell."""
        layer = next((each for each in self.tree() if each.name == name), None)
        if layer is None or layer.grid is None:
            return None
        return layer.grid.scaled(self.input.size, (x.shape[-2], x.shape[-1]))

    def channels_last(self, layer: str) -> bool:
        """Whether a layer gives maps [N, H, W, channels], as Swin does."""
        grid = next((each.grid for each in self.tree() if each.name == layer.partition(":")[0]), None)
        return grid is not None and grid.kind == "channels_last"

    def _last_call(self, layer: str) -> str:
        """``layer:2`` for a layer that is used twice: its plain name means its last use."""
        calls = next((each.calls for each in self.tree() if each.name == layer), 0)
        return f"{layer}:{calls}" if calls else layer

    # -- speed ----------------------------------------------------------------------------------

    def prepared(self, *, keep: Sequence[str] = ()) -> Network:
        """The same network on a faster copy of its module, proven equal on a probe.

        keep: layers whose own outputs are wanted, so that no batch norm is folded into them.
        ``preparation`` of the result says what was done and how far its output differs.
        """
        whole = [*keep, *(p.layer for p in self.parts)]
        kept = tuple(sorted({k.partition(":")[0] for k in whole}))
        if ("prepared", kept) not in self._cache:
            self._drop_copies(most=1)
        ready = self._remembered(("prepared", kept), lambda: self._prepare(kept))
        return dataclasses.replace(ready, parts=self.parts) if self.parts else ready

    def _drop_copies(self, *, most: int) -> None:
        """Each copy is as large as the network: only the latest ones stay."""
        copies = [k for k in self._cache if isinstance(k, tuple)]
        for key in copies[: max(0, len(copies) - most)]:
            del self._cache[key]

    def _prepare(self, keep: tuple[str, ...]) -> Network:
        done = prepare(self.module, self.probe(2), keep=keep)
        mark = None if done.difference is not None else fingerprint(done.module)
        cache = {"mark": mark, "tree": self.tree(), "facts": self.facts()}
        return dataclasses.replace(self, module=done.module, preparation=done, parts=(), _cache=cache)

    def batch_size(self, x: Tensor, *, gradient: bool) -> int:
        """How many inputs like ``x`` fit into one pass, from what memory is free."""
        x = next((p.x for p in self.parts if isinstance(p, Behind)), x)  # which runs the whole network all the same
        return batch_size(self.tree(), x, self.input.size, gradient=gradient)

    def _remembered(self, key: Any, make: Any) -> Any:
        """Made once for these weights: a changed parameter, module or hook makes it anew."""
        private = self.preparation is not None and self.preparation.difference is not None
        mark = None if private else fingerprint(self.module)  # nobody else holds the fast copy
        if self._cache.get("mark") != mark:
            self._cache.clear()
            self._cache["mark"] = mark
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    # -- outputs --------------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, x: Tensor, *, top: int = 5) -> list[list[tuple[int, str, float]]]:
        """The best outputs of each sample of ``x`` [N, C, H, W] as (index, name, probability).

        A regression network gives its values instead of probabilities, in the order of the outputs; one with groups
        each group's best, the surest first, and then the others; one that gives a map of each class the share of
        the pixels that are of it, one that gives heatmaps of landmarks the height of each one's highest peak, one that
        gives boxes each class's highest score. One that gives a picture, as an autoencoder does, names nothing. What
        stands against a single output (``negative``) has the index −1, for no output is it.
        """
        x = x.to(self.device, self.dtype)
        with untouched(self.module):
            parts = x.split(self.batch_size(x, gradient=False))
            output = torch.cat([first_tensor(self(part)).float() for part in parts])
        maps = output.ndim == 4 and self.output in ("logits", "multilabel")
        if output.ndim > 2 and self.output == "values" and self.classes is None:
            return [[] for _ in output]
        if output.ndim == 4 and self.gives_heatmaps:
            output = output.amax((2, 3))
            output = output.sigmoid() if self.output == "heatmaps" else output
        if isinstance(self.module, GridDetector):
            output = highest(output)
        self.check_output(output[:, :, 0, 0] if maps else output)
        if not torch.isfinite(output).all():
            raise BadInput("the output is not finite", where=self.name, cure="check the weights and the input's range")
        if self.output in ("values", "heatmaps"):
            return [[(i, self.class_name(i), float(v)) for i, v in enumerate(row[:top])] for row in output]
        apart = self.output == "multilabel"
        shares = shares_of_maps(output, apart=apart) if maps else self.probabilities(output)
        if self.output == "groups":
            indices = best_of_groups_first(shares, self.groups)[:, :top]
        else:
            indices = shares.topk(min(top, shares.shape[1]), dim=1).indices
        if self.negative is not None and shares.shape[1] == 1 and not maps:
            return [self._both(float(share)) for share in shares[:, 0]]
        return [
            [(int(i), self.class_name(int(i)), float(p)) for p, i in zip(ps, rows, strict=True)]
            for ps, rows in zip(shares.gather(1, indices), indices, strict=True)
        ]

    @property
    def gives_heatmaps(self) -> bool:
        """Whether maps that it gives are heatmaps of what its classes name; a picture's pixels are values as well."""
        return self.output == "heatmaps" or (self.output == "values" and self.classes is not None)

    def _both(self, share: float) -> list[tuple[int, str, float]]:
        """Yes and no, the more probable one first."""
        both = [(0, self.class_name(0), share), (-1, str(self.negative), 1 - share)]
        return sorted(both, key=lambda each: -each[2])

    def probabilities(self, output: Tensor) -> Tensor:
        """Each class's probability from the module's output [N, classes], within its own sample.

        Of logits the softmax (within each group, where there are groups), or the sigmoid where there is one output or
        the classes do not exclude each other.
        """
        if self.output == "probabilities":
            return output
        if self.output == "groups":
            return softmax_of_groups(output, self.groups)
        independent = self.output == "multilabel" or output.shape[1] == 1
        return output.sigmoid() if independent else output.softmax(1)

    def check_output(self, output: Tensor) -> None:
        """One row a sample, and as many columns as there are names."""
        if output.ndim != 2:
            cure = "name a unit inside (unit=, --unit LAYER:CHANNEL), or pass a target function that makes one number"
            what = f"the output's shape is {tuple(output.shape)}, not [sample, class]"
            raise BadInput(what, where=self.name, cure=cure)
        if self.classes is not None and len(self.classes) != output.shape[1]:
            what = f"{len(self.classes)} class names for {output.shape[1]} outputs"
            raise BadInput(what, where=self.name, cure="give one name for each output, in their order")
        if self.output == "groups" and sum(self.groups) != output.shape[1]:
            what = f"groups of {' + '.join(map(str, self.groups)) or 'no'} outputs for {output.shape[1]}"
            raise BadInput(what, where=self.name, cure="pass groups=, the width of each group in order")

    def class_name(self, index: int) -> str:
        """The first of the class's names (with its index where two share it), or ``output 7`` without names."""
        names = self._remembered("names", lambda: _first_names(self.classes or ()))
        return names[index] if index < len(names) else f"output {index}"

    def class_index(self, name: str) -> int:
        """The output that is called ``name`` (any synonym, in any case), else the number that it spells."""
        wanted = name.strip().lower()
        names = self._remembered("names", lambda: _first_names(self.classes or ()))
        exact = [
            i
            for i, (c, n) in enumerate(zip(self.classes or (), names, strict=True))
            if wanted in (c.lower(), n.lower())
        ]
        if not exact and wanted.isdecimal():
            return int(wanted)
        if self.classes is None:
            cure = "pass the output's index, or classes= when opening the network (--classes FILE)"
            raise BadInput(f"class {name!r} is asked for, but the classes have no names", where=self.name, cure=cure)
        found = exact or [i for i, c in enumerate(self.classes) if wanted in map(str.strip, c.lower().split(","))]
        if len(found) > 1:
            raise BadInput(
                f"{len(found)} classes are called {name!r}", where=self.name, cure=f"pass one of the indices {found}"
            )
        if not found:
            synonyms = [s.strip() for c in self.classes for s in c.split(",")]
            raise BadInput(f"unknown class {name!r}", where=self.name, cure=near(name, synonyms))
        return found[0]

    # -- identity -------------------------------------------------------------------------------

    def facts(self) -> Mapping[str, Any]:
        """What a receipt says of the network: its name, its weights' hash, its preprocessing."""
        return {**self._remembered("facts", self._facts), "versions": versions()}

    def _facts(self) -> Mapping[str, Any]:
        return {
            "model": self.name,
            "weights": self.weights,
            "weights_sha256": _sha256(self.module),
            "parameters": sum(p.numel() for p in self.module.parameters()),
            "preprocessing": dataclasses.asdict(self.input),
            "device": str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
        }


def _finite_map(output: Tensor, grid: Grid | None, name: str) -> Tensor:
    if grid is None:
        if output.ndim != 4 or output.shape[2] * output.shape[3] < 2:
            raise not_spatial(name, tuple(output.shape[1:]))
        grid = Grid(output.shape[2], output.shape[3], "map")
    try:
        maps = grid.maps(output)
    except BadInput as error:
        raise error.at(f"layer {name!r}") from error
    if not torch.isfinite(maps).all():
        bad = int((~torch.isfinite(maps)).sum())
        cure = "check the weights (pellucid health), or choose an earlier layer"
        raise BadInput(f"{bad} of {maps.numel()} activations are NaN or infinite", where=name, cure=cure)
    return maps.detach().to("cpu", torch.float32)


def not_spatial(name: str, shape: tuple[int, ...] | None) -> BadInput:
    """The error for a layer without a feature map."""
    cure = "choose one with a feature map [channel, height, width] (see pellucid layers)"
    given = "no output in a forward pass" if shape is None else f"an output of shape {shape}, which is not spatial"
    return BadInput(f"layer {name!r} gives {given}", cure=cure)


def _first_names(classes: Sequence[str]) -> tuple[str, ...]:
    firsts = [c.split(",")[0].strip() for c in classes]
    shared = {n for n, count in Counter(firsts).items() if count > 1}
    return tuple(f"{n} ({i})" if n in shared else n for i, n in enumerate(firsts))


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"pellucid": __version__, "torch": torch.__version__, "numpy": np.__version__}


def first_tensor(output: Any) -> Tensor:
    """The tensor of a module's output: itself, or the first one in its tuple, list or mapping."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        # transformers-style outputs call it "logits", torchvision's segmentation models "out"
        keys = [k for k in ("logits", "out") if k in output] or list(output)
        return first_tensor(output[keys[0]])
    if isinstance(output, tuple | list) and output:
        return first_tensor(output[0])
    raise BadInput(
        f"the network gives a {type(output).__name__}, not a tensor", cure="wrap it in a module that returns one"
    )


def _sha256(module: nn.Module) -> str:
    """A hash of all parameters and buffers, by name, type, shape and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if not isinstance(tensor, Tensor):
            continue
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)};".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
