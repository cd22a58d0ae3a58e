"""How far each method can be trusted on a network, kept for whoever explains with it later."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.core.files import whole_file
from pellucid.core.listed import listed
from pellucid.core.types import View
from pellucid.evaluation import cache
from pellucid.evaluation.check import CHECKS, exchanged, failure

#: Scores of these groups say how true a map is.
_TRUE = ("faithfulness", "truth")

#: By how many of these scores a method is named at most.
_NAMED = 4

Said = list[dict[str, str]]


def remember(view: View, data: str) -> Path | None:
    """Keep what a view of the kind ``evaluate_explanations`` says of its methods, by the network's weights.

    data: what it was judged on, in words. What was found of a method on more pictures, or by more scores on as many,
    stays: if all stays, None is given.
    """
    place = _place(view.provenance["weights_sha256"])
    before = _read(place)
    found = {m: _found(view, m, data) for m in view.options["methods"] if m not in view.options["baselines"]}
    better = {m: each for m, each in found.items() if m not in before or each["by"] >= before[m]["by"]}
    if not better:
        return None
    with whole_file(place) as temporary:
        temporary.write_text(json.dumps({**before, **better}, ensure_ascii=False), encoding="utf-8")
    return place


def _found(view: View, method: str, data: str) -> dict[str, Any]:
    """What is said of a method, and by how many pictures and scores."""
    rows = [r for r in view.table if r["method"] == method]
    pictures = view.options["pictures"]
    return {"by": [pictures, len(rows)], "said": trust_words(rows, f"{pictures} pictures of {data}")}


def remembered(weights: str) -> Mapping[str, Said]:
    """What is known of methods on the network of these weights (a hash): sentences as {level, text} by method."""
    return {method: each["said"] for method, each in _read(_place(weights)).items()}


def trust_words(rows: Sequence[Mapping[str, Any]], where: str) -> Said:
    """A method's rows of the table in words: whether it draws the network, and whether it beats a map of noise."""
    said = [
        {
            "level": "warning",
            "text": f"It failed the {_check(row)} check on this network: "
            + failure(row, exchanged(rows, row["method"])),
        }
        for row in rows
        if row["verdict"] == "fails" and row["score"].partition(":")[2].partition(",")[0] not in ("unsigned", "ssim")
    ]
    judged = [r for r in rows if r["score_group"] in _TRUE]
    better, worse = ([r["score"] for r in judged if r["vs_random"] == how] for how in ("better", "worse"))
    if not judged:
        return said
    text = f"How far to trust it here: by {len(better)} of {len(judged)} scores it is truly better than a map of noise"
    text += f", by {listed(worse, _NAMED + 1)} truly worse" if worse else ""
    said.append({"level": "fact" if better else "warning", "text": f"{text} ({where})."})
    return said


def _check(row: Mapping[str, Any]) -> str:
    return CHECKS[row["score"].partition(":")[0]][0]


def _place(weights: str) -> Path:
    return cache.folder() / f"trust-{weights[:32]}-{cache.EDITION}.json"


def _read(place: Path) -> dict[str, Any]:
    """What is kept by method; nothing where the file is missing or damaged, for it can be made again."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        found = json.loads(place.read_text(encoding="utf-8"))
        if all(len(each["by"]) == 2 and isinstance(each["said"], list) for each in found.values()):
            return found
    return {}
