"""Numbers in their own units: against least squares, scikit-learn's metrics, and what cannot be learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from torch import nn

from pellucid.core.errors import BadInput
from pellucid.models.heads import make_head
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task, Vocabulary

TRAIN = slice(0, 300)


def made_for(columns: dict[str, list[str]], **options: Any) -> Task:
    rows = list(zip(*columns.values(), strict=True))
    values = {name: tuple(sorted({c for c in cells if c})) for name, cells in columns.items()}
    entry = tasks["regression"]
    return entry.function(
        Vocabulary(values, len(rows), {row: rows.count(row) for row in rows}), **entry.complete(options)
    )


def learnt(made: Task, x: torch.Tensor, target: torch.Tensor) -> nn.Module:
    torch.manual_seed(0)
    module = make_head(made.head, x.shape[1])
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-7)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = made.loss(module(x), target).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    return module


@pytest.fixture(scope="module")
def diabetes() -> tuple[torch.Tensor, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    return torch.tensor(x / x.std(0), dtype=torch.float32), y


def test_a_linear_network_is_least_squares(diabetes: tuple[torch.Tensor, np.ndarray]) -> None:
    """Diabetes progression from ten measurements: the answers are scikit-learn's, in the disease's own unit."""
    x, y = diabetes
    made = made_for({"progression": [str(v) for v in y[TRAIN]]})
    target = made.encode({"progression": [str(v) for v in y]})
    module = learnt(made, x[TRAIN], target[TRAIN])
    with torch.no_grad():
        answers = made.probabilities(module(x)).numpy()
    theirs = LinearRegression().fit(x[TRAIN].numpy(), y[TRAIN]).predict(x.numpy())
    assert np.abs(answers[:, 0] - theirs).max() < 0.1
    out = slice(300, None)
    scores = made.scores(target[out].numpy(), answers[out])
    assert scores["r2"] == pytest.approx(r2_score(y[out], theirs[out]), abs=1e-3)
    assert scores["mae"] == pytest.approx(mean_absolute_error(y[out], theirs[out]), abs=0.05)
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(y[out], theirs[out]), abs=0.05)
    assert scores["r2"] > 0.4


@pytest.mark.parametrize(("loss", "wanted"), [("squared", "mean"), ("absolute", "median"), ("huber", "between")])
def test_what_each_loss_goes_for(loss: str, wanted: str) -> None:
    """A network that knows nothing learns the mean, the median, or something between of a skewed column."""
    y = np.random.default_rng(0).exponential(10, 401)
    made = made_for({"y": [str(v) for v in y]}, loss=loss)
    output = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([output], lr=0.05)
    target = made.encode({"y": [str(v) for v in y]})
    for _ in range(600):
        optimizer.zero_grad()
        made.loss(output.expand(401, 1), target).mean().backward()
        optimizer.step()
    answer = float(made.probabilities(output.detach()))
    if wanted == "between":
        assert np.median(y) < answer < y.mean()
    else:
        assert answer == pytest.approx(getattr(np, wanted)(y), abs=0.3)


def test_units_are_the_columns_own_and_several_weigh_alike() -> None:
    columns = {"grams": ["1000", "2000", "3000", "2000"], "share": ["0.1", "0.2", "0.3", "0.4"]}
    made = made_for(columns)
    assert made.classes == ("grams", "share")
    assert made.output == "values"
    assert made.outputs == ("grams (deviations from the mean)", "share (deviations from the mean)")
    assert made.probabilities(torch.zeros(1, 2))[0].tolist() == pytest.approx([2000, 0.25])
    target = made.encode(columns)
    assert target.shape == (4, 2)
    assert float(made.loss(torch.zeros(4, 2), target).mean()) == pytest.approx(1)  # each column's variance is 1
    one = made.loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[2000, 0.25]] * 2))
    assert one.tolist() == pytest.approx([0.5, 0.5])
    assert made.say(np.array([2000.0, np.nan])) == "grams 2000, share unknown"
    assert made_for({"grams": columns["grams"]}).say(np.array([1234.5])) == "1234"
    assert made.notes[0].startswith("grams: always answering the training mean, 2000, is off by 707.1")


def test_metrics_of_several_columns_are_each_ones_and_the_mean_in_deviations() -> None:
    rng = np.random.default_rng(1)
    truth = np.stack([rng.normal(5000, 700, 50), rng.normal(0.3, 0.1, 50)], 1)
    answers = truth + rng.normal(0, [300, 0.05], (50, 2))
    truth[::7, 0] = np.nan
    made = made_for({"a": ["4300", "5700"], "b": ["0.2", "0.4"]})  # deviations 700 and 0.1
    scores = made.scores(truth, answers)
    known = ~np.isnan(truth[:, 0])
    assert scores["mae of a"] == pytest.approx(mean_absolute_error(truth[known, 0], answers[known, 0]))
    assert scores["rmse of b"] == pytest.approx(root_mean_squared_error(truth[:, 1], answers[:, 1]))
    assert scores["r2 of a"] == pytest.approx(r2_score(truth[known, 0], answers[known, 0]))
    assert scores["r2"] == pytest.approx((scores["r2 of a"] + scores["r2 of b"]) / 2)
    assert scores["mae"] == pytest.approx((scores["mae of a"] / 700 + scores["mae of b"] / 0.1) / 2)
    assert made.primary == "r2"
    assert made_for({"a": ["1", "2"]}, loss="absolute").primary == "mae"
    assert all(np.isnan(v) for v in made.scores(np.full((3, 2), np.nan), np.zeros((3, 2))).values())
    mean = made_for({"a": ["1", "2"]}).scores(np.array([[1.0], [2.0]]), np.array([[1.5], [1.5]]))
    assert mean == {"mae": 0.5, "rmse": 0.5, "r2": 0.0}


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
def test_missing_cells_cost_nothing_and_large_outputs_stay_finite(loss: str) -> None:
    columns = {"a": ["1", "", "3", ""], "b": ["5", "6", "", ""]}
    made = made_for(columns, loss=loss)
    target = made.encode(columns)
    assert torch.isnan(target).tolist() == [[False, False], [True, False], [False, True], [True, True]]
    output = torch.tensor([[1e4, -1e4]] * 4, requires_grad=True)
    each = made.loss(output, target)
    each.sum().backward()
    assert each.detach()[3] == 0
    assert output.grad.isfinite().all()
    assert (output.grad != 0).tolist() == (~torch.isnan(target)).tolist()
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(made.loss(output.detach()[order], target[order]), each.detach()[order])
    perfect = (made.encode(columns) - torch.tensor([2.0, 5.5])) / torch.tensor([1.0, 0.5])
    assert float(made.loss(perfect.nan_to_num(), target).sum()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1", "many"], "'many' is no number"),
        (["1", "nan"], "'nan' is no number"),
        (["1", "inf"], "'inf' is no number"),
        (["2", "2"], "have the number 2"),
        (["", ""], "no training item has a number"),
        (["1000000", "1000001"], "differ by 0.5 around"),
    ],
)
def test_what_is_no_number_to_learn_is_told(cells: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        made_for({"y": cells})
    assert error.value.where == "y"
    assert error.value.cure
