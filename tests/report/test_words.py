from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pellucid.core.types import Receipt
from pellucid.report.words import duration, number, percent, readable, receipt_words, words_of

KEPT = Receipt(expected=(8.409,), actual=(8.412,), relative_gap=0.0004, steps=24)


def texts(sentences, level=None):
    return [s.text for s in sentences if level in (None, s.level)]


def test_a_kept_promise_is_told_with_both_sums_the_gap_and_the_steps():
    assert texts(receipt_words(KEPT, "tiger cat", baseline=True)) == [
        "The values add up to 8.412; the change in the score of “tiger cat” from the baseline is 8.409: "
        "a gap of 0.04 %. Took 24 steps."
    ]


def test_a_sum_without_a_baseline_accounts_for_the_score_itself():
    assert "the score of “tiger cat” is 8.409" in texts(receipt_words(KEPT, "tiger cat"))[0]


def test_no_promise_is_said():
    assert texts(receipt_words(Receipt())) == ["This method promises no sum."]


def test_a_broken_promise_is_a_warning():
    broken = dataclasses.replace(KEPT, actual=(6.0,), relative_gap=0.29)
    (warning,) = texts(receipt_words(broken), "warning")
    assert "not kept" in warning
    assert "29 %" in warning
    assert not texts(receipt_words(broken, tolerance=0.5), "warning")


def test_a_gap_that_was_not_measured_is_worked_out():
    assert texts(receipt_words(dataclasses.replace(KEPT, actual=(4.2,), relative_gap=None)), "warning")


def test_sampling_layer_fallbacks_notes_and_the_fast_copy():
    receipt = Receipt(
        samples=32,
        error=0.06,
        layer="conv_head",
        layer_reason="the last one with a height.",
        fallbacks=("aten::sort at head",),
        notes=("stopped early",),
        prepared_difference=3e-7,
    )
    told = receipt_words(receipt)
    assert texts(told, "fact") == [
        "This method promises no sum.",
        "Read at the layer “conv_head”: the last one with a height.",
        "Averaged over 32 random draws; the relative standard error of the map is 6 %.",
        "Computed on a faster copy of the network, whose output differed by 3e-7 (relative) on a probe.",
    ]
    assert texts(told, "warning") == [
        "A fallback was used where the method has no rule of its own: aten::sort at head.",
        "stopped early",
    ]


@pytest.mark.parametrize("error", [0.5, float("nan"), float("inf")])
def test_a_noisy_map_is_a_warning(error):
    assert texts(receipt_words(Receipt(samples=1, error=error)), "warning")


def test_one_is_singular():
    assert "1 random draw." in receipt_words(Receipt(samples=1))[1].text


def test_flat_maps_are_said_first(explain_map):
    flat = explain_map(np.zeros((4, 4), np.float32), None, None, "occlusion", "cat")
    first = words_of(flat)[0]
    assert first.level == "warning"
    assert "flat" in first.text


def test_the_tolerance_of_the_options_counts(explain_map, hills):
    receipt = dataclasses.replace(KEPT, actual=(8.0,), relative_gap=0.05)
    strict = explain_map(hills((0.5, 0.5, 1)), None, None, "m", "cat", receipt=receipt, options={"tolerance": 0.01})
    loose = dataclasses.replace(strict, options={"tolerance": 0.1, "baseline": 0.0})
    assert texts(words_of(strict), "warning")
    assert not texts(words_of(loose), "warning")
    assert "baseline" in words_of(loose)[0].text


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (0.0004, "0.04 %"),
        (0.06, "6 %"),
        (0.6213, "62 %"),
        (0.0312, "3.1 %"),
        (1.0, "100 %"),
        (12.5, "1250 %"),
        (1e-9, "less than 0.001 %"),
    ],
)
def test_percent(share, said):
    assert percent(share) == said


@pytest.mark.parametrize("share", [0.0999, 0.09996, 0.995, 0.9999, 0.999])
def test_percent_near_a_power_of_ten_stays_a_number(share):
    assert float(percent(share).removesuffix(" %")) == pytest.approx(100 * share, rel=0.01)


def test_a_share_just_below_one_is_not_called_all():
    assert percent(0.9999) == "99.99 %"
    assert percent(0.9999999) == "more than 99.99 %"


def test_numbers_and_durations():
    assert [number(v) for v in (8.412, 3e-7, -0.5, 0.0, 1.23e8)] == ["8.412", "3e-7", "-0.5", "0", "1.2e8"]
    assert [duration(s) for s in (0.42, 12.3, 200)] == ["0.4 s", "12 s", "3 min 20 s"]


def test_hidden_and_unpaired_characters_become_visible():
    assert readable("a\u202eb") == "a⟨U+202E⟩b"
    assert readable("a\u200bb\x00c\udcffd") == "a⟨U+200B⟩b⟨U+0000⟩c⟨U+DCFF⟩d"
    assert readable("two\n  lines") == "two lines"
    assert readable("קפה") == "קפה"
    readable("\udcff").encode()


def test_long_names_are_shortened_in_the_middle():
    short = readable("a" * 500 + "z", most=20)
    assert len(short) == 20
    assert short.endswith("z")
    assert "…" in short
