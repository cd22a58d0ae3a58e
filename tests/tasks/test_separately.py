"""One network for each question in place of one for all, and their answers joined again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pellucid.core.errors import BadInput
from pellucid.tasks.separately import joined, separately
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING
from tasks.labelled import cells, fit, task, vocabulary

VEHICLES = {
    "type": ["van", "car", "van", "bus", "", "car", ""],
    "make": ["Alba", "Brio", "Brio", "", "Alba", "Alba", ""],
}
FRUIT = {"fruit": ["apple", "pear", "plum", "apple", ""]}


def test_groups_fall_apart_into_multiclass_tasks_and_are_joined_again() -> None:
    whole, parts = vocabulary(VEHICLES), separately("multigroup", vocabulary(VEHICLES))
    assert [(p.name, p.task, p.labels) for p in parts] == [
        ("type", "multiclass", ("type",)),
        ("make", "multiclass", ("make",)),
    ]
    made = [tasks[p.task].function(vocabulary({n: VEHICLES[n] for n in p.labels}), **p.options) for p in parts]
    output = torch.randn(7, 5)
    answers = [t.probabilities(o).numpy() for t, o in zip(made, output.split([3, 2], 1), strict=True)]
    t = tasks["multigroup"].function(whole)
    np.testing.assert_allclose(joined("multigroup", answers), t.probabilities(output).numpy())
    np.testing.assert_array_equal(np.stack([m.encode(VEHICLES) for m in made], 1), t.encode(VEHICLES))


@pytest.mark.parametrize(
    "columns",
    [
        {"tags": ["red", "red;round", "round", "", "?", "red;?"]},
        {"red": ["1", "1", "0", "0", "", "1"], "round": ["no", "yes", "yes", "no", "", "?"]},
    ],
)
def test_tags_fall_apart_into_binary_tasks_and_are_joined_again(columns: dict) -> None:
    whole = vocabulary(columns)
    parts = separately("multilabel", whole)
    assert [p.name for p in parts] == ["red", "round"]
    made = [tasks[p.task].function(vocabulary({n: columns[n] for n in p.labels}), **p.options) for p in parts]
    t = tasks["multilabel"].function(whole)
    target = t.encode(columns).numpy()
    for i, each in enumerate(made):
        wanted = np.where(np.isnan(target[:, i]), MISSING, target[:, i])
        np.testing.assert_array_equal(each.encode(columns), wanted)
    output = torch.randn(6, 2)
    answers = [m.probabilities(output[:, i : i + 1]).numpy() for i, m in enumerate(made)]
    np.testing.assert_allclose(joined("multilabel", answers), t.probabilities(output).numpy(), rtol=1e-6)


def test_separate_linear_networks_are_the_shared_one() -> None:
    """Without hidden layers nothing is shared, so training apart must find the same."""
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(300, 4)), dtype=torch.float32)
    columns = cells(rng.random((300, 2)) < 1 / (1 + np.exp(-2 * x[:, :2].numpy())), "ab")
    t = task("multilabel", columns)
    shared = t.probabilities(fit(t, x, t.encode(columns))(x)).detach().numpy()
    answers = []
    for part in separately("multilabel", vocabulary(columns)):
        each = tasks[part.task].function(vocabulary(columns), **part.options)
        answers.append(each.probabilities(fit(each, x, each.encode(columns))(x)).detach().numpy())
    np.testing.assert_allclose(joined("multilabel", answers), shared, atol=2e-3)


def test_tasks_that_ask_one_question_cannot_be_parted() -> None:
    with pytest.raises(BadInput, match="a binary task asks one question"):
        separately("binary", vocabulary({"x": ["a", "b"]}))


def test_classes_apart_are_one_against_the_rest() -> None:
    parts = separately("multiclass", vocabulary(FRUIT))
    made = [tasks[p.task].function(vocabulary(FRUIT), **p.options) for p in parts]
    output = torch.randn(5, 3)
    answers = [m.probabilities(output[:, i : i + 1]).numpy() for i, m in enumerate(made)]
    t = task("multiclass", FRUIT, encoding="one_vs_rest")
    np.testing.assert_allclose(joined("multiclass", answers), t.probabilities(output).numpy(), rtol=1e-5)
    target = t.encode(FRUIT)
    sums = sum(m.loss(output[:, i : i + 1], m.encode(FRUIT)) for i, m in enumerate(made))
    torch.testing.assert_close(sums, t.loss(output, target))
