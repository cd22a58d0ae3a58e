"""``pellucid.style``: which layers keep what is where in a picture (content), and which what it looks like (style)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs
from pellucid.data.stream import Stream
from pellucid.features.resampling import weights
from pellucid.features.table import views
from pellucid.features.texture.candidates import candidates
from pellucid.features.texture.gram import energy, gram, half
from pellucid.features.texture.layer_scores import Scores, content_layer, score, style_layers
from pellucid.features.texture.sketch import sketch
from pellucid.features.texture.variants import PATCHES, quarters, recoloured, shuffled, unit
from pellucid.models.capture import split_call
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: Fewer pictures are too few to be told from others, so the examples join them; of more, so many are drawn.
FEWEST, MOST = 4, 200

#: How many recoloured versions each picture is compared with.
RECOLOURED = 2

#: Pictures that are read and varied together: so many whatever the memory, so that a seed always draws the same.
TOGETHER = 2

EXAMPLES = "example:*"


@views.register(
    "style", question="Which layers carry content and which carry style?", source="arXiv:1508.06576, arXiv:1703.06868"
)
def style(
    network: Network, inputs: Inputs = EXAMPLES, layers: str | Sequence[str] | None = None, *, seed: int = 0
) -> View:
    """Score layers by what of a picture they keep: its arrangement (content), or its texture (style).

    inputs: as for ``explain``, and folders; textures tell styles apart best (default: the photos and textures that
    come with the installation, which also join fewer than 4 pictures). layers: patterns (default: one a block).

    Of each picture, read at twice the network's size, the four quarters are crops of one texture; the whole is
    recoloured, and its 4 × 4 patches change places. Per layer, with a 95 % bootstrap interval over the pictures:
    S, how often the Gram matrices (arXiv:1508.06576) of two crops of one picture are nearer than those of two pictures
    (AUC); C, how often the features of a recoloured picture are nearer to its own than another picture's (AUC); P, how
    far the features move when patches change places, where 1 is as far as another picture's.
    Content is the layer of the largest C·P; style one layer a resolution, of S ≥ 0.9 of the best, with the weight
    1/E‖G‖². Long vectors are compared by sketches, whose squared distances are off by 3 % (one standard deviation).

    Gives style, content, place [layer, sample]: each picture's part in S, C and P (of P without the division).
    Raises BadInput with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    names = candidates(network) if layers is None else _in_order(network, network.spatial_layers(layers))
    if not names:
        network.spatial_layers(None)  # which says why there is nothing to look at
    stream, notes = _drawn(network, inputs, seed)
    ready = network.prepared(keep=names)
    with untouched(ready.module):
        taken = _take(ready, stream, names, seed)
    scores = {name: score(*one.joined()) for name, one in taken.items()}
    table = _table(taken, scores, seed)
    parts = [each.of_pictures() for each in scores.values()]
    arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return View(
        kind="style",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("layer", "sample")),
        table=table,
        options={"layers": tuple(names), "pictures": len(stream), "patches": PATCHES},
        pictures=_shown(network, stream, seed),
        names=stream.names,
        seconds=time.perf_counter() - began,
        notes=(*notes, *(ready.preparation.notes if ready.preparation else ())),
        provenance={**network.facts(), "seed": seed},
    )


def _in_order(network: Network, names: Sequence[str]) -> list[str]:
    """The layers as they are run, for scores are read through the depth."""
    order = {layer.name: layer.order for layer in network.tree()}
    return sorted(names, key=lambda name: order[split_call(name)[0]])


def recommended(view: View) -> tuple[list[str], list[str]]:
    """The content layers and the style layers of a view that ``style`` gave."""
    roles = {row["layer"]: row["role"].split(", ") for row in view.table}
    return [n for n, r in roles.items() if "content" in r], [n for n, r in roles.items() if "style" in r]


# -- the pictures ---------------------------------------------------------------------------------


def _drawn(network: Network, inputs: Inputs, seed: int) -> tuple[Stream, tuple[str, ...]]:
    """The pictures at twice the network's size: neither too few to compare nor too many to hold."""
    spec = network.input
    if spec.is_matrix:
        raise BadInput("a matrix has no colours and no texture", where=network.name, cure="open a network of pictures")
    twice = dataclasses.replace(spec, size=(2 * spec.size[0], 2 * spec.size[1]))
    stream = Stream(twice, inputs, network.device, network.dtype)
    if len(stream) < FEWEST:
        return _joined(stream, twice, network)
    if len(stream) <= MOST:
        return stream, ()
    rows = np.sort(np.random.default_rng(seed).choice(len(stream), MOST, replace=False)).tolist()
    some = inputs[rows] if isinstance(inputs, Tensor) else [stream.samples()[i] for i in rows]
    note = f"{MOST} of the {len(stream)} pictures were drawn with the seed {seed}"
    return Stream(twice, some, network.device, network.dtype), (note,)


def _joined(stream: Stream, spec: Any, network: Network) -> tuple[Stream, tuple[str, ...]]:
    """Few pictures together with the examples, to be told apart from."""
    if not stream.samples():
        cure = f"pass at least {FEWEST}"
        raise BadInput(f"a batch of {len(stream)} is too few to tell pictures apart", where="inputs", cure=cure)
    given = stream.samples()
    added = [e for e in Stream.of(network, EXAMPLES).samples() if e not in [i for i in given if isinstance(i, str)]]
    count = "one picture" if len(given) == 1 else f"{len(given)} pictures"
    note = f"{count} cannot be told apart: {len(added)} examples that come with the installation joined"
    return Stream(spec, [*given, *added], network.device, network.dtype), (note,)


def _twice(network: Network, x: Tensor) -> Tensor:
    """A batch at twice the network's size, which only what was given as a tensor may not be yet."""
    size = tuple(2 * side for side in network.input.size)
    return x if x.shape[-2:] == size else interpolate(x, size=size, mode="bilinear", align_corners=False)


def _variants(network: Network, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Pictures [n, C, 2h, 2w] as what enters the network, by what was done to them; a picture's together."""
    whole = avg_pool2d(x, 2)
    pixels = unit(network.input, whole)
    recolour = lambda: network.input.normalise(255 * recoloured(pixels, generator))  # noqa: E731
    again = torch.stack([recolour() for _ in range(RECOLOURED)], 1).flatten(0, 1)
    return {"crops": quarters(x), "whole": whole, "recoloured": again, "shuffled": shuffled(whole, generator)}


# -- the layers -----------------------------------------------------------------------------------


@dataclass
class _Taken:
    """A layer's vectors of all pictures, sketched: of crops the Gram matrices, of the rest the features."""

    resolution: tuple[int, int] = (0, 0)
    channels: int = 0
    vectors: dict[str, list[Tensor]] = field(default_factory=dict)
    energies: list[Tensor] = field(default_factory=list)

    @property
    def energy(self) -> float:
        """E‖G‖² over the crops."""
        return float(torch.cat(self.energies).mean())

    def add(self, kind: str, maps: Tensor, seed: int) -> None:
        """Maps [m, C, h, w] of one kind of variants."""
        self.channels, self.resolution = maps.shape[1], (maps.shape[2], maps.shape[3])
        if kind == "crops":
            grams = gram(maps)
            self.energies.append(energy(grams))
            vectors = half(grams)
        else:
            vectors = maps.flatten(1)
        self.vectors.setdefault(kind, []).append(sketch(vectors, seed=seed))

    def joined(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crops [n, 4, d], whole [n, d], recoloured [n, j, d], shuffled [n, d]."""
        crops, whole, recoloured, shuffled = (torch.cat(v) for v in self.vectors.values())
        n = len(whole)
        return crops.unflatten(0, (n, -1)), whole, recoloured.unflatten(0, (n, -1)), shuffled


def _take(network: Network, stream: Stream, names: Sequence[str], seed: int) -> dict[str, _Taken]:
    """Every layer's vectors of every picture: one pass a batch, in which a picture's variants are, for all layers."""
    taken = {name: _Taken() for name in names}
    generator = torch.Generator().manual_seed(seed)
    most = network.batch_size(network.probe(), gradient=False)
    for _, batch in track(stream.batches(TOGETHER), "content and style", total=-(-len(stream) // TOGETHER)):
        for kind, x in _variants(network, _twice(network, batch.x), generator).items():
            for part in x.split(most):
                for name, maps in network.maps(part, names).items():
                    taken[name].add(kind, maps, seed)
    return taken


# -- what is told ---------------------------------------------------------------------------------


def _table(taken: dict[str, _Taken], scores: dict[str, Scores], seed: int) -> tuple[dict[str, Any], ...]:
    pictures = len(next(iter(scores.values())).moved)
    drawn = weights(np.arange(pictures), seed=seed)
    found = {name: each.intervals(drawn) for name, each in scores.items()}
    content, chosen = content_layer({name: each["both"] for name, each in found.items()})
    styles = style_layers([(n, taken[n].resolution, found[n]["style"].value) for n in scores if taken[n].energy > 0])
    return tuple(
        {
            "layer": name,
            "resolution": "{} × {}".format(*one.resolution),
            "channels": one.channels,
            **{key: cell for score, each in found[name].items() for key, cell in each.named(score).items()},
            "chosen": chosen[name],
            "energy": one.energy,
            "weight": 1 / one.energy if name in styles else None,
            "role": ", ".join(role for role, names in (("content", [content]), ("style", styles)) if name in names),
        }
        for name, one in taken.items()
    )


def _shown(network: Network, stream: Stream, seed: int) -> np.ndarray | None:
    """What was compared, of the first picture: itself, a quarter of it, recoloured and shuffled."""
    x = _twice(network, stream.take(slice(0, 1)).x)
    made = _variants(network, x, torch.Generator().manual_seed(seed))
    return network.input.pictures(torch.cat([made[kind][:1] for kind in ("whole", "crops", "recoloured", "shuffled")]))
