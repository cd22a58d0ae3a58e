"""What is wrong with a network that is to be trained: each problem with its layer, its cause and its cure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.training.initialise import WEIGHTED
from pellucid.training.probe import Measured
from pellucid.training.tensors import bad_state

#: A scale that changes a thousandfold through the depth, and so much more than with He's weights, is out of hand.
DECADES = 3.0

#: Below this share of its mean square that differs between inputs, a layer says the same of all of them.
SAME = 1e-4

#: From this share of dead units on a rectifier is worth a word, where each unit was seen this often.
DEAD, SEEN = 0.5, 100

#: Running variances outside of this range are not what a normalised network has.
LEAST_VARIANCE, MOST_VARIANCE = 1e-10, 1e6

#: A step that changes a layer's weights by more than this share of their size. (About 0.001 is usual.)
STEP = 0.3

HE = "pellucid.initialise(model, 'he')"


@dataclass(frozen=True)
class Problem:
    """kind: a word for it. layer: where it begins. text: a sentence. cure: lines of Python, or words.

    trains: whether new weights would mend it, which can be tried. grave: whether it stands in the way.
    """

    kind: str
    layer: str
    text: str
    cure: str
    trains: bool = True
    grave: bool = True


def problems(module: nn.Module, own: Measured, he: Measured, rate: float) -> list[Problem]:
    """All that is wrong, the gravest first. he: the same network with He's weights. rate: the user's learning rate."""
    found = [*_bad_numbers(module), *_made(own)]
    if not found:
        layers = _weighted(module, own)[:-1]  # the last one may be small on purpose
        found = [
            *_equal_units(module),
            *_scale("activation", layers, own.activation, he.activation),
            *_same_for_all(own, he),
            *_scale("gradient", layers[::-1], own.gradient, he.gradient),
            *_dead(own),
            *_step_too_large(own, rate),
        ]
    return [*found, *_batch_norms(module)]


def _weighted(module: nn.Module, own: Measured) -> list[str]:
    """The linear layers and convolutions, in the order of execution."""
    kinds = dict(module.named_modules())
    return [n for n in own.activation if isinstance(kinds.get(n, kinds.get(n.rpartition(":")[0])), WEIGHTED)]


def _bad_numbers(module: nn.Module) -> list[Problem]:
    parameters = dict(module.named_parameters())
    bad = bad_state({**parameters, **dict(module.named_buffers())})
    return [
        Problem(
            "bad parameter" if name in parameters else "bad buffer",
            name.rpartition(".")[0],
            f"{name} holds {counts}, so everything behind it is not finite either. An earlier update has spoilt it.",
            f"model.load_state_dict(torch.load('an earlier checkpoint'))  # {name} is lost",
            trains=name in parameters,
        )
        for name, counts in bad.items()
    ]


def _made(own: Measured) -> list[Problem]:
    """The first layer that made something not finite; a bad parameter is told already."""
    made = [f for f in own.findings[:1] if f.cause != "parameter"]
    told = [f.what.partition(": ")[2] for f in made]
    return [
        Problem("not finite", f.layer, f"{said[0].upper()}{said[1:]}.", f.cure)
        for f, said in zip(made, told, strict=True)
    ]


def _equal_units(module: nn.Module) -> list[Problem]:
    """Layers whose units all have the same weights: they get the same gradient, and stay the same."""
    equal = []
    for name, each in module.named_modules():
        weight = getattr(each, "weight", None)
        if isinstance(each, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) and isinstance(weight, torch.Tensor):
            rows = weight.detach().flatten(1)
            if len(rows) > 1 and bool((rows == rows[:1]).all()):
                equal.append(name)
    if not equal:
        return []
    text = (
        f"All units of {_listed(equal)} have the same weights. They get the same gradient, so they stay the same "
        "for ever: the layer is as good as a single unit."
    )
    return [Problem("equal units", equal[0], text, HE)]


def _scale(what: str, layers: Sequence[str], own: Mapping[str, float], he: Mapping[str, float]) -> list[Problem]:
    """A scale that grows or shrinks out of hand from layer to layer, in itself and beside He's weights.

    layers: those with weights, in the order in which the scale goes through them.
    """
    names = [n for n in layers if own.get(n, 0) > 0 and he.get(n, 0) > 0]
    if len(names) < 3:
        return []
    itself = [math.log10(own[n] / own[names[0]]) for n in names]
    beside = [a - math.log10(he[n] / he[names[0]]) for n, a in zip(names, itself, strict=True)]
    change = itself[-1]
    if min(abs(change), abs(beside[-1])) < DECADES or change * beside[-1] < 0:
        return []
    start = next(n for n, a in zip(names, itself, strict=True) if a * change > 0 and abs(a) >= DECADES)
    factor = 10 ** (change / (len(names) - 1))
    grows, fate = (f"grows ×{factor:.2g}", "explode") if change > 0 else (f"shrinks to {factor:.0%}", "vanish")
    way = "from layer to layer" if what == "activation" else "from layer to layer on the way back"
    text = (
        f"{what.capitalize()}s {fate}: their mean square {grows} {way}, has changed a thousandfold at “{start}” and by "
        f"10 to the power of {round(change)} in all, {_END[what, fate]}."
    )
    return [Problem(f"{what}s {fate}", start, text, HE)]


#: Where it leads.
_END = {
    ("activation", "explode"): "which ends in Inf, and Inf − Inf is NaN",
    ("activation", "vanish"): "so nothing of the input arrives",
    ("gradient", "explode"): "so one step throws the weights away",
    ("gradient", "vanish"): "so the first layers do not learn",
}


def _same_for_all(own: Measured, he: Measured) -> list[Problem]:
    """A signal that died on the way and does not come back: what is left are the biases."""
    told = [n for n in own.varies if n in own.activation and he.varies.get(n, 0) > SAME]
    gone = list(itertools.takewhile(lambda n: own.varies[n] < SAME, reversed(told)))[::-1]
    if not gone or any(dead == units for dead, units in own.dead.values()):
        return []  # a layer of dead units alone, which is told, is why
    share = own.varies[gone[-1]]
    text = (
        f"From “{gone[0]}” on the activations are the same for every input (only {share:.0e} of their mean square "
        "differs): the biases are all that is left of the signal."
    )
    return [Problem("no signal", gone[0], text, HE)]


def _step_too_large(own: Measured, rate: float) -> list[Problem]:
    """A step that throws a layer's weights away instead of correcting them."""
    steps = {n: rate * share for n, share in own.update.items() if rate * share > STEP}
    if not steps:
        return []
    worst = max(steps, key=steps.__getitem__)
    text = (
        f"The first step of SGD, with momentum or without, at the learning rate {rate:g} changes the weights of "
        f"“{worst}” by {_plain(steps[worst])} times their size, and those of {len(steps)} of {len(own.update)} layers "
        f"by more than {STEP:g} times: it throws them away instead of correcting them."
    )
    cure = "a smaller learning rate (see pellucid.lr_range), gradient clipping, pellucid.initialise(model, 'he')"
    return [Problem("step too large", worst, text, cure)]


def _dead(own: Measured) -> list[Problem]:
    told = {n: (d, u) for n, (d, u) in own.dead.items() if d == u or (d / u >= DEAD and own.places[n] >= SEEN)}
    if not told:
        return []
    worst = max(told, key=lambda n: told[n][0] / told[n][1])
    dead, units = told[worst]
    whole = dead == units
    text = (
        f"{dead} of {units} units of “{worst}” are 0 for every input and every place"
        f"{': nothing passes, forward or backward' if whole else ''}."
        + (f" So are most of {_listed([n for n in told if n != worst])}." if len(told) > 1 else "")
    )
    cure = HE if whole else "a smaller learning rate, LeakyReLU, or batch norm before the ReLU"
    return [Problem("dead units", worst, text, cure, trains=whole)]


def _batch_norms(module: nn.Module) -> list[Problem]:
    """Running statistics that no normalised network has, that never vary, or that were never taken."""
    norms = {n: m for n, m in module.named_modules() if isinstance(getattr(m, "running_var", None), torch.Tensor)}
    wild = [n for n, m in norms.items() if _any(m, lambda v: (v < 0) | (v > MOST_VARIANCE))]
    still = [n for n, m in norms.items() if _any(m, lambda v: (v >= 0) & (v < LEAST_VARIANCE))]
    unused = [n for n, m in norms.items() if _untouched(m)]
    found = []
    if wild:
        text = f"The running variance of {_listed(wild)} is negative or above {MOST_VARIANCE:.0e}."
        cure = f"model.{wild[0]}.reset_running_stats(), then some batches in train mode"
        found.append(Problem("odd variance", wild[0], text, cure, trains=False))
    if still:
        count = sum(int((norms[n].running_var < LEAST_VARIANCE).sum()) for n in still)  # type: ignore[operator]
        text = (
            f"{count} channels in {len(still)} batch norms ({_listed(still)}) never varied in training: they are dead."
        )
        found.append(Problem("still channels", still[0], text, "", trains=False, grave=False))
    if unused and len(unused) < len(norms):
        text = f"The running statistics of {_listed(unused)} were never updated: in eval mode it normalises nothing."
        found.append(Problem("no statistics", unused[0], text, "run some batches in train mode", trains=False))
    return found


def _any(norm: nn.Module, test: Callable[[Tensor], Tensor]) -> bool:
    return bool(test(norm.running_var).any())  # type: ignore[arg-type]


def _untouched(norm: nn.Module) -> bool:
    return bool((norm.running_var == 1).all()) and bool((norm.running_mean == 0).all())  # type: ignore[union-attr, operator, arg-type]


def _plain(value: float) -> str:
    return f"{value:.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"“{n}”" for n in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
