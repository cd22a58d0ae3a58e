"""Every registered method through every registered score, on a small network."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid.attribution.table import methods
from pellucid.core.types import Sample
from pellucid.evaluation.bench import Bench, Parts
from pellucid.evaluation.table import NEEDS, scores
from pellucid.models.inputs import InputSpec

SIDE, N = 16, 5

#: What a method needs, and what makes it quick.
OPTIONS = {
    "rise": {"samples": 64},
    "smoothgrad": {"samples": 4},
    "vargrad": {"samples": 4},
    "smooth": {"samples": 4, "base": "gradient"},
    "input_times": {"base": "gradient"},
    "integrated_gradients": {"most_steps": 16},
    "occlusion": {"window": 4},
}


@functools.cache
def small_bench():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = nn.Sequential(
            *(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
        ).eval()
        twin = nn.Sequential(*module)
        network = pellucid.open(module, input=InputSpec.matrix(SIDE, SIDE))
        x = torch.randn(N, 1, SIDE, SIDE)
        masks = np.zeros((N, SIDE, SIDE), bool)
        masks[:, 4:9, 3:12] = True
        spots = np.zeros((N, 4, SIDE, SIDE), bool)
        for part in range(4):
            spots[:, part, 4 * part : 4 * part + 3, 2:8] = True
        return Bench(
            network.prepared(),
            x,
            torch.tensor([0, 1, 2, 0, 1]),
            tuple(map(str, range(N))),
            masks=masks,
            parts=Parts(tuple("abcd"), spots, np.random.default_rng(0).normal(size=(N, 4))),
            original=network,
            shuffled=pellucid.open(twin, input=InputSpec.matrix(SIDE, SIDE)),
            repeats=2,
        )


@functools.cache
def patterns():
    bench = small_bench()
    many = np.random.default_rng(1).normal(size=(40, SIDE, SIDE)).astype(np.float32)
    samples = [Sample(one, ("height", "width")) for one in many]
    return pellucid.fit_patterns(bench.source, samples)


@pytest.mark.parametrize("method", list(methods))
def test_every_score_of_every_method(method):
    bench = small_bench()
    assert all(bench.has(need) for need in NEEDS if need != "explain")
    options = dict(OPTIONS.get(method, {}))
    fitted = "patterns" in methods[method].options
    if fitted:
        options["patterns"] = patterns()
    # What is fitted belongs to these weights: it is refused where others are explained again.
    asked = [s for s in scores if not fitted or not {"randomised_weights", "randomised_labels"} & {s}]
    view = pellucid.evaluate_explanations(bench.source, bench, [method], scores=asked, cache=False, **options)
    assert view.options["methods"] == (method, "random_map", "sobel", "centre")
    assert {name.partition(":")[0] for name in view.options["scores"]} == set(asked)
    for j, name in enumerate(view.options["scores"]):
        again = "explain" in scores[name.partition(":")[0]].facts.needs
        assert view["count"][0, j] == (2 if again else N), name
    assert view["case_maps"].shape == (4, 2, SIDE, SIDE)


def test_what_was_fitted_to_other_weights_is_told_and_left_blank():
    bench = small_bench()
    found = pellucid.evaluate_explanations(
        bench.source, bench, ["pattern_net"], scores=["randomised_weights:rank"], cache=False, patterns=patterns()
    )
    assert found["count"][0, 0] == 0
    assert any("pattern_net has no randomised_weights:rank" in note for note in found.notes)
