"""Binary, multi-label and group tasks through the loop, in every encoding, on real digits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.data.dataset import Dataset, Stack
from pellucid.training.plan import Plan
from pellucid.training.setup import prepare
from pellucid.training.train import fit

COUNT = 600


def digits() -> Dataset:
    images, y = load_digits().images[:COUNT].astype(np.float32), load_digits().target[:COUNT]
    tags = ("even", y % 2 == 0), ("loop", np.isin(y, (0, 6, 8, 9))), ("small", y < 5)
    columns = {
        "even": tuple(np.where(y % 2 == 0, "yes", "no").tolist()),
        "tags": tuple("?" if i % 20 == 0 else ";".join(t for t, there in tags if there[i]) for i in range(COUNT)),
        "size": tuple(np.where(y < 5, "small", "large").tolist()),
        "parity": tuple("" if i % 9 == 0 else ("even", "odd")[v % 2] for i, v in enumerate(y)),
    }
    return Dataset("digits", Stack.of(images, "digits"), columns)


@pytest.mark.parametrize(
    ("task", "labels", "options", "least"),
    [
        ("binary", ("even",), {"threshold": "f1", "pos_weight": 2.0}, 0.85),
        ("multilabel", ("tags",), {"decision": "f1"}, 0.9),
        ("multilabel", ("tags",), {"encoding": "power_set"}, 0.9),
        ("multilabel", ("tags",), {"encoding": "embedding"}, 0.85),
        ("multigroup", ("size", "parity"), {}, 0.85),
        ("multigroup", ("size", "parity"), {"encoding": "power_set"}, 0.85),
        ("multiclass", ("size",), {"encoding": "one_vs_rest"}, 0.85),
    ],
)
def test_a_task_is_learnt_from_the_table_to_the_decision(task: str, labels: tuple, options: dict, least: float) -> None:
    plan = Plan(task=task, labels=labels, options=options, model="perceptron:64x1", epochs=12, lr=0.01, device="cpu")
    setup = prepare(digits(), plan)
    found = fit(setup)
    own = setup.task
    answers = found.answers("test")
    assert answers.shape == (len(setup.test), len(own.classes))
    result = own.scores(setup.test.targets.numpy(), answers, found.rule)
    assert result[own.primary] > least
    assert all(np.isfinite(value) for value in result.values())
    told = found.network.predict(found.network.probe(2))[0]
    if own.outputs is not None:
        assert {name for _, name, _ in told} <= {*own.outputs, found.network.negative}
    words = {own.say(d) for d in own.decide(answers, found.rule)}
    assert len(words) > 1
