"""More pictures or more things on each: the scores over both as a heat map, and what doubling either is worth."""

from __future__ import annotations

from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report import two_numbers
from pellucid.report.looks.comparison import spoken
from pellucid.report.words import Sentence, number, whole

TITLE = "More pictures, or more things on each?"

COLUMNS = {
    "pictures": "Training pictures",
    "each": "Labelled on each",
    "things": "Labelled in all",
    "score": "Score",
    "low": "from",
    "high": "to",
}


def words(view: View) -> list[Sentence]:
    """Which is worth more at the same number of labels, what doubling either brings, and how that was found."""
    said = _said(view)
    told = (two_numbers.equal(view, said), two_numbers.doubling(view, said), _range(view), _how(view))
    return [*two_numbers.warnings(view), *(Sentence("fact", text) for text in told)]


def headline(view: View) -> str:
    """The answer in one line."""
    return two_numbers.headline(view, _said(view))


def figure(view: View) -> Figure:
    """The scores over both numbers, equal totals along the diagonals; beside it what doubling either takes off."""
    return two_numbers.figure(view, _said(view))


def _said(view: View) -> two_numbers.Words:
    things = view.options["things"]
    return two_numbers.Words(
        columns=("pictures", "each", "things"),
        first="pictures",
        second=f"{things} on each",
        halved=f"half as many {things} on each",
        total=things,
    )


def _range(view: View) -> str:
    rows, things, tested = view.table, view.options["things"], view.options["on_test"]
    pictures, each = [r["pictures"] for r in rows], [r["each"] for r in rows]
    return (
        f"That holds from {whole(min(pictures))} to {whole(max(pictures))} pictures and from {min(each)} to "
        f"{max(each)} {things} on each; beyond that nothing is said. The test pictures hold {tested['fewest']} to "
        f"{tested['most']}, on average {number(round(tested['mean'], 1))}."
    )


def _how(view: View) -> str:
    options = view.options
    things = options["things"]
    budget = "steps" if options["budget"] == "steps" else "times through its pictures"
    return (
        f"Each cell was trained {options['repeats']} times, on other random pictures and other {things} of them (a "
        f"smaller cell’s within a larger one’s), with the same number of {budget}, and judged by "
        f"{spoken(options['metric'])}, {options['words']}, on the same {whole(options['items']['test'])} test "
        f"pictures with all their {things}. The {things} beyond a cell’s number stay in its pictures and are not asked "
        "for: neither taught nor taken for background. Intervals (95 %) hold what other test pictures and other "
        "repeats would have given."
    )
