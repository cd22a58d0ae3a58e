"""The runner: columns, cache, what is left out, forecast, and what is said."""

import numpy as np
import pytest
import torch

import pellucid
from evaluation.linear import linear_bench
from evaluation.trained import face_bench, face_network
from pellucid.core.errors import BadInput
from pellucid.core.progress import listening
from pellucid.evaluation.columns import columns
from pellucid.evaluation.run import plan, run
from pellucid.evaluation.verdicts import mask_shares


class Given:
    """An explainer that counts how often it is asked."""

    def __init__(self, maps, key=None):
        self.maps, self.key, self.calls = maps, key, 0

    def __call__(self, network, x, targets):
        self.calls += 1
        return self.maps[: len(x)]


FEW = ("deletion:zero", "infidelity")


def test_the_right_map_comes_first_and_its_opposite_last():
    bench, right = linear_bench(8)
    made = plan(bench, {"right": Given(right), "opposite": Given(-right)}, asked=FEW, keep=False)
    view = run(made)
    assert view.options["methods"] == ("right", "opposite", "random_map", "sobel", "centre")
    ranks = {(r["method"], r["score"]): r["rank"] for r in view.table}
    assert all(ranks["right", s] == 1 for s in FEW)
    assert all(ranks["opposite", s] >= 4.5 for s in FEW)
    assert view.options["pictures"] == 8
    assert {r["count"] for r in view.table} == {8}
    np.testing.assert_allclose(view["mean"], view["values"].mean(2))
    assert (view["low"] <= view["mean"]).all()
    assert (view["mean"] <= view["high"]).all()
    told = " ".join(w["text"] for w in view.options["words"])
    assert "Truly better than all others: right by deletion:zero and right by infidelity." in told
    assert "8 independent pictures" in told


def test_what_was_computed_is_not_computed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bench, right = linear_bench()
    first = Given(right, "right")
    one = run(plan(bench, {"right": first}, asked=FEW))
    again = Given(right, "right")
    made = plan(bench, {"right": again}, asked=FEW)
    assert made.missing("right") == made.missing("sobel") == []
    two = run(made)
    assert np.array_equal(one["values"], two["values"])
    assert again.calls == 1  # for the page's pictures alone
    more = plan(bench, {"right": again}, asked=(*FEW, "insertion:zero"))
    assert [c.name for c in more.missing("right")] == ["insertion:zero"]
    other = plan(linear_bench(seed=7)[0], {"right": again}, asked=FEW)
    assert len(other.missing("right")) == 2
    assert len(plan(bench, {"right": Given(right, "other options")}, asked=FEW).missing("right")) == 2
    for file in (tmp_path / "pellucid" / "scores").iterdir():
        file.write_bytes(b"damaged")
    assert len(plan(bench, {"right": again}, asked=FEW).missing("right")) == 2


def test_columns_as_they_are_asked_for():
    bench, _ = linear_bench()
    found, left_out = columns(bench, None)
    assert {"deletion:blur", "deletion:mean", "insertion:blur", "sensitivity_n"} <= {c.name for c in found}
    assert "masks" in left_out["pointing_game"]
    found, _ = columns(bench, ["deletion:noise,steps=4", "sensitivity_n:draws=3"])
    assert [c.name for c in found] == ["deletion:noise,steps=4", "sensitivity_n:draws=3"]
    assert found[0].options == {"baseline": "noise", "steps": 4}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("deletoin", "did you mean 'deletion'"),
        ("deletion:blurr", "did you mean 'blur'"),
        ("deletion:steps=many", "pass a number"),
        ("deletion:stps=3", "no option 'stps'; did you mean 'steps'"),
        ("infidelity:blue", "no variant 'blue'"),
        ("pointing_game", "needs masks, and there are none; pass data with masks"),
        ("randomised_labels", "shuffled"),
        ("part_ranks", "needs parts"),
    ],
)
def test_a_score_that_cannot_be_had_is_one_line(asked, told):
    with pytest.raises(BadInput, match=told) as caught:
        columns(linear_bench()[0].judging(lambda *_: None), [asked])
    assert "\n" not in str(caught.value)


def test_maps_that_are_none_are_refused():
    bench, right = linear_bench()
    with pytest.raises(BadInput, match="where \\[n, height, width\\]"):
        run(plan(bench, {"flat": Given(right[:, 0])}, asked=FEW, keep=False), named=True)
    with pytest.raises(BadInput, match="not finite"):
        run(plan(bench, {"broken": Given(right / 0)}, asked=FEW, keep=False), named=True)
    with pytest.raises(BadInput, match="no method could be judged"):
        run(plan(bench, {"broken": Given(right / 0)}, asked=FEW, keep=False))
    with pytest.raises(BadInput, match="as a baseline is"):
        plan(bench, {"sobel": Given(right)})


def test_progress_reaches_its_end():
    bench, right = linear_bench()
    heard = []
    with listening(lambda what, done, total: heard.append((what, done, total))):
        run(plan(bench, {"right": Given(right)}, asked=FEW, keep=False))
    assert heard[0][1] == 0
    assert heard[-1][1] == heard[-1][2]
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)


def test_methods_are_chosen_and_others_left_out_with_the_reason():
    network = face_network()
    pictures = [one.numpy() for one in face_bench().x[:4, 0]]
    view = pellucid.evaluate_explanations(network, pictures, quick=True, cache=False)
    assert {"gradient", "guided_backprop", "lrp", "grad_cam"} <= set(view.options["methods"])
    told = " ".join(view.notes)
    reasons = {"pattern_net": "patterns fit", "rise": "slow", "cam": "grad_cam", "pointing_game": "masks"}
    for name, why in reasons.items():
        assert f"{name} is left out" in told, name
        assert why in told
    said = [w["text"] for w in view.options["words"] if w["level"] == "warning"]
    assert any("guided_backprop failed the weight-randomisation check on your network" in s for s in said)
    assert any("it draws the picture, not the network" in s for s in said)
    assert not any(s.startswith("gradient failed") for s in said)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"methods": ["pattern_net"]}, "pattern_net: it needs patterns that were fitted; run pellucid patterns fit"),
        ({"methods": ["smooth"]}, "it wraps another method"),
        ({"methods": ["gradeint"]}, "did you mean 'gradient'"),
        ({"methods": ["gradient"], "window": 3}, "no method that is judged has the option 'window'"),
        ({"scores": ["pointing_game"]}, "pointing_game needs masks"),
        ({"mask": ["wheel"]}, "the data have no masks"),
        ({"pictures": -1}, "pass at least 1"),
        ({"pictures": 0}, "0 pictures, 12 of them explained again; pass at least 1"),
        ({"repeats": 0}, "0 of them explained again"),
        ({"methods": []}, "no method is named; name one, or leave methods= away for all"),
        ({"scores": []}, "no score is named; name one, or leave scores= away for all"),
        ({"seed": -1}, "a seed of -1; pass 0 or more"),
        ({"target": "cat"}, "the classes have no names"),
    ],
)
def test_what_cannot_be_judged_is_one_line(given, told):
    with pytest.raises(BadInput, match=told) as caught:
        pellucid.evaluate_explanations(face_network(), [face_bench().x[0, 0].numpy()], cache=False, **given)
    assert "\n" not in str(caught.value)


def test_a_forecast_counts_what_is_left():
    bench = face_bench(repeats=4)
    given = {"methods": ["gradient", "occlusion"], "scores": ["deletion", "randomised_weights"], "cache": False}
    found = pellucid.forecast_explanations(face_network(), bench, **given)
    assert set(found.seconds) == {"gradient", "occlusion", "random_map", "sobel", "centre"}
    assert found.total > 0
    assert (found.cached, found.values, found.pictures) == (0, 5 * 5, 10)


def test_a_network_that_ignores_what_is_marked_is_told_not_averaged():
    bench, right = linear_bench(8, 6, 6)
    with torch.no_grad():
        bench.source.module[1].weight.view(6, 6)[:3] = 0  # blind for the upper half
    masks = np.zeros((8, 6, 6), bool)
    masks[:, :3] = True
    fresh = type(bench)(bench.source, bench.x, bench.targets, bench.names, masks=masks, original=bench.source)
    share, there = mask_shares(fresh)
    assert np.abs(share[there]).max() < 1e-6
    view = run(plan(fresh, {"any": Given(right)}, asked=["pointing_game"], keep=False))
    told = " ".join(w["text"] for w in view.options["words"] if w["level"] == "warning")
    assert (
        f"In {int(there.sum())} of {int(there.sum())} pictures the network hardly looks at what the mask marks" in told
    )
