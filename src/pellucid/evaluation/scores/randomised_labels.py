"""Randomised labels: how much of a map stays when the same network has learnt nonsense."""

from __future__ import annotations

from torch import Tensor

from pellucid.evaluation.again import explained, on_repeated, rank_correlations
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import Work, scores


@scores.register(
    "randomised_labels",
    group="randomisation",
    source="arXiv:1810.03292",
    better="lower",
    needs=frozenset({"explain", "shuffled"}),
    work=lambda n: Work(again=1),
    unit="how alike the map is on a network that has learnt shuffled labels",
)
def randomised_labels(bench: Bench, maps: Tensor) -> Tensor:
    """The rank correlation of maps between the network and its twin that was trained on shuffled labels (§4).

    Only the bench's repeated pictures have a value, for they are explained again.
    """
    assert bench.shuffled is not None, "the score needs 'shuffled'"
    rows = bench.repeated
    after = explained(bench, bench.shuffled, bench.x[rows], bench.targets[rows])
    return on_repeated(bench, rank_correlations(maps[rows], after))
