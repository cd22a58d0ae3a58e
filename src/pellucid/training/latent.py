"""``pellucid.latent``: what the codes of pictures are good for, beside pixels and principal components."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.thumbnails import thumbnails
from pellucid.models.inputs import InputSpec
from pellucid.models.layers import CODE
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.training.components import components
from pellucid.training.latents.asked import asked
from pellucid.training.latents.findings import Look, differences, findings
from pellucid.training.latents.groups import clustered
from pellucid.training.latents.plane import decoded, places
from pellucid.training.latents.spaces import spaces
from pellucid.training.pictures import units_of
from pellucid.training.runs import Run
from pellucid.training.scoring import drawn_rows

#: Items that are drawn as points with their pictures, the side of these; pictures shown beside their reconstructions.
POINTS, SIDE, SHOWN = 1500, 48, 10

#: Groups that are looked for where there are no classes.
GROUPS = 8


def latent(
    run: Run | str | os.PathLike[str] | Network,
    data: Dataset | str | os.PathLike[str] | None = None,
    *,
    layer: str = CODE,
    label: str | None = None,
    normal: str | Sequence[str] | None = None,
    clusters: int | None = None,
    image: str | None = None,
    seed: int = 0,
) -> View:
    """What the codes of pictures are good for: groups, classes, outliers; beside pixels and principal components.

    run: a folder, a Run, or any network. data: pictures; None: those of the run's training. layer: whose output is the
    code; of a contrastive run its features, whatever that layer is called. label: the column of classes; None: the
    run's or the data's own, if there is one. normal: the classes that are normal, for anomaly scores; None: as the run
    was trained (``normal=``, ``anomalous=``). clusters: how many
    groups k-means looks for; None: as many as there are classes. image: the column that names the pictures.

    Everything that is fitted (groups, classifiers, components, what is normal) is fitted to items that the run learnt
    from, and measured on items that it did not (of the data's split, or drawn, for a network that is no run).

    Gives a row a figure: ``part`` ("reconstruction", "groups", "classes", "outliers"), ``method``, ``space``,
    ``metric``, its 95 % bootstrap interval over items and what chance gives. Of the items that are drawn, [sample]:
    their places on a plane, codes, groups, errors, scores of how unlike what is learnt from they are (``score/…``, the
    higher the stranger) and pictures; ``options["differences"]``: what codes are better by than pixels and components,
    on the same items. Raises BadInput for what cannot be used.
    """
    began = time.perf_counter()
    given = asked(run, data, layer, label, normal, image, seed)
    kinds = len(set(given.labels[given.learnt].tolist()) - {-1})
    k = clusters if clusters is not None else kinds if kinds > 1 else GROUPS
    if not 2 <= k <= len(given.learnt):
        what, many = f"clusters is {k}", len(given.learnt)
        raise BadInput(what, cure=f"pass 2 or more, up to the {many} pictures that groups are found in")
    known = components(given.store, given.learnt, units_of(given.network, given.layer), seed=seed)
    fitted = spaces(given.network, given.layer, given.store, given.learnt, known)
    found = spaces(given.network, given.layer, given.store, given.held, known)
    group = given.data.group
    draws = drawn_rows(len(given.held), None if group is None else [group[int(i)] for i in given.held], seed=seed)
    return _view(Look(given, fitted, found, draws, k, seed), began)


def _view(look: Look, began: float) -> View:
    it, found = look.asked, findings(look)
    points = np.sort(np.random.default_rng(look.seed).permutation(len(it.held))[:POINTS])
    rows, codes = it.held[points], look.found.codes[points]
    place, share = places(look.fitted.codes, codes)
    own = {
        "place": (place, ("sample", "unit")),
        "code": (codes, ("sample", "unit")),
        "group": (clustered(look.fitted.codes, codes, look.clusters, seed=look.seed), ("sample",)),
        "class": (it.labels[rows], ("sample",)),
    }
    if it.normal is not None:
        own["normal"] = (it.normal[rows], ("sample",))
    if look.found.error is not None:
        own["error"] = (look.found.error[points].astype(np.float32), ("sample",))
        own |= _rebuilt(look)
    told = [score for score in look.scores if score.kind != "trivial"]  # brightness tells no picture
    own |= {f"score/{s.name} ({s.space})": (s.values[points].astype(np.float32), ("sample",)) for s in told}
    own |= _plane(look) if codes.shape[1] == 2 and look.found.error is not None else {}
    names = it.data.names()
    return View(
        kind="latent",
        arrays={name: array for name, (array, _) in own.items()},
        axes={name: axes for name, (_, axes) in own.items()},
        table=tuple(each.row() for each in found),
        options={
            "run": None if it.run is None else str(it.run.folder),
            "data": it.data.source,
            "layer": it.layer,
            "units": codes.shape[1],
            "values": int(np.prod(it.network.input.shape)),
            "column": it.column,
            "classes": list(it.classes),
            "clusters": look.clusters,
            "learnt": len(it.learnt),
            "held": len(it.held),
            "strange": None if it.normal is None else int((~it.normal[it.held]).sum()),
            "unseen": it.unseen,
            "shown_variance": share,
            "differences": list(differences(found)),
        },
        pictures=thumbnails((it.data[int(i)] for i in rows), SIDE),
        names=tuple(names[int(i)] for i in rows),
        seconds=time.perf_counter() - began,
        notes=it.notes,
        provenance={**it.network.facts(), "seed": look.seed},
    )


Arrays = dict[str, tuple[np.ndarray, tuple[str, ...]]]


def _rebuilt(look: Look) -> Arrays:
    """Held items from the least to the largest error, evenly spaced, beside what becomes of them."""
    it, error = look.asked, look.found.error
    order = np.argsort(error, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int)]
    x = it.store.x(it.held[chosen], it.network.device, it.network.dtype)
    with untouched(it.network.module), torch.no_grad():
        made = first_tensor(it.network(x)).float().cpu()
    axes = ("step", "height", "width", "channel")
    low, high = float(x.min()), float(x.max())
    return {
        "rebuilt/original": (_seen(it.network.input, x.float().cpu(), low, high), axes),
        "rebuilt/answer": (_seen(it.network.input, made, low, high), axes),
        "rebuilt/error": (error[chosen].astype(np.float32), ("step",)),
        "rebuilt/place": (chosen.astype(np.int64), ("step",)),
    }


def _plane(look: Look) -> Arrays:
    """What a code of two units becomes, all over the plane that it fills."""
    it = look.asked
    x = it.store.x(it.held[:1], it.network.device, it.network.dtype)
    where, made = decoded(it.network, it.layer, x, look.found.codes)
    known = it.store.x(it.held[:100], it.network.device, it.network.dtype)
    pictures = _seen(it.network.input, made, float(known.min()), float(known.max()))
    return {
        "plane/place": (where, ("step", "unit")),
        "plane/pictures": (pictures, ("step", "height", "width", "channel")),
    }


def _seen(spec: InputSpec, x: Tensor, low: float, high: float) -> np.ndarray:
    """Values as pictures, uint8 [n, height, width, 3]; of a matrix as greys from ``low`` to ``high``."""
    pictures = spec.pictures(x)
    if pictures is not None:
        return pictures
    plane = (255 * (x.mean(1) - low) / max(high - low, 1e-12)).round().clamp(0, 255).to(torch.uint8).numpy()
    return np.repeat(plane[..., None], 3, -1)
