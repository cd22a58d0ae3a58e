"""Truth by rendering again, on networks that look at one thing alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import pellucid
from pellucid.cli.main import main
from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.scores.part_ranks import part_ranks
from pellucid.evaluation.truth.folder import is_made, samples_of, scene_of, scenes_of
from pellucid.evaluation.truth.heard import heard, words
from pellucid.evaluation.truth.intervened import fed, planted_bench
from pellucid.evaluation.truth.planted import planted
from pellucid.evaluation.truth.rendered import rendered_bench
from pellucid.prove.judge import evaluate_explanations
from pellucid.synth.recipe import recipe

SIZE = 64


class Red(nn.Module):
    """Output 1 is the mean of how much redder than green each pixel is, output 0 is 0."""

    def forward(self, x):
        found = (x[:, 0] - x[:, 1]).relu().mean((1, 2)) * 100
        return torch.stack([0 * found, found], 1)


class Corner(nn.Module):
    """It looks at the red of the picture's upper left corner alone."""

    def forward(self, x):
        found = x[:, 0, :3, :3].mean((1, 2))
        return torch.stack([-found, found], 1)


def scenes(count=3, name="vehicle", **wishes):
    one = recipe(name).with_ranges(wishes)
    return [one.make(0, i) for i in range(count)]


def bench_of(module, pictures, size=SIZE):
    spec = pellucid.InputSpec(size=(size, size), mean=(0.0,) * 3, std=(1.0,) * 3, crop=None)
    network = pellucid.open(module, input=spec)
    x = fed(spec, pictures)
    n = len(x)
    return Bench(network.prepared(), x, torch.ones(n, dtype=torch.int64), tuple(map(str, range(n))), original=network)


def rendered(module, made, **options):
    pictures = [s.render(SIZE, supersample=1).image for s in made]
    return rendered_bench(bench_of(module, pictures), made, size=SIZE, supersample=1, **options)


def red_vehicles():
    return scenes(colour="red", backdrop="white", type="van", roof="bare")


def test_a_network_that_looks_for_red_hears_the_red_part_most():
    bench = rendered(Red(), red_vehicles(), informative=("hull", "cabin"))
    effects = dict(zip(bench.parts.names, bench.parts.effects.mean(0), strict=True))
    assert set(sorted(effects, key=effects.get)[-2:]) <= {"hull", "cabin", "windows"}
    assert min(effects["hull"], effects["cabin"]) > 3 * bench.parts.noise.max()
    redness = (bench.x[:, 0] - bench.x[:, 1]).relu()
    assert part_ranks(bench, redness).mean() > part_ranks(bench, -redness).mean()
    both = [bench.parts.names.index(n) for n in ("hull", "cabin")]
    assert (bench.masks == bench.parts.masks[:, both].any(1)).all()


def test_recolouring_takes_the_red_and_leaves_the_form():
    bench = rendered(Red(), red_vehicles(), how="recolour")
    found = {h.part: h for h in heard(bench.parts)}
    assert max(found.values(), key=lambda h: h.effect).part in ("hull", "cabin")
    assert found["hull"].heard == found["hull"].seen == 3


def test_a_network_that_ignores_the_planted_part_is_told_of_not_averaged_away():
    bench = rendered(Corner(), scenes(roof="rack"), informative="roof rack")
    found = {h.part: h for h in heard(bench.parts)}
    assert found["roof rack"].ignored
    assert not found["backdrop"].ignored
    told = words(bench.parts, ("roof rack",))
    assert told[0]["level"] == "warning"
    assert "ignores the roof rack" in told[0]["text"]
    assert "false of this network" in told[0]["text"]
    assert "backdrop" in told[-1]["text"]


def test_what_the_scenes_do_not_show_is_told_too():
    bench = rendered(Corner(), scenes(2, roof="bare"))
    assert (
        words(bench.parts, ("roof light",))[0]["text"]
        == "The roof light, which tells the label, is seen in no picture."
    )


def test_a_network_that_hears_nothing_allows_no_ranks():
    class Deaf(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0, 0, 0] * 0, x[:, 0, 0, 0] * 0 + 1], 1)

    bench = rendered(Deaf(), scenes(2))
    assert part_ranks(bench, torch.rand(2, SIZE, SIZE)).isnan().all()
    assert "no ranking of parts means anything" in words(bench.parts)[0]["text"]


def test_pictures_of_other_scenes_are_refused():
    pictures = [s.render(SIZE, supersample=1).image for s in scenes(2)]
    bench = bench_of(Red(), pictures)
    with pytest.raises(BadInput, match="1: it is not the picture"):
        rendered_bench(bench, [scenes(2)[0]] * 2, size=SIZE, supersample=1)
    with pytest.raises(BadInput, match="1 scenes for 2 pictures"):
        rendered_bench(bench, scenes(1), size=SIZE, supersample=1)
    with pytest.raises(BadInput, match="roof"):
        rendered_bench(bench, scenes(2), size=SIZE, supersample=1, informative="rof light")


def test_masks_follow_the_frame_that_the_network_sees():
    made = scenes(1, "apple", leaf="yes")
    pictures = [s.render(96, supersample=1).image for s in made]
    bench = rendered_bench(bench_of(Red(), pictures, 48), made, size=96, supersample=1)
    seen = bench.parts.masks[0].sum(0)
    assert bench.parts.masks.shape[-2:] == (48, 48)
    assert seen.max() == 1
    assert seen.mean() > 0.98  # all but parts of a few pixels


def test_a_made_folder_gives_its_scenes_back(tmp_path, monkeypatch, capsys):
    out = tmp_path / "made"
    flags = ["--count", "3", "--dataset", "--render", "48", "--seed", "5", "--tie", "colour~backdrop:0.5"]
    monkeypatch.setattr("sys.argv", ["pellucid", "make", "vehicle", *flags, "-o", str(out)])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert is_made(out)
    lines = [json.loads(line) for line in (out / "objects.jsonl").read_text().splitlines()]
    found = scenes_of(out, [lines[2]["image"], out / lines[0]["image"]])
    for scene, told in zip(found, (lines[2], lines[0]), strict=True):
        assert samples_of(scene, out / told["image"]) == (48, 2)
    picture = np.asarray(Image.open(out / lines[2]["image"]))
    assert (found[0].render(48, supersample=2).image == picture).all()
    with pytest.raises(BadInput, match="not the picture that its scene gives"):
        samples_of(found[1], out / lines[2]["image"])


def test_folders_and_objects_that_cannot_be_made_again_say_so(tmp_path):
    with pytest.raises(BadInput, match=r"no objects.jsonl"):
        scenes_of(tmp_path, ["images/a.png"])
    (tmp_path / "objects.jsonl").write_text('{"image": "images/a.png", "object": "lamp"}\nnonsense\n')
    with pytest.raises(BadInput, match="line 2"):
        scenes_of(tmp_path, ["images/a.png"])
    with pytest.raises(BadInput, match="a lamp, whose recipe is not registered"):
        scene_of({"object": "lamp"})
    (tmp_path / "objects.jsonl").write_text('{"image": "images/a.png", "object": "apple"}\n')
    with pytest.raises(BadInput, match="does not tell of it"):
        scenes_of(tmp_path, ["images/b.png"])


def test_the_networks_truth_of_a_planted_set_is_its_own_not_the_datas():
    pictures = planted("background", 8)
    bench = planted_bench(bench_of(Corner(), pictures.pictures, 32), pictures)
    found = {h.part: h for h in heard(bench.parts)}
    assert found["background"].heard == 8
    assert found["object"].heard == 0
    assert bench.masks.sum() == pictures.masks.sum()


def test_a_made_folder_is_judged_by_its_parts_and_told_what_the_network_ignores(tmp_path, monkeypatch):
    out = tmp_path / "made"
    flags = ["--count", "40", "--dataset", "--render", "32", "--roof", "rack"]
    monkeypatch.setattr("sys.argv", ["pellucid", "make", "vehicle", *flags, "-o", str(out)])
    with pytest.raises(SystemExit, match="0"):
        main()
    spec = pellucid.InputSpec(size=(32, 32), mean=(0.0,) * 3, std=(1.0,) * 3, crop=None)
    network = pellucid.open(Corner(), input=spec)
    asked = {"scores": ["part_ranks", "mass_within_mask"], "pictures": 4, "cache": False}
    view = evaluate_explanations(network, out, ["gradient"], 1, mask="roof rack", **asked)
    assert {r["score"] for r in view.table} == {"part_ranks", "mass_within_mask"}
    known = view["known"][0, view.options["scores"].index("part_ranks")]
    before = int(known.sum())
    assert any("ignores the roof rack, which tells the label" in s["text"] for s in view.options["words"])
    lines = (out / "objects.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "objects.jsonl").write_text("".join(x for x in lines if Path(view.names[1]).name not in x), encoding="utf-8")
    view = evaluate_explanations(network, out, ["gradient"], 1, mask="roof rack", **asked)
    counts = {r["score"]: r["count"] for r in view.table if r["method"] == "gradient"}
    assert view.options["pictures"] == 4
    assert not view["known"][0, view.options["scores"].index("part_ranks"), 1]
    assert counts["part_ranks"] == before - (1 if known[1] else 0)
    (note,) = (n for n in view.notes if n.startswith("part_ranks is of 3 of 4 pictures"))
    assert "objects.jsonl does not tell of it" in note
    for picture in out.glob("images/**/*.png"):  # as with shadows, which the scene does not tell
        Image.fromarray(255 - np.asarray(Image.open(picture).convert("RGB"))).save(picture)
    view = evaluate_explanations(network, out, ["gradient"], 1, pictures=4, repeats=2, cache=False)
    assert "part_ranks" not in {r["score"] for r in view.table}
    (note,) = (n for n in view.notes if n.startswith("part_ranks is left out"))
    assert "it is not the picture that its scene gives" in note
    with pytest.raises(BadInput, match="not the picture that its scene gives"):
        evaluate_explanations(network, out, ["gradient"], 1, mask="roof rack", **asked)
