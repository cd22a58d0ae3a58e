"""Networks that answer several questions at once, each by a softmax of its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import nets
import pellucid
from pellucid.features.coding.loss import choose_loss
from pellucid.models.groups import log_softmax_of_groups
from pellucid.training.answers import drawn, task_of

NAMES = ("type: van", "make: Alba", "make: Brio", "make: Cora")
GROUPS = (1, 3)


def network() -> pellucid.Network:
    return pellucid.open(nets.module("modules"), input=nets.SPEC, classes=NAMES[:4], output="groups", groups=(2, 2))


def test_each_group_has_a_softmax_of_its_own() -> None:
    net, x = network(), nets.images(3)
    with torch.no_grad():
        scores = net.module.eval()(x)
    shares = net.probabilities(scores)
    for part in (slice(0, 2), slice(2, 4)):
        torch.testing.assert_close(shares[:, part], scores[:, part].softmax(1))


def test_predictions_begin_with_the_best_of_each_group_and_explanations_with_the_surest() -> None:
    net, x = network(), nets.images(3)
    with torch.no_grad():
        shares = net.probabilities(net.module.eval()(x)).numpy()
    for row, best in zip(shares, net.predict(x), strict=True):
        first = {int(row[:2].argmax()), 2 + int(row[2:].argmax())}
        assert {i for i, _, _ in best[:2]} == first
        assert len(best) == 4
        for part in (best[:2], best[2:]):
            assert part[0][2] >= part[1][2]
    assert [b[0][0] for b in net.predict(x, top=1)] == shares.argmax(1).tolist()
    found = pellucid.explain(net, x, "gradient", of="probability")
    assert found.target == tuple(net.class_name(int(i)) for i in shares.argmax(1))


def test_a_groups_relevance_keeps_its_sum() -> None:
    net, x = network(), nets.images(2)
    found = pellucid.explain(net, x, "integrated_gradients", "make: Brio", of="probability")
    assert found.receipt.relative_gap < 0.02


def test_groups_that_do_not_fit_are_refused() -> None:
    wrong = dataclasses.replace(network(), groups=(2, 1), _cache={})
    with pytest.raises(pellucid.BadInput, match=r"groups of 2 \+ 1 outputs for 4"):
        wrong.predict(nets.images(1))
    with pytest.raises(pellucid.BadInput, match="groups"):
        pellucid.open(nets.module("modules"), input=nets.SPEC, output="groups")
    with pytest.raises(pellucid.BadInput, match="groups"):
        pellucid.open(nets.module("modules"), input=nets.SPEC, groups=(2, 2))


def test_a_narrow_groups_missing_answers_are_never_given() -> None:
    scores = torch.randn(5, 4)
    logs = log_softmax_of_groups(scores, GROUPS)
    torch.testing.assert_close(logs[:, :, 1], scores[:, 1:].log_softmax(1))
    assert logs[:, 1:, 0].exp().max() == 0
    torch.testing.assert_close(logs[:, 0, 0], torch.zeros(5))


def test_what_a_change_loses_is_the_divergence_in_each_group() -> None:
    net = dataclasses.replace(network(), groups=GROUPS, _cache={})
    before, after = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    loss = choose_loss(net, nets.images(6), before, kind="auto", labelled=False)
    p, q = before[:, 1:].softmax(1), after[:, 1:].log_softmax(1)
    wanted = (p * (p.log() - q)).sum(1) / 2  # the mean of two questions, one of which has one answer
    torch.testing.assert_close(loss.values(after, loss.target(nets.images(6), None, before)), wanted)
    assert torch.isfinite(loss.embedded(before)).all()
    with pytest.raises(pellucid.BadInput, match="more than one question"):
        choose_loss(net, nets.images(6), before, kind="classes", labelled=True)


def test_training_is_watched_with_the_sum_of_cross_entropies() -> None:
    net = dataclasses.replace(network(), groups=GROUPS, _cache={})
    task = task_of(net, torch.zeros(8, 4))
    target = drawn(task, torch.zeros(8, 4), seed=0)
    assert target.shape == (8, 2)
    assert target[:, 0].max() == 0
    np.testing.assert_allclose(task.compute(torch.zeros(8, 4), target), np.log(3), rtol=1e-6)
    np.testing.assert_allclose(task.chance, np.log(3))
    assert "ln 4" in str(list(words(pellucid.health(network(), nets.images(8)))))


def words(view: pellucid.View) -> object:
    from pellucid.report.looks import health

    return health.words(view)
