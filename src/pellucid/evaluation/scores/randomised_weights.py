"""Randomised weights: how much of a map stays when the network forgets what it has learnt."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.evaluation.again import (
    explained,
    on_repeated,
    rank_correlations,
    structural_similarities,
    unsigned_correlations,
)
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.randomise import randomised
from pellucid.evaluation.table import Work, scores
from pellucid.models.network import Network

#: All networks that are kept may take so many bytes; of larger ones each is made anew for each method.
KEPT_BYTES = 1 << 30

Likeness = Literal["rank", "unsigned", "ssim"]
_LIKENESS = {"rank": rank_correlations, "unsigned": unsigned_correlations, "ssim": structural_similarities}


@scores.register(
    "randomised_weights",
    group="randomisation",
    source="arXiv:1810.03292",
    better="lower",
    needs=frozenset({"explain"}),
    variants=({"likeness": "rank"}, {"likeness": "unsigned"}, {"likeness": "ssim"}),
    work=lambda n, *, depths, likeness, **_: Work(again=depths if likeness == "rank" else 0, networks=depths),
    unit="how alike the map stays when weights are shuffled, from the output downwards",
)
def randomised_weights(bench: Bench, maps: Tensor, *, likeness: Likeness = "rank", depths: int = 3) -> Tensor:
    """How alike a map stays when the weights of the last third, two thirds and all layers are shuffled (§3, cascading).

    likeness, of which the mean over depths is taken: "rank" correlation; the same "unsigned", of absolute maps, which
    stay alike for a method that says nothing where the input is zero (a digit's blank ground) though it says the
    opposite elsewhere; or "ssim" of absolute maps of the same largest value. depths: into how many equal shares the
    layers are parted. 1: the map draws the picture, whatever the network has learnt. Only the bench's repeated pictures
    have a value, for each depth explains again.
    """
    if depths < 1:
        raise BadInput(f"{depths} depths", cure="pass at least 1")
    key, before = ("maps of randomised", depths), maps[bench.repeated]
    again = bench.once(key, lambda: [_again(bench, d + 1, depths) for d in range(depths)], own=True)
    return on_repeated(bench, torch.stack([_LIKENESS[likeness](before, after) for after in again]).mean(0))


def _again(bench: Bench, depth: int, depths: int) -> Tensor:
    rows = bench.repeated
    return explained(bench, _network(bench, depth, depths), bench.x[rows], bench.targets[rows])


def _network(bench: Bench, depth: int, depths: int) -> Network:
    make = lambda: randomised(bench.source, bench.x, depth / depths, seed=bench.seed + depth)  # noqa: E731
    size = sum(p.numel() * p.element_size() for p in bench.source.module.parameters())
    # Each is there twice, for methods run a fast copy.
    return bench.once(("randomised", depth, depths), make) if 2 * depths * size <= KEPT_BYTES else make()
