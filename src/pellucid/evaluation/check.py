"""The randomisation checks: what of a map stays when the network has forgotten what it learnt, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid.core.listed import listed
from pellucid.evaluation.columns import Column

#: A map that stays more alike than this when the weights are shuffled, or as far the opposite of itself, hardly depends
#: on what was learnt. It lies between methods that are known to follow the weights and those that are known not to, on
#: other networks than it was chosen on (docs/gallery/does_it_draw_the_network.py).
ALIKE = 0.3

#: Maps of different pictures that are more alike than this are one map.
SAME = 0.95

#: With fewer pictures an interval means nothing.
_LEAST = 3

#: The scores with a verdict: what the check is called, and when.
CHECKS = {
    "randomised_weights": ("weight-randomisation", "when the network's weights are shuffled"),
    "randomised_labels": ("label-randomisation", "when the network was trained on shuffled labels"),
}

Row = Mapping[str, Any]


def verdict(column: Column, low: float, high: float, count: int) -> str:
    """Of shuffled weights or labels "passes", "fails" or "unclear"; of others nothing, for they have no threshold.

    A map that turns into its own opposite fails, too: one sign is all that it has of the network.
    """
    if column.entry.name not in CHECKS:
        return ""
    if count < _LEAST:
        return "unclear"
    if low > ALIKE or high < -ALIKE:
        return "fails"
    return "passes" if max(-low, high) < ALIKE else "unclear"


def words(table: Sequence[Row], own: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Level and text of what the checks say of the methods ``own``, by the rows of a table."""
    for score, (check, when) in CHECKS.items():
        rows = [r for r in table if _name(r) == score and r["method"] in own]
        rows = [r for r in rows if r["score"] == rows[0]["score"]]  # of a score's variants the first
        for row in rows:
            if row["verdict"] == "fails":
                failed = f"{row['method']} failed the {check} check on your network"
                yield "warning", f"{failed}: {failure(row, exchanged(table, row['method']))}"
        passed = [r["method"] for r in rows if r["verdict"] == "passes"]
        if passed:
            change = "its map changes" if len(passed) == 1 else "their maps change"
            yield "fact", f"The {check} check is passed by {listed(passed)}: {change} {when}."
        turned = [r["method"] for r in table if r["score"] == f"{score}:unsigned" and r["verdict"] == "fails"]
        if turned := [m for m in turned if m in passed]:
            yield (
                "fact",
                f"{listed(turned)}: at a glance the map looks alike even then, for it marks the same places, with"
                " other signs. Read its colours, for or against, not its outline.",
            )
    for row in table:
        if row["method"] in own and _name(row) == "exchanged_pictures" and row["low"] > SAME:
            yield (
                "warning",
                f"{row['method']} draws the same map for all pictures ({row['value']:.2f} alike, {row['count']}"
                " pictures): on this network it says nothing of what is seen in yours.",
            )


def failure(row: Row, other: Row | None) -> str:
    """What it means that a method's row of the table failed.

    other: the method's row of exchanged_pictures, where that was asked: only beside it can be told what the map shows.
    """
    alike = abs(row["value"])
    stays = f"Its map stays {alike:.2f} alike" + (", in the opposite colours," if row["value"] < 0 else "")
    stays += f" {CHECKS[_name(row)][1]} ({_span(row)}, {row['count']} pictures; 1 is the same map)"
    if other is None:
        return f"what it draws hardly depends on what the network has learnt. {stays}."
    stays += f"; maps of different pictures are {other['value']:.2f} alike."
    if other["value"] < min(abs(row["low"]), abs(row["high"])):  # truly less, not by a rounding
        return f"it draws the picture, not the network. {stays}"
    return f"it marks much the same places whatever the network has learnt, and whatever is shown. {stays}"


def exchanged(table: Sequence[Row], method: str) -> Row | None:
    """The method's row of exchanged_pictures, if there is one."""
    return next((r for r in table if r["method"] == method and _name(r) == "exchanged_pictures"), None)


def _name(row: Row) -> str:
    return row["score"].partition(":")[0]


def _span(row: Row) -> str:
    ends = (row["low"], row["high"]) if row["value"] > 0 else (-row["high"], -row["low"])
    return "{:.2f} to {:.2f}".format(*ends)
