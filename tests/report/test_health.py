"""Health, watched trainings and learning rates, drawn and told."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.types import View
from pellucid.report.look import look_of

LAYERS = ("conv", "relu:1", "head")


def health_view(**changed: object) -> View:
    options = {
        "inputs": "given",
        "count": 8,
        "available": 24,
        "labels": "given",
        "loss_name": "cross entropy",
        "loss": 2.4,
        "loss_of_chance": float(np.log(10)),
        "classes": 10,
        "problems": (),
        "gradient_norms": (1.0, 1.2, 1.4, 2.0),
        "clip_python": "torch.nn.utils.clip_grad_norm_(model.parameters(), 2, error_if_nonfinite=True)",
        "trial": None,
        "lr_scheme": None,
        "lr_suggested": None,
        "lr_diverged": None,
    }
    arrays = {f"{kind}{of}": np.array([1.0, 0.5, 0.0]) for kind in ("activation", "gradient") for of in REFERENCES}
    arrays |= changed.pop("arrays", {})
    table = tuple({"layer": l, "type": "Linear", "activation": 1.0, "problem": None} for l in LAYERS)
    axes = {n: ("step",) if n.startswith(("trial", "lr_range")) else ("layer",) for n in arrays}
    return View("health", arrays, axes, table, {**options, **changed})


REFERENCES = ("", "/he", "/xavier", "/default")
PROBLEM = {"kind": "activations explode", "layer": "relu:1", "text": "It grows.", "cure": "smaller", "grave": True}
TRIAL = {
    "as_is": [9.0, None],
    "as_is_steps": 2,
    "advised": [2.3, 0.1],
    "steps": 40,
    "rate": 0.02,
    "scheme": "he",
    "advised_rate": 0.01,
    "momentum": 0.9,
    "optimizer_python": "torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)",
    "clip": 2.0,
    "clip_python": "clip_line",
    "helps": True,
}


def test_a_sound_network_is_told_with_its_loss_and_clipping() -> None:
    said = look_of("health").words(health_view())
    assert [s.level for s in said] == ["fact"] * 3
    assert "Nothing stands in the way" in said[0].text
    assert "2.4; a network that knows nothing and says so has ln 10 = 2.303" in said[1].text
    assert "error_if_nonfinite=True" in said[2].text


def test_a_problem_its_cure_and_the_trial_are_told() -> None:
    losses = {"trial/as_is": np.array([9.0]), "trial/advised": np.geomspace(2.3, 0.1, 40)}
    view = health_view(problems=({**PROBLEM, "trains": True},), trial=TRIAL, loss=None, arrays=losses)
    said = look_of("health").words(view)
    assert said[0] == ("warning", "It grows. Cure: smaller", "")
    assert "goes from 9 to NaN in 2 steps" in said[1].text
    assert "from 2.3 to 0.1 in 40 steps" in said[1].text
    assert "clip_line" in said[2].text
    worse = look_of("health").words(health_view(trial={**TRIAL, "helps": False}))
    assert any(s.level == "warning" and "does not help" in s.text for s in worse)
    drawn = look_of("health").figure(view)
    texts = {t.get_text() for axes in drawn.axes for t in axes.texts}
    assert {"activations explode", "then NaN"} <= texts


def test_a_large_loss_is_no_verdict_where_labels_are_drawn() -> None:
    said = look_of("health").words(health_view(loss=11.0, labels="drawn at random"))
    assert any("small_last" in s.text and "After training" in s.text for s in said)
    assert not any(s.level == "warning" for s in said)


@pytest.mark.parametrize("scheme", [None, "he"])
def test_learning_rates_are_drawn_beside_it(scheme: str | None) -> None:
    curve = {"lr_range/lr": np.geomspace(1e-5, 1, 30), "lr_range/loss": np.linspace(2.3, 1, 30)}
    view = health_view(arrays=curve, lr_suggested=0.01, lr_diverged=0.5, lr_scheme=scheme)
    assert len(look_of("health").figure(view).axes) == 3
    last = look_of("health").words(view)[-1].text
    assert "lowest at a learning rate of 0.1, and diverges at 0.5: begin with a tenth of it, 0.01" in last
    assert "falls from 2.3 to 1, lowest" in last
    assert "with SGD with momentum 0.9" in last
    assert ("He’s initial weights" in last) is (scheme is not None)


def test_no_rate_at_which_the_loss_falls_is_a_warning() -> None:
    curve = {"lr_range/lr": np.geomspace(1e-5, 1, 30), "lr_range/loss": np.full(30, 2.3)}
    assert look_of("health").words(health_view(arrays=curve))[-1].level == "warning"
    look_of("health").figure(health_view(arrays=curve))


def test_a_watched_training() -> None:
    arrays = {
        "activation": np.array([[1.0, 0.5], [1.0, 1e30]]),
        "gradient": np.array([[1e-3, 1e-2], [0.0, 0.0]]),
        "gradient_norm": np.array([1.0, 0.0]),
        "step": np.array([1, 2]),
    }
    table = ({"layer": "a", "type": "Linear", "made_nonfinite": 0}, {"layer": "b", "type": "Log", "made_nonfinite": 1})
    axes = {n: ("step", "layer") if a.ndim == 2 else ("step",) for n, a in arrays.items()}
    view = View("watch", arrays, axes, table, {"steps": 2}, notes=("step 2: b gave NaN",))
    look = look_of("watch")
    assert look.words(view)[0] == ("warning", "step 2: b gave NaN", "")
    assert any(t.get_text() == "made NaN or Inf" for axes in look.figure(view).axes for t in axes.texts)
    assert "2 steps" in look.words(View("watch", arrays, axes, table, {"steps": 2}))[0].text


def test_the_ranges_of_both_are_told_and_why_one_is_wide() -> None:
    wide = np.array([1e-9, 1e-6, 1e-3])
    said = look_of("health").words(health_view(arrays={"gradient": wide, "gradient/he": wide}))
    assert "Mean squares: the activations’ between 0.5 and 1, the gradients’ between 1e-9 and 0.001." in said[0].text
    assert "6.0 powers of ten" in said[1].text
    assert "average over places" in said[1].text
    assert said[1].level == "fact"
    steep = look_of("health").words(health_view(arrays={"gradient": wide}))
    assert steep[1].level == "warning"


def test_what_is_not_grave_leaves_the_rest_to_be_trained() -> None:
    part = {**PROBLEM, "text": "130 channels are dead.", "cure": "", "grave": False, "trains": False}
    said = [s.text for s in look_of("health").words(health_view(problems=(part,)))]
    assert said[0].startswith("Nothing stands in the way of training as a whole. ")
    assert said[1] == "130 channels are dead. The rest of the network can be trained all the same."


def test_how_many_of_how_many_inputs_were_used_is_told() -> None:
    said = [s.text for s in look_of("health").words(health_view())]
    assert any("On 8 of 24 inputs (drawn with the seed; count takes more)" in s for s in said)
    assert not any("drawn with the seed" in s.text for s in look_of("health").words(health_view(available=8)))


def test_nothing_stands_out_from_one_gradient() -> None:
    said = " ".join(s.text for s in look_of("health").words(health_view(gradient_norms=(2.298,))))
    assert "norm of 2.298" in said
    assert "clip_grad_norm_" not in said
