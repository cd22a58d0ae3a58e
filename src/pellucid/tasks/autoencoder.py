"""Pictures to themselves, through a code: what an autoencoder learns."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.heads import OWN, Head
from pellucid.tasks.reconstruction import scores
from pellucid.tasks.reconstruction.losses import ERROR, objective, squared_error
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Task, Vocabulary


@tasks.register(
    "autoencoder",
    question="What are pictures like, in a few numbers each?",
    source="Hinton & Salakhutdinov 2006; Kingma & Welling 2014 (arXiv:1312.6114)",
    labels="none; a column of classes says which are normal, and colours the plots of pellucid latent",
    learns="pictures",
    model="autoencoder",
)
def autoencoder(
    vocabulary: Vocabulary,
    *,
    beta: float = 1.0,
    layerwise: int = 0,
    normal: str = "",
    anomalous: str = "",
) -> Task:
    """Reconstruct each picture from a code, by the mean squared error of its values.

    beta: the weight of what the code of a variational network (vae:…) says, 1 for the evidence lower bound; other
    networks have no such term.
    layerwise: so many epochs each layer of a dense network learns alone with its mirror image before all learn
    together, from outside in (Bengio et al. 2007). normal: learn from items of these classes alone (names with commas
    between); anomalous: from all but these. What is left out is scored apart, as the split "anomalous".
    """
    if not beta >= 0 or not np.isfinite(beta):
        raise BadInput(f"beta is {beta}", cure="pass 0 or more")
    if layerwise < 0:
        raise BadInput(f"layerwise is {layerwise}", cure="pass a number of epochs, or 0")
    if normal and anomalous:
        raise BadInput("normal and anomalous classes are both named", cure="name one of them")
    return Task(
        kind="autoencoder",
        options={"beta": beta, "layerwise": layerwise, "normal": normal, "anomalous": anomalous},
        vocabulary=vocabulary,
        classes=(),
        head=Head(OWN, 0),
        output="values",
        outputs=None,
        encode=_no_columns,
        loss=squared_error,
        probabilities=_as_they_are,
        decide=lambda summaries, rule: summaries,
        say=lambda summary: f"squared error {float(np.asarray(summary)[ERROR]):.4g} a value",
        metrics=scores.metrics(beta),
        primary="cost",
        objective=objective(beta),
        unlearnt=scores.of_the_mean,
    )


def _as_they_are(summaries: Tensor) -> Tensor:
    return summaries


def _no_columns(columns: Columns) -> Tensor:
    raise BadInput("pictures are learnt, and no column", cure="look at their codes with pellucid latent")
