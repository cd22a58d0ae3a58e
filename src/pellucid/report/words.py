"""Receipts in plain words: what a method promised, what was measured, and what to beware of."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from pellucid.core.types import Explanation, Receipt, relative_gap
from pellucid.report.colours import is_flat
from pellucid.report.planes import plane_of

#: The gap above which a promise counts as broken where the method was not given a tolerance.
TOLERANCE = 0.01
#: Relative standard error above which a sampled map is called noisy: the noise is a third of the signal.
NOISY = 0.33


class Sentence(NamedTuple):
    """One thing to tell: ``level`` is "fact" or "warning".

    short: the same in a few words, for where there is little room; empty where it may be left out there.
    """

    level: Literal["fact", "warning"]
    text: str
    short: str = ""


def words_of(explanation: Explanation, i: int = 0) -> list[Sentence]:
    """Everything to say beside sample ``i``'s map, warnings first."""
    one = explanation[i]
    tolerance = one.options.get("tolerance")
    tolerance = float(tolerance) if isinstance(tolerance, int | float) else TOLERANCE
    said = receipt_words(one.receipt, one.target[0], tolerance=tolerance, baseline="baseline" in one.options)
    told = [*flat_words(plane_of(one)), *said]
    return sorted(told, key=lambda s: s.level != "warning")


def short_words(explanation: Explanation, i: int = 0) -> list[Sentence]:
    """What must stand beside sample ``i``'s map even on a stamp: each in a few words, facts first."""
    told = {s.short: Sentence(s.level, s.short) for s in words_of(explanation, i) if s.short}
    seconds = explanation.receipt.seconds
    timed = [Sentence("fact", duration(seconds))] if seconds else []
    return sorted([*told.values(), *timed], key=lambda s: s.level)


def flat_words(values: np.ndarray) -> list[Sentence]:
    """A warning where a map says nothing."""
    if not is_flat(values):
        return []
    value = number(float(values.flat[0])) if values.size else "0"
    text = f"This map is flat: every value is {value}. It says nothing about the picture."
    return [Sentence("warning", text, "flat: says nothing")]


def receipt_words(
    receipt: Receipt, target: str = "", *, tolerance: float = TOLERANCE, baseline: bool = False
) -> list[Sentence]:
    """A receipt in sentences.

    target: the class that was explained. tolerance: the gap that is accepted. baseline: whether
    the sum accounts for the change from a baseline, or for the whole score.
    """
    return [
        *_sum_words(receipt, target, tolerance, baseline),
        *_layer_words(receipt),
        *_sampling_words(receipt),
        *_honesty_words(receipt),
    ]


#: What a target's number is called.
_QUANTITIES = {"probability": "probability", "value": "value", "function": "value"}


def _sum_words(receipt: Receipt, target: str, tolerance: float, baseline: bool) -> Iterator[Sentence]:
    if not receipt.expected or not receipt.actual:
        yield Sentence("fact", "This method promises no sum.", "no sum promised")
        return
    gap = relative_gap(receipt.expected, receipt.actual) if receipt.relative_gap is None else receipt.relative_gap
    quantity = _QUANTITIES.get(receipt.provenance.get("of", ""), "score")
    score = f"the {quantity} of {quoted(target)}" if target else f"the {quantity}"
    score = f"the change in {score} from the baseline" if baseline else score
    steps = f" Took {_count(receipt.steps, 'step')}." if receipt.steps is not None else ""
    yield Sentence(
        "fact",
        f"The values add up to {number(receipt.actual[0])}; {score} is {number(receipt.expected[0])}: "
        f"a gap of {percent(gap)}.{steps}",
        f"gap {percent(gap)}".replace("less than", "<"),
    )
    if not gap <= tolerance:
        yield Sentence(
            "warning",
            f"The method’s promise is not kept: the gap of {percent(gap)} is above the {percent(tolerance)} "
            "that is accepted.",
            "promise not kept",
        )


def _sampling_words(receipt: Receipt) -> Iterator[Sentence]:
    if receipt.samples is None:
        return
    error = receipt.error
    drawn = f"Averaged over {_count(receipt.samples, 'random draw')}"
    told = "" if error is None else f"; the relative standard error of the map is {percent(error)}"
    yield Sentence("fact", f"{drawn}{told}.", "" if error is None else f"error {percent(error)}")
    if error is not None and not error <= NOISY:
        text = "The map is still noisy: take more draws before reading details into it."
        yield Sentence("warning", text, "still noisy")


def _layer_words(receipt: Receipt) -> Iterator[Sentence]:
    if receipt.layer is None:
        return
    reason = (receipt.layer_reason or "").strip().rstrip(".")
    yield Sentence("fact", f"Read at the layer {quoted(receipt.layer)}{': ' + readable(reason) if reason else ''}.")


def _honesty_words(receipt: Receipt) -> Iterator[Sentence]:
    if receipt.fallbacks:
        listed = ", ".join(readable(f) for f in receipt.fallbacks)
        yield Sentence(
            "warning", f"A fallback was used where the method has no rule of its own: {listed}.", "fallback used"
        )
    for note in receipt.notes:
        yield Sentence("warning", readable(note), "see its note")
    if receipt.prepared_difference is not None:
        yield Sentence(
            "fact",
            "Computed on a faster copy of the network, whose output differed by "
            f"{number(receipt.prepared_difference)} (relative) on a probe.",
        )


def _count(n: int, noun: str) -> str:
    return f"{whole(n)} {noun}{'' if n == 1 else 's'}"


def whole(n: int) -> str:
    """A whole number in groups of three digits that no line break parts."""
    return f"{n:,}".replace(",", "\u202f")


def number(value: float) -> str:
    """A number to four significant digits: ``8.412``, ``3e-7``, ``1.2e6``."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def percent(share: float) -> str:
    """A share as a percentage to two significant digits below 10 %, never rounded to a false 0 % or 100 %."""
    value = 100 * share
    if not math.isfinite(value):
        return "an unknown %"
    if value == 0:
        return "0 %"
    if value < 0.001:
        return "less than 0.001 %"
    if 99.5 <= value < 100:
        return f"{value:.2f} %" if value < 99.995 else "more than 99.99 %"
    digits = max(0, 1 - math.floor(math.log10(value)))
    text = f"{value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def quoted(name: str) -> str:
    """A name from outside within quotation marks."""
    return f"“{readable(name)}”"


#: Characters that reorder or hide what surrounds them: bidirectional controls and zero widths.
#: The joiners U+200C and U+200D stay, several scripts and emoji need them.
_HIDDEN = frozenset(
    "\u061c\u200b\u200e\u200f\ufeff" + "".join(map(chr, [*range(0x2028, 0x202F), *range(0x2060, 0x206A)]))
)


def readable(text: str, *, most: int | None = None) -> str:
    """Text from outside as it may be shown: no control, hidden or unpaired character, one line.

    Each becomes its visible code such as ``⟨U+202E⟩``. most: shorten in the middle to this length.
    """
    line = visible(re.sub(r"[ \t\r\n\v\f]+", " ", str(text)).strip(" "))
    if most is not None and len(line) > most:
        half = (most - 1) // 2
        line = f"{line[:half]}…{line[-(most - 1 - half) :]}"
    return line


def visible(text: str) -> str:
    """Text in which each control, hidden or unpaired character is written as its code."""
    return "".join(_code(c) if c in _HIDDEN or unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def _code(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
