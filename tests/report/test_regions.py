"""The page of regions: what it holds, and its slider in a real browser."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.core.types import View
from pellucid.report import regions_page
from pellucid.report.looks.regions import COLUMNS, figure, words
from pellucid.report.regions_page import write_regions
from pellucid.report.render import figure_text
from pellucid.report.run import Run
from report.conftest import NASTY

LAYERS = ("blocks.1", "blocks.4")
RUN = Run("pellucid regions photos", "import pellucid", {"name": "net"}, (), seconds=1.5, seed=0)


def view_of(clusters: int, *, count: int = 3, painted: tuple[int, ...] | None = None, **more: Any) -> View:
    """Stripes of ``clusters`` regions; the figures tell the number."""
    painted = tuple(range(count)) if painted is None else painted
    stripes = np.broadcast_to(np.arange(48) * clusters // 48, (len(painted), 48, 48)).astype(np.uint8)
    arrays = {f"labels/{layer}": stripes for layer in LAYERS}
    table = [
        {"layer": layer, "resolution": "7 × 7", "clusters": clusters, "silhouette": clusters / 100, "stability": 0.9}
        for layer in LAYERS
    ]
    pictures = np.random.default_rng(0).integers(0, 256, (len(painted), 48, 48, 3), np.uint8)
    palette = np.array([[20 * i, 255 - 20 * i, 40] for i in range(12)], np.uint8)[:clusters]
    fields = {"names": tuple(f"photo {i}" for i in range(count)), "table": tuple(table), "pictures": pictures, **more}
    options = {"layers": LAYERS, "clusters": clusters, "joint": True, "painted": painted}
    axes = dict.fromkeys(arrays, ("sample", "height", "width"))
    return View("regions", arrays, axes, options=options, palette=palette, **fields)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regions")
    others = {k: view_of(k) for k in (2, 3, 5, 12)}
    write_regions(folder, RUN, view_of(4), others=others)
    return folder


def shown(page: Any, selector: str) -> int:
    return page.evaluate(f"[...document.querySelectorAll('{selector}')].filter(e => e.checkVisibility()).length")


def colours_of_the_first_map(page: Any) -> int:
    return page.evaluate(
        """async () => {
        const image = [...document.querySelectorAll('td img')].find(e => e.checkVisibility());
        await image.decode();
        const canvas = Object.assign(document.createElement('canvas'), {width: 48, height: 48});
        canvas.getContext('2d').drawImage(image, 0, 0, 48, 48);
        const data = canvas.getContext('2d').getImageData(0, 0, 48, 48).data, found = new Set();
        for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 3).join());
        return found.size;
    }"""
    )


def test_the_slider_goes_through_the_numbers(visit: Any, written: Path) -> None:
    page = visit(written)
    slider, told = page.locator("#clusters"), page.locator("#clusters-value")
    assert told.inner_text() == "4"
    for step, clusters in enumerate((2, 3, 4, 5, 12)):
        slider.fill(str(step))
        assert told.inner_text() == str(clusters)
        assert slider.get_attribute("aria-valuetext") == str(clusters)
        assert shown(page, ".grid td img") == 3 * len(LAYERS)
        assert colours_of_the_first_map(page) == clusters
        assert shown(page, ".figures tbody") == 1
        cells = page.locator(".figures tbody:not([hidden]) tr").nth(0).locator("td")
        assert cells.nth(1).inner_text() == str(clusters)
        assert cells.nth(2).inner_text() == figure_text(clusters / 100)


def test_the_keyboard_moves_the_slider(visit: Any, written: Path) -> None:
    page = visit(written)
    page.locator("#clusters").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#clusters-value").inner_text() == "5"


def test_without_scripts_the_number_asked_for_is_shown(visit: Any, written: Path) -> None:
    page = visit(written, java_script_enabled=False)
    assert page.locator(".grid td img:visible").count() == 3 * len(LAYERS)
    assert page.locator(".figures tbody:visible tr").nth(0).locator("td").nth(1).inner_text() == "4"
    assert not page.locator("#clusters").is_visible()


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_is_wider_than_the_window(visit: Any, written: Path, width: int) -> None:
    page = visit(written, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_picture_is_decoded_and_every_link_leads_to_a_file(visit: Any, written: Path) -> None:
    page = visit(written)
    page.evaluate("for (const e of document.querySelectorAll('[data-step]')) e.hidden = false")
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    page.wait_for_function(f"{broken} === 0")
    assert page.evaluate("document.images.length") == 3 * (1 + 5 * len(LAYERS))
    for link in page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
        assert page.locator(link).count() == 1 if link.startswith("#") else (written / link).is_file()


def test_nasty_names_do_nothing(visit: Any, tmp_path: Path) -> None:
    bad = NASTY[:8]
    rows = tuple({"layer": name, "sample": name, "clusters": 2} for name in bad)
    views = [dataclasses.replace(view_of(k, count=len(bad)), names=bad, table=rows, notes=bad) for k in (2, 3)]
    write_regions(tmp_path, dataclasses.replace(RUN, network={"name": bad[0]}), views[0], others={3: views[1]})
    page = visit(tmp_path)
    assert page.locator("script").count() == 2
    assert page.locator(".grid tbody th bdi").nth(0).inner_text() == bad[0]


def test_auto_is_a_step_of_its_own(visit: Any, tmp_path: Path) -> None:
    asked = view_of(4)
    asked = dataclasses.replace(asked, options={**asked.options, "clusters": "auto"})
    write_regions(tmp_path, RUN, asked, others={k: view_of(k) for k in (2, 3)})
    page = visit(tmp_path)
    assert page.locator("#clusters-value").inner_text() == "auto"
    assert colours_of_the_first_map(page) == 4
    page.locator("#clusters").fill("2")
    assert page.locator("#clusters-value").inner_text() == "3"


def test_one_number_needs_no_slider(visit: Any, tmp_path: Path) -> None:
    write_regions(tmp_path, RUN, view_of(4), others={})
    page = visit(tmp_path)
    assert page.locator("#clusters").count() == 0
    assert shown(page, ".grid td img") == 3 * len(LAYERS)


def test_of_many_pictures_few_are_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painted = tuple(range(0, 5000, 25))
    few = painted[::20]
    others = {k: view_of(k, count=5000, painted=few) for k in range(2, 13) if k != 4}
    write_regions(tmp_path, RUN, view_of(4, count=5000, painted=painted), others=others)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<img data-step") == 10 * len(LAYERS) * 11
    assert "Of 5000 pictures 10 are shown" in page
    assert f"photo {few[3]}" in page
    assert len(page) < 1_000_000
    monkeypatch.setattr(regions_page, "MAPS", 3 * len(LAYERS) * 11)
    write_regions(tmp_path, RUN, view_of(4, count=5000, painted=painted), others=others)
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<img data-step") == 3 * len(LAYERS) * 11


def test_a_layer_with_too_few_places_says_so(visit: Any, tmp_path: Path) -> None:
    other = view_of(5)
    kept = {f"labels/{LAYERS[0]}": other[f"labels/{LAYERS[0]}"]}
    other = dataclasses.replace(other, arrays=kept, axes={n: other.axes[n] for n in kept})
    write_regions(tmp_path, RUN, view_of(4), others={5: other})
    page = visit(tmp_path)
    page.locator("#clusters").fill("1")
    assert shown(page, ".grid td img") == 3
    assert page.locator(".grid td small:visible").nth(0).inner_text() == "too few places for 5"


# -- the figure and the words ---------------------------------------------------------------------


def test_a_figure_has_at_most_eight_rows() -> None:
    assert len(figure(view_of(3, count=20)).axes) == 8 * (1 + len(LAYERS))
    assert len(figure(view_of(3, count=20), range(2, 12)).axes) == 10 * (1 + len(LAYERS))


def test_the_figure_names_the_painted_pictures() -> None:
    drawn = figure(view_of(3, count=100, painted=(0, 40, 99)))
    assert [a.get_ylabel() for a in drawn.axes if a.get_ylabel()] == ["photo 0", "photo 40", "photo 99"]


def test_the_words_answer() -> None:
    rows = view_of(6).table
    told = [
        {**rows[0], "agreement_rgb": 0.6, "mean_iou": 0.1, "rgb_mean_iou": 0.25, "stability": 0.5},
        {**rows[1], "agreement_rgb": 0.1, "mean_iou": 0.45, "rgb_mean_iou": 0.2},
    ]
    view = dataclasses.replace(view_of(6, table=tuple(told)))
    view = dataclasses.replace(view, options={**view.options, "masks": 3})
    facts = [s.text for s in words(view) if s.level == "fact"]
    assert facts[0].startswith("At 2 layers, 3 pictures fall into 6 regions of like features jointly")
    assert "“blocks.4”: an agreement of 0.10" in facts[1]
    assert "Held against 3 masks, the regions at “blocks.4” are the nearest to the truth" in facts[2]
    assert "0.45, where the raw colours reach 0.20" in facts[2]
    (warning,) = [s.text for s in words(view) if s.level == "warning"]
    assert "“blocks.1”" in warning
    assert "“blocks.4”" not in warning


def facts_of(*figures: dict[str, float]) -> list[str]:
    """The words of the first layers with such figures."""
    table = tuple({**row, **own} for row, own in zip(view_of(6).table, figures, strict=False))
    view = view_of(6, table=table)
    view = dataclasses.replace(view, options={**view.options, "masks": 3})
    return [s.text for s in words(view) if s.level == "fact"]


def test_layers_that_stability_cannot_tell_apart_are_a_tie() -> None:
    near = {"mean_iou": 0.4, "rgb_mean_iou": 0.2, "stability": 0.8}
    _, colours, truth = facts_of({"agreement_rgb": 0.25, **near}, {"agreement_rgb": 0.1, **near, "mean_iou": 0.45})
    assert colours.endswith("not told apart from it, as stable as the regions are: “blocks.1” (0.25).")
    assert truth.endswith("not told apart from it, as stable as the regions are: “blocks.1” (0.40).")


def test_no_layer_is_praised_that_plain_colours_beat() -> None:
    truth = facts_of({"mean_iou": 0.05, "rgb_mean_iou": 0.25}, {"mean_iou": 0.15, "rgb_mean_iou": 0.25})[-1]
    assert "no layer beats plain colours" in truth
    assert "“blocks.4” with an intersection over union of 0.15, where the raw colours reach 0.25" in truth


def test_one_layer_is_no_winner() -> None:
    _, colours, truth = facts_of({"agreement_rgb": 0.3, "mean_iou": 0.3, "rgb_mean_iou": 0.2})
    assert colours == (
        "How far the regions at “blocks.1” are those of the raw colours: an agreement of 0.30, where 1 is the same "
        "regions and 0 is chance."
    )
    assert "the regions at “blocks.1” have an intersection over union of 0.30" in truth
    worse = facts_of({"mean_iou": 0.1, "rgb_mean_iou": 0.2})[-1]
    assert "the regions at “blocks.1” do not beat plain colours" in worse


def test_the_words_of_one_grey_picture_apart() -> None:
    view = view_of(2, count=1)
    view = dataclasses.replace(view, options={**view.options, "joint": False})
    facts = [s.text for s in words(view)]
    assert facts[0] == "At 2 layers, the picture falls into 2 regions of like features."
    assert facts[1] == "The pictures have no colours to compare with."


def test_every_figure_has_a_heading() -> None:
    from features.planted import network, pictures, truth

    view = pellucid.regions(network(), pictures(truth(2)), "code", 5, masks=list(truth(2)))
    assert set(view.table[0]) - set(COLUMNS) == {"channels", "cells", "kept", "explained"}
    figure(view)
