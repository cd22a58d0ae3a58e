"""All choices of a training in one value, which a run's config.toml keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pellucid.core.errors import BadInput, near
from pellucid.data.augment import AUGMENTATIONS
from pellucid.tasks.table import tasks
from pellucid.training.initialise import SCHEMES

#: What may be said instead of a layer: only the last layer learns; every layer does.
HEAD, ALL = "head", "all"

OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant")
#: The learning rate where nobody says.
RATE = 1e-3

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Plan:
    """How to train. Defaults suit a few hundred to some ten thousand pictures.

    task, options: a registered task and its own options. labels: the columns to learn; none: the data set's own.
    model, weights: as for ``pellucid.open``; no model: the task's own. size: (height, width) to feed. unfreeze_from:
    the first layer that learns, in the order of execution; "head": the last layer alone; "all"; None: "head" for
    pretrained weights, else "all".
    init: a scheme of ``initialise`` for all that learns. probe_epochs: so many epochs train the head alone at first.
    epochs: None means 100 where the head alone learns, on codes, and else 30. batch: items a step; None: 8 to 64, so
    that an epoch has 16 steps or more. lr: of the head and of new layers; "find" runs the learning-rate finder; None:
    0.003 for small networks that begin with nothing, else 0.001. backbone_lr: the factor for layers before the head;
    None means 0.1 for those that were pretrained, and 1 for those that begin anew.
    weight_decay: not for biases and norms. clip: the largest norm of the gradient. augment: names of ``augment``.
    patience: end after so many epochs without a better validation score. shares: of train, val and test where the
    data do not say, or whole numbers in proportion. seed: for everything that is drawn. precision: "auto" is mixed on
    CUDA and float32 elsewhere. watch: look for numbers that are not finite, and name who made the first.
    """

    task: str = "multiclass"
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    model: str = ""
    weights: str = "default"
    size: tuple[int, int] | None = None
    unfreeze_from: str | None = None
    init: str | None = None
    probe_epochs: int = 0
    epochs: int | None = None
    batch: int | None = None
    optimizer: str = "adamw"
    lr: float | str | None = None
    backbone_lr: float | None = None
    weight_decay: float = 0.01
    schedule: str = "cosine"
    clip: float | None = None
    augment: tuple[str, ...] = ()
    patience: int | None = None
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    watch: bool = True

    def __post_init__(self) -> None:
        if not self.model:
            object.__setattr__(self, "model", tasks[self.task].facts.model)
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise BadInput(f"{name} is {getattr(self, name)!r}", cure=near(str(getattr(self, name)), known))
        if self.init is not None and self.init not in SCHEMES:
            raise BadInput(f"init is {self.init!r}", cure=near(self.init, SCHEMES))
        for name in self.augment:
            if name not in AUGMENTATIONS:
                raise BadInput(f"unknown augmentation {name!r}", cure=near(name, AUGMENTATIONS))
        if isinstance(self.lr, str) and self.lr != "find":
            raise BadInput(f"lr is {self.lr!r}", cure="pass a number, or 'find' for the learning-rate finder")
        for name in ("epochs", "batch", "patience", "probe_epochs", "seed"):
            if not isinstance(getattr(self, name), int | None):
                raise BadInput(f"{name} is {getattr(self, name)!r}", cure="pass a whole number")
        for name in ("epochs", "batch", "patience", "lr", "clip"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not 0 < value < inf:
                raise BadInput(f"{name} is {value}", cure="pass a number above 0")
        for name in ("probe_epochs", "backbone_lr", "weight_decay", "seed"):
            if getattr(self, name) is not None and not getattr(self, name) >= 0:
                raise BadInput(f"{name} is {getattr(self, name)}", cure="pass 0 or more")
        whole = sum(self.shares)
        if len(self.shares) == 3 and whole > 1 and all(share % 1 == 0 for share in self.shares):  # 70,15,15
            object.__setattr__(self, "shares", tuple(share / whole for share in self.shares))
        if len(self.shares) != 3 or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6 or not self.shares[0]:
            raise BadInput(f"shares are {self.shares}", cure="pass three that add up to 1, such as 0.7,0.15,0.15")

    def plain(self) -> dict[str, Any]:
        """As values that TOML can hold: what is None is left out."""
        found = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        found = {n: list(v) if isinstance(v, tuple) else v for n, v in found.items() if v is not None}
        return {**found, "options": dict(self.options)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Plan:
        """The plan that ``plain`` wrote down."""
        known = {f.name for f in dataclasses.fields(cls)}
        for name in plain:
            if name not in known:
                raise BadInput(f"a training has no option {name!r}", cure=near(name, known))
        return cls(**{n: tuple(v) if isinstance(v, list) else v for n, v in plain.items()})
