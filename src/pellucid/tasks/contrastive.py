"""Two views of each picture together, all others apart: what contrastive learning learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from torch import Tensor

from pellucid.core.errors import BadInput, near
from pellucid.data.views import VIEWS, two_views
from pellucid.models.heads import PROJECTION, Head
from pellucid.models.network import first_tensor
from pellucid.tasks.contrasting import losses, scores
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Task, Vocabulary

#: What is taken where nobody says; λ beside a prior is what the paper takes.
USUAL_TEMPERATURE, USUAL_WEIGHT = 0.2, 5.0
USUAL_PRIOR: losses.Prior = "sphere"

#: A loss that reads what others do not.
_READ = {"temperature": "nt_xent", "weight": "decoupled", "prior": "swd"}


@tasks.register(
    "contrastive",
    question="Which pictures are alike, if nobody labels them?",
    source="Chen et al. 2020, SimCLR (arXiv:2002.05709); Chen, Luo & Li 2021 (arXiv:2011.02803)",
    labels="none; a column of classes is for a linear probe alone, and never for the loss",
    learns="pictures",
    model="small_cnn",
    least=64,
)
def contrastive(
    vocabulary: Vocabulary,
    *,
    loss: Literal["nt_xent", "decoupled", "swd"] = "nt_xent",
    temperature: float = USUAL_TEMPERATURE,
    weight: float = 0.0,
    prior: losses.Prior = USUAL_PRIOR,
    projection: int = 64,
    views: str = ",".join(VIEWS),
    smallest: float = 0.2,
    strength: float = 0.5,
) -> Task:
    """Bring two views of a picture together and keep different pictures apart, through a projection that is dropped.

    loss: "nt_xent" (SimCLR); "decoupled", alignment + λ · log-sum-exp; "swd", alignment + λ · the sliced Wasserstein
    distance to a prior. temperature: what similarities are divided by (not of "swd"). weight: λ; 0 takes the
    temperature with "decoupled", which then is NT-Xent times the temperature, and 5 with "swd". prior: of "swd", evenly
    over the sphere or the cube, or "normal". projection: how many numbers the loss sees a view as. views: what is done
    to a view, of crop, flip, colour, grey, blur, with commas; leave out what makes another picture of it (flip of
    digits). smallest: the least share of the area that is cut out. strength: how much colours change, 1 as on ImageNet.
    """
    _check(temperature, weight, projection, smallest, strength)
    _refuse_unused(loss, temperature, weight, prior)
    names = _names(views)
    told = {"loss": loss, "temperature": temperature, "weight": weight, "prior": prior, "projection": projection}
    told |= {"views": ",".join(names), "smallest": smallest, "strength": strength}
    each = _loss(loss, temperature, weight, prior)

    def objective(run: Callable[[Tensor], Any], x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        z = first_tensor(run(x)).float()
        found = each(z)
        return found, scores.summary(z.detach(), found.detach())

    return Task(
        kind="contrastive",
        options=told,
        vocabulary=vocabulary,
        classes=(),
        head=Head(PROJECTION, projection),
        output="values",
        outputs=None,
        encode=_no_columns,
        loss=lambda output, target: each(output),
        probabilities=_as_they_are,
        decide=lambda summaries, rule: summaries,
        say=lambda summary: f"contrastive loss {float(np.asarray(summary)[scores.LOSS]):.3g}",
        metrics=scores.METRICS,
        primary="contrastive_loss",
        objective=objective,
        views=lambda x, generator: two_views(x, names, generator, smallest=smallest, strength=strength),
        unlearnt=_unlearnt(loss, temperature, weight),
    )


def _loss(kind: str, temperature: float, weight: float, prior: losses.Prior) -> Callable[[Tensor], Tensor]:
    """Projections [2n, D] → [n]."""
    if kind == "nt_xent":
        return lambda z: losses.nt_xent(z, temperature)
    if kind == "decoupled":
        return lambda z: losses.decoupled(z, temperature, weight or temperature)
    return lambda z: losses.sliced_wasserstein(z, weight or USUAL_WEIGHT, prior)


def _unlearnt(kind: str, temperature: float, weight: float) -> Callable[[np.ndarray], np.ndarray] | None:
    """Who makes the same of every view; None where that depends on what is made."""
    if kind == "swd":
        return None
    share = weight or temperature
    return scores.constant(np.log if kind == "nt_xent" else lambda n: share * (np.log(n) + 1 / temperature) - 1)


def _check(temperature: float, weight: float, projection: int, smallest: float, strength: float) -> None:
    if not 0 < temperature < np.inf:
        raise BadInput(f"temperature is {temperature}", cure="pass a number above 0, such as 0.2")
    if not 0 <= weight < np.inf:
        raise BadInput(f"weight is {weight}", cure="pass a number above 0, or 0 for the usual one")
    if projection < 1:
        raise BadInput(f"projection is {projection}", cure="pass a whole number from 1, such as 64")
    if not 0 < smallest <= 1:
        raise BadInput(f"smallest is {smallest}", cure="pass a share of the area above 0 and up to 1, such as 0.2")
    if not 0 <= strength <= 1:
        raise BadInput(f"strength is {strength}", cure="pass a number from 0 to 1")


def _refuse_unused(loss: str, temperature: float, weight: float, prior: str) -> None:
    """Raise BadInput for what this loss would leave unread."""
    unread = {
        "temperature": temperature != USUAL_TEMPERATURE and loss == "swd",
        "weight": weight != 0 and loss == "nt_xent",
        "prior": prior != USUAL_PRIOR and loss != "swd",
    }
    for name in (name for name, is_unread in unread.items() if is_unread):
        cure = f"leave {name} away, or pass loss={_READ[name]!r} (--loss)"
        raise BadInput(f"the loss {loss!r} has no {name}", cure=cure)


def _names(text: str) -> tuple[str, ...]:
    """The named changes, in the order in which they are made."""
    asked = [name.strip() for name in text.split(",") if name.strip()]
    for name in asked:
        if name not in VIEWS:
            raise BadInput(f"nothing of the name {name!r} is done to views", cure=near(name, VIEWS))
    if not asked:
        raise BadInput("two views without any change are the same picture", cure=f"pass some of {', '.join(VIEWS)}")
    return tuple(name for name in VIEWS if name in asked)


def _as_they_are(summaries: Tensor) -> Tensor:
    return summaries


def _no_columns(columns: Columns) -> Tensor:
    raise BadInput("pictures are learnt, and no column", cure="look at their codes with pellucid latent")
