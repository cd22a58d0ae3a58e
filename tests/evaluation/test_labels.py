"""A run trained again on shuffled labels."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from pellucid.core.errors import BadInput
from pellucid.prove.labels import shuffled_twin
from pellucid.prove.pictures import bench_of
from pellucid.prove.question import Question


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = load_digits(n_class=3)
    np.savez("digits.npz", x=digits.images[:150].astype(np.float32), y=digits.target[:150])
    pellucid.train("digits.npz", out="run", model="perceptron:32x1", epochs=40, lr=0.01)
    return "run:run"


def test_the_twin_has_learnt_what_says_nothing(run):
    network, before = pellucid.open(run), pellucid.open(run).facts()["weights_sha256"]
    twin = shuffled_twin(run, seed=1)
    assert twin.classes == network.classes
    assert twin.input.shape == network.input.shape
    digits = load_digits(n_class=3)
    samples = list(digits.images[:60].astype(np.float32))
    truth = [str(t) for t in digits.target[:60]]
    x = bench_of(network, samples, Question(pictures=60, repeats=1, shuffled=twin))[0].x
    right = lambda n: np.mean([p[0][1] == t for p, t in zip(n.predict(x), truth, strict=True)])  # noqa: E731
    assert right(network) > 0.9
    assert right(twin) < 0.75  # a third by chance
    assert pellucid.open(run).facts()["weights_sha256"] == before
    found = pellucid.evaluate_explanations(
        network, samples, ["gradient"], scores=["randomised_labels"], shuffled=twin, cache=False
    )
    assert found["count"][0, 0] == 12
    assert found["mean"][list(found.options["methods"]).index("sobel"), 0] == pytest.approx(1)


def test_data_that_the_run_does_not_know_are_told(run):
    digits = load_digits(n_class=3)
    np.savez("other.npz", x=digits.images[:20].astype(np.float32), y=digits.target[:20])
    with pytest.raises(BadInput, match="none of the run's training items"):
        shuffled_twin(run, "other.npz")
