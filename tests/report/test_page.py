from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
from PIL import Image

from pellucid.core import archive
from pellucid.core.types import Receipt
from pellucid.report import colours
from pellucid.report.page import stems_of, write_page
from pellucid.report.plain import plain
from pellucid.report.run import PhotoResult, Prediction, Run


def strict(text: str):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def small_run(explanations, name="photo", **fields) -> Run:
    photo = PhotoResult(name, f"{name}.png", np.zeros((30, 40, 3), np.uint8), (), tuple(explanations))
    return Run("pellucid explain photo.png", "import pellucid", {"name": "tiny"}, (photo,), **fields)


def test_all_files_are_written_and_nothing_else(run, written):
    folder, summary = written
    pngs = {e["file"] for p in summary["photos"] for e in p["explanations"]}
    assert len(pngs) == sum(len(p.explanations) for p in run.photos)
    expected = {"index.html", "explanations.npz", "summary.json", "regions.png", *pngs}
    assert {f.name for f in folder.iterdir()} == expected


def test_the_summary_is_strict_json_and_what_was_returned(written):
    folder, summary = written
    assert strict((folder / "summary.json").read_text()) == summary
    assert summary["schema"] == "pellucid.explain/1"
    assert summary["photos"][0]["predictions"][0] == {"index": 0, "name": "tiger cat", "probability": 0.6213}
    assert summary["warnings"] == 4
    assert [e["flat"] for e in summary["photos"][1]["explanations"]].count(True) == 1
    assert summary["regions"]["table"][0]["layer"] == "blocks.1"


def test_numbers_that_json_lacks_become_null(explain_map, hills, tmp_path):
    receipt = Receipt(samples=3, error=float("nan"), provenance={"x": np.float32("inf"), "n": np.int64(3)})
    explanation = explain_map(hills((0.5, 0.5, 1), size=16), None, None, "m", "cat", receipt=receipt)
    summary = write_page(tmp_path, small_run([explanation]))
    told = strict((tmp_path / "summary.json").read_text())["photos"][0]["explanations"][0]["receipt"]
    assert told["error"] is None
    assert told["provenance"] == {"x": None, "n": 3}
    assert summary["photos"][0]["explanations"][0]["receipt"] == told


def test_plain_values():
    assert plain({1: (np.bool_(True), {2.5}), "p": np.arange(2)}) == {"1": [True, [2.5]], "p": [0, 1]}
    plain("\udcff").encode()


def test_the_archive_gives_equal_explanations_back(run, written):
    folder, summary = written
    stored = archive.load(folder / "explanations.npz")
    for photo, told in zip(run.photos, summary["photos"], strict=True):
        for explanation, entry in zip(photo.explanations, told["explanations"], strict=True):
            assert stored[entry["array"]] == explanation
    assert stored["regions"] == run.regions


def test_an_overlay_shows_the_crop_under_the_heat(written):
    folder, _ = written
    flat = np.asarray(Image.open(folder / "coffee--espresso--occlusion.png").convert("RGB"))
    heat = np.asarray(Image.open(folder / "coffee--espresso--grad_cam.png").convert("RGB"))
    assert flat.shape == heat.shape == (448, 448, 3)
    changed = np.abs(flat.astype(int) - heat).max(axis=-1) > 30
    assert 0.02 < changed.mean() < 0.6


def test_photos_with_one_stem_and_one_method_twice_do_not_overwrite_each_other(explain_map, hills, tmp_path):
    one = [explain_map(hills((0.5, 0.5, 1), size=16), None, None, "occlusion", "cat")] * 2
    run = small_run(one)
    run = dataclasses.replace(run, photos=run.photos * 3)
    stems = [s for own in stems_of(run) for s in own]
    assert len(set(stems)) == 6
    write_page(tmp_path, run)
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_many_photos_get_several_region_figures(regions, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), np.uint8)
    run = small_run([], regions=regions(pictures, tuple("abcdefghi"), ("blocks.1",)))
    summary = write_page(tmp_path, run)
    assert summary["regions"]["files"] == ["regions.png", "regions-2.png"]
    assert (tmp_path / "regions-2.png").is_file()


def test_the_page_is_one_file_that_asks_for_nothing(written):
    folder, summary = written
    page = (folder / "index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    beside = {f.name for f in folder.iterdir()}
    assert sources
    assert all(s.startswith(("data:", "#")) or s in beside for s in sources)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", page)
    assert not re.search(r'\sstyle="|\son\w+="', page)
    block = re.search(r'<script type="application/json" id="summary">(.*?)</script>', page, re.S)
    assert strict(block.group(1)) == summary


def test_a_page_of_many_maps_stays_small(explain_map, hills, tmp_path):
    crop = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    maps = [explain_map(hills((0.5, 0.5, 1), noise=0.5, seed=i), crop, None, "occlusion", "cat") for i in range(3)]
    run = small_run([maps[i % 3] for i in range(42)])
    write_page(tmp_path, run)
    assert (tmp_path / "index.html").stat().st_size < 6e6


def test_matrices_bare_runs_and_strips_are_shown_too(explain_map, hills, tmp_path):
    matrix = explain_map(hills((0.5, 0.5, 1), size=20), None, None, "occlusion", "cat")
    run = small_run([matrix, matrix.sum("channel"), matrix.sum("channel", "height")])
    write_page(tmp_path, run)
    assert (tmp_path / "index.html").is_file()
    (tmp_path / "none").mkdir()
    assert write_page(tmp_path / "none", Run("", "", {}, ()))["photos"] == []


def test_a_heatmap_in_the_page_keeps_the_sign_of_each_pixel(run):
    import base64
    import io

    from pellucid.report.pictures import heat_uri

    values = np.indices((64, 64)).sum(axis=0) % 2 * 2.0 - 1
    data = base64.b64decode(heat_uri(values, 1.0, 512, opaque=False).partition(",")[2])
    assert (np.asarray(Image.open(io.BytesIO(data))) == colours.heat_rgba(values, 1.0)).all()


def test_facts_that_say_nothing_have_no_place(tmp_path):
    write_page(tmp_path, Run("", "", {"name": "tiny", "labels": "", "seeds": 2}, ()))
    page = (tmp_path / "index.html").read_text()
    assert "<dt>seeds</dt>" in page
    assert "<dt>labels</dt>" not in page


def test_shares_of_pixels_are_called_so(explain_map, hills, tmp_path):
    explanation = explain_map(hills((0.5, 0.5, 1), size=16), None, None, "m", "cat")
    said = (Prediction(0, "lung", 0.28),)
    for maps, folder in ((True, tmp_path / "maps"), (False, tmp_path / "classes")):
        folder.mkdir()
        run = small_run([explanation], maps=maps)
        run = dataclasses.replace(run, photos=(dataclasses.replace(run.photos[0], predictions=said),))
        write_page(folder, run)
        page = (folder / "index.html").read_text()
        assert ("The network’s answer, by shares of the pixels" in page) == maps
        assert "The network’s answer" in page
