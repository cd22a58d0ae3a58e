"""What is asked of explanations: by which methods, scores and pictures, and how thoroughly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pellucid.attribution.target import Of, Wanted
from pellucid.core.errors import BadInput
from pellucid.models.network import Network

#: Pictures, and how many of them are explained again: in a first look, and usually.
QUICK, USUAL = (8, 3), (50, 12)


@dataclass(frozen=True)
class Question:
    """Everything that ``evaluate_explanations`` can be asked.

    methods: names; None for all that need nothing fitted. target, of: as for ``explain``; one output a picture. scores:
    ``deletion``, ``deletion:blur``, ``deletion:blur,steps=32``; None for all that the data allow, and the others are
    named as left out. pictures: how many are drawn (50). repeats: how many of them are explained again by the scores
    that do so (12; of slow methods a third). mask: names of the masks' regions that count. shuffled: the same network
    trained on shuffled labels, for ``randomised_labels``. quick: the fast methods on 8 pictures. thorough: RISE,
    SmoothGrad, VarGrad and integrated gradients with as many passes as ``explain`` gives them, in place of the fewer
    that they are judged with. cache: scores are looked up, and kept, by network, method, options and data. options:
    each goes to every method that has it.
    """

    methods: tuple[str, ...] | None = None
    target: Wanted = "top"
    scores: tuple[str, ...] | None = None
    of: Of = "logit"
    pictures: int | None = None
    repeats: int | None = None
    mask: tuple[str, ...] = ()
    shuffled: Network | None = None
    quick: bool = False
    thorough: bool = False
    seed: int = 0
    cache: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> tuple[int, int]:
        """How many pictures, and how many of them are explained again."""
        usual = QUICK if self.quick else USUAL
        said = (self.pictures, self.repeats)
        return tuple(own if each is None else each for each, own in zip(said, usual, strict=True))

    @property
    def parts(self) -> str:
        """Whether rendered pictures are rendered again: "yes" where the score that asks it is named."""
        if self.scores is None:
            return "if they can be"
        return "yes" if any(s.partition(":")[0] == "part_ranks" for s in self.scores) else "no"


def question(methods: Iterable[str] | str | None, target: Wanted, choices: Mapping[str, Any]) -> Question:
    """The question as somebody puts it: names alone or several; what is no field is a method's option."""
    own = {f.name for f in fields(Question)} - {"methods", "target", "options"}
    said = {name: value for name, value in choices.items() if name in own}
    options = {name: value for name, value in choices.items() if name not in own}
    seed = said.get("seed", 0)
    if seed < 0:
        raise BadInput(f"a seed of {seed}", cure="pass 0 or more")
    named, scores = _named(methods), _named(said.pop("scores", None))
    for what, each in (("method", named), ("score", scores)):
        if each == ():
            raise BadInput(f"no {what} is named", cure=f"name one, or leave {what}s= away for all")
    return Question(named, target, scores, mask=_named(said.pop("mask", ())) or (), options=options, **said)


def _named(names: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """One name or several, each once."""
    if names is None:
        return None
    return tuple(dict.fromkeys([names] if isinstance(names, str) else names))
