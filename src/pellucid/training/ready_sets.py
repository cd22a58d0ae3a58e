"""Ready-made sets of alternatives: the questions that are asked most often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from pellucid.core.errors import BadInput
from pellucid.models.open import open
from pellucid.models.small import NAMES
from pellucid.tasks.table import tasks
from pellucid.training.initialise import SCHEMES
from pellucid.training.plan import ALL, HEAD, Plan
from pellucid.training.setup import learns_from

#: By name what is different about each alternative.
Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ReadySet:
    """question: what it answers. task: the task that it is about, None for any. alternatives: for the plan that all
    share.
    """

    question: str
    task: str | None
    alternatives: Callable[[Plan], Changes]


def _ordinal(plan: Plan) -> Changes:
    return {loss: {"loss": loss} for loss in get_args(tasks["ordinal"].options["loss"].type)}


def _head_alone(plan: Plan) -> bool:
    return learns_from(plan) == HEAD


def _narrows(plan: Plan) -> bool:
    """Whether networks of the same kind can be had in other widths."""
    kind = plan.model.partition(":")[0]
    return kind in NAMES and kind != "linear"


def _apart(plan: Plan) -> Changes:
    """One network for each question. Of heads on the same frozen codes the body is the same, so only they are apart."""
    if _head_alone(plan):
        return {"a head for each": {"networks": "separate"}}
    found: Changes = {"a network for each": {"networks": "separate"}}
    if _narrows(plan):
        found["a network for each, same total"] = {"networks": "separate_equal_total"}
    return found


def _multilabel(plan: Plan) -> Changes:
    return {
        "sigmoid": {"encoding": "sigmoid"},
        "power set": {"encoding": "power_set"},
        "embedding": {"encoding": "embedding"},
        **_apart(plan),
    }


def _multigroup(plan: Plan) -> Changes:
    return {"one network": {}, "power set": {"encoding": "power_set"}, **_apart(plan)}


def _multiclass(plan: Plan) -> Changes:
    return {"softmax": {}, "each against the rest": {"encoding": "one_vs_rest"}, **_apart(plan)}


def _segmentation(plan: Plan) -> Changes:
    """The losses, on the same network."""
    return {loss: {"loss": loss} for loss in get_args(tasks["segmentation"].options["loss"].type) if loss != "auto"}


def _transfer(plan: Plan) -> Changes:
    """Frozen codes, fine-tuning from a layer on, the same after a probe, and everything."""
    if plan.model.partition(":")[0] in NAMES:
        cure = "choose one that was pretrained (see pellucid models)"
        raise BadInput(f"{plan.model} knows nothing that could be transferred", cure=cure)
    layer = plan.unfreeze_from
    if layer in (None, HEAD, ALL):
        layer = open(plan.model, device="cpu").stages()[-2:][0]
    probe = max(1, (plan.epochs or 30) // 3)
    return {
        "frozen codes": {"unfreeze_from": HEAD},
        f"from {layer} on": {"unfreeze_from": layer},
        f"probe, then from {layer} on": {"unfreeze_from": layer, "probe_epochs": probe},
        "everything": {"unfreeze_from": ALL},
    }


def _init(plan: Plan) -> Changes:
    return {scheme: {"init": scheme} for scheme in SCHEMES}


SETS = {
    "ordinal": ReadySet("Which loss for grades?", "ordinal", _ordinal),
    "multilabel": ReadySet("Which encoding of tags, one network or one for each?", "multilabel", _multilabel),
    "multigroup": ReadySet("One network for several questions, or one for each?", "multigroup", _multigroup),
    "one_vs_rest": ReadySet("One softmax, or each class against all others?", "multiclass", _multiclass),
    "segmentation": ReadySet("Which loss for masks: a softmax, sigmoids, Dice?", "segmentation", _segmentation),
    "transfer": ReadySet("Frozen codes, or how much to fine-tune?", None, _transfer),
    "init": ReadySet("Which initial weights?", None, _init),
}
