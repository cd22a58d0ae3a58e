"""More objects or more pictures of each: the scores over both as a heat map, and what doubling either is worth."""

from __future__ import annotations

from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report import two_numbers
from pellucid.report.looks.comparison import spoken
from pellucid.report.words import Sentence, whole

TITLE = "More objects, or more pictures of each?"

COLUMNS = {
    "groups": "Objects",
    "each": "Pictures of each",
    "pictures": "Pictures",
    "score": "Score",
    "low": "from",
    "high": "to",
}

_SAID = two_numbers.Words(
    columns=("groups", "each", "pictures"),
    first="objects",
    second="pictures of each",
    halved="half as many pictures each",
    total="pictures",
)


def words(view: View) -> list[Sentence]:
    """Which is worth more at the same number of pictures, what doubling either brings, and how that was found."""
    told = (two_numbers.equal(view, _SAID), two_numbers.doubling(view, _SAID), _how(view))
    return [*two_numbers.warnings(view), *(Sentence("fact", text) for text in told)]


def headline(view: View) -> str:
    """The answer in one line."""
    return two_numbers.headline(view, _SAID)


def figure(view: View) -> Figure:
    """The scores over both numbers, equal totals along the diagonals; beside it what doubling either takes off."""
    return two_numbers.figure(view, _SAID)


def _how(view: View) -> str:
    options = view.options
    budget = "steps" if options["budget"] == "steps" else "times through its pictures"
    return (
        f"Each cell was trained {options['repeats']} times, on other random objects and other pictures of them (a "
        f"smaller cell’s within a larger one’s), with the same number of {budget}, and judged by "
        f"{spoken(options['metric'])}, {options['words']}, on the same {whole(options['items']['test'])} test "
        "pictures, which show other objects. Intervals (95 %) hold what other test objects and other repeats would "
        "have given."
    )
