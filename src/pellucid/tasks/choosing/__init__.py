"""Choosing one of several operations where the choice itself is learnt, though argmax has no gradient.

Each chooser runs softly or by drawing while it trains, and takes the likeliest operation in ``eval()``; ``hard_gap``
says what that change costs, ``exact_gradient`` and ``judged`` what a chooser's gradients are worth.
"""

from pellucid.tasks.choosing.chooser import Chooser, Chosen
from pellucid.tasks.choosing.gap import Gap, hard_gap
from pellucid.tasks.choosing.gumbel import GumbelSoftmax
from pellucid.tasks.choosing.referee import Judged, exact_gradient, gradient_draws, judged
from pellucid.tasks.choosing.reinforce import Reinforce
from pellucid.tasks.choosing.soft import SoftMixture
from pellucid.tasks.choosing.straight_through import StraightThrough
from pellucid.tasks.choosing.temperature import annealed

__all__ = [
    "Chooser",
    "Chosen",
    "Gap",
    "GumbelSoftmax",
    "Judged",
    "Reinforce",
    "SoftMixture",
    "StraightThrough",
    "annealed",
    "exact_gradient",
    "gradient_draws",
    "hard_gap",
    "judged",
]
