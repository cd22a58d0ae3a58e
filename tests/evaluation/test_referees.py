"""The scores against captum's, and against slow literal second implementations."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

import pellucid
from pellucid.evaluation.again import rank_correlations, unsigned_correlations
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.cells import cells_of
from pellucid.evaluation.scores.infidelity import _squares
from pellucid.evaluation.scores.sensitivity_n import SHARES
from pellucid.evaluation.table import scores
from pellucid.models.inputs import InputSpec

SIDE = 9


@pytest.fixture(scope="module")
def bench():
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(36, 3)
    ).eval()
    network = pellucid.open(module, input=InputSpec.matrix(SIDE, SIDE, 2))
    x = torch.randn(4, 2, SIDE, SIDE)
    return Bench(network, x, torch.tensor([0, 2, 1, 1]), tuple("abcd"), original=network)


@pytest.fixture(scope="module")
def maps():
    return torch.randn(4, SIDE, SIDE, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_is_captums(bench, maps, scaled):
    from captum.metrics import infidelity

    boxes, _ = _squares(bench, 20, "zero")
    ours = scores["infidelity"].function(bench, maps, draws=20, scale="best" if scaled else "none")
    for i in range(4):
        marks = torch.zeros(20, 2, SIDE, SIDE)
        for mark, (top, left, bottom, right) in zip(marks, boxes[i].tolist(), strict=True):
            mark[:, top:bottom, left:right] = 1
        # The map once, not once a channel.
        both = torch.stack([maps[i], torch.zeros(SIDE, SIDE)])[None]
        theirs = infidelity(
            bench.network.module,
            lambda x, marks=marks: (marks, x * (1 - marks)),
            bench.x[i : i + 1],
            both,
            target=int(bench.targets[i]),
            n_perturb_samples=20,
            normalize=scaled,
        )
        if not scaled:
            torch.testing.assert_close(ours[i], theirs[0].double(), rtol=1e-4, atol=1e-9)
            continue
        falls = _squares(bench, 20, "zero")[1][i]
        said = torch.stack([maps[i, t:b, l:r].sum() for t, l, b, r in boxes[i].tolist()])
        if float((said * falls).sum()) > 0:  # captum lets the factor be negative
            torch.testing.assert_close(ours[i], theirs[0].double() / falls.square().mean(), rtol=1e-3, atol=1e-9)
        else:
            assert ours[i] == 1


def test_max_sensitivity_is_captums(bench):
    from captum.attr import Saliency
    from captum.metrics import sensitivity_max

    saliency = Saliency(bench.network.module)

    def explain(x, target):
        x = x[0] if isinstance(x, tuple) else x
        return saliency.attribute(x.detach().requires_grad_(), target=target, abs=False)

    own = bench.judging(lambda network, x, targets: explain(x, targets).sum(1).detach())
    before = own.explain(bench.network, bench.x, bench.targets)
    ours = scores["max_sensitivity"].function(own, before, draws=3)
    nudges = [0.04 * torch.rand(4, 2, SIDE, SIDE, generator=bench.generator("nudge", d)) - 0.02 for d in range(3)]
    for i in range(4):
        theirs = sensitivity_max(
            # A tuple: of a plain tensor captum 0.9.0 compares all draws with all, and is √draws too large.
            lambda x, target: (explain(x, target).sum(1, keepdim=True),),
            bench.x[i : i + 1],
            perturb_func=lambda x, r, i=i: bench.x[i] + torch.stack([n[i] for n in nudges]),
            n_perturb_samples=3,
            target=int(bench.targets[i]),
        )
        torch.testing.assert_close(ours[i], theirs[0].double(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["insertion", "deletion"])
@pytest.mark.parametrize("baseline", ["mean", "blur", "noise", "zero"])
def test_curves_pixel_by_pixel(bench, maps, name, baseline):
    from pellucid.evaluation.curves import blank

    steps, pixels = 5, SIDE * SIDE
    ours = scores[name].function(bench, maps, baseline=baseline, steps=steps)
    empty = blank(bench, baseline)
    for i in range(4):
        order = sorted(range(pixels), key=lambda p, i=i: -float(maps[i].flatten()[p]))
        heights = []
        for k in range(steps + 1):
            picture = (bench.x if name == "deletion" else empty)[i].clone()
            other = (empty if name == "deletion" else bench.x)[i]
            for p in order[: round(k / steps * pixels)]:
                picture[:, p // SIDE, p % SIDE] = other[:, p // SIDE, p % SIDE]
            with torch.no_grad():
                heights.append(float(bench.network.module(picture[None]).softmax(1)[0, bench.targets[i]]))
        wanted = sum((a + b) / 2 / steps for a, b in pairwise(heights))
        assert float(ours[i]) == pytest.approx(wanted, abs=1e-6)


def test_sensitivity_n_cell_by_cell(bench, maps):
    ours = scores["sensitivity_n"].function(bench, maps, cells=3, draws=8, baseline="mean")
    where = cells_of((SIDE, SIDE), 3)
    taken, _ = bench.shared[("sensitivity_n", 3, 8, "mean")]
    for i in range(4):
        found = []
        for s in range(len(SHARES)):
            said, falls = [], []
            for draw in taken[i, s]:
                picture, total = bench.x[i].clone(), 0.0
                for y in range(SIDE):
                    for x in range(SIDE):
                        if draw[where[y, x]]:
                            picture[:, y, x] = bench.x[i].mean((1, 2))
                            total += float(maps[i, y, x])
                with torch.no_grad():
                    both = bench.network.module(torch.stack([bench.x[i], picture]))[:, bench.targets[i]]
                said.append(total)
                falls.append(float(both[0] - both[1]))
            found.append(np.corrcoef(said, falls)[0, 1])
        assert float(ours[i]) == pytest.approx(float(np.mean(found)), abs=1e-4)


def test_rank_correlations_are_scipys(maps):
    other = maps.flip(0) + maps
    for ours, make in ((rank_correlations, lambda m: m), (unsigned_correlations, torch.abs)):
        wanted = [spearmanr(make(a).flatten(), make(b).flatten()).statistic for a, b in zip(maps, other, strict=True)]
        np.testing.assert_allclose(ours(maps, other).numpy(), wanted, atol=1e-12)
    assert rank_correlations(maps, torch.zeros_like(maps)).eq(0).all()
