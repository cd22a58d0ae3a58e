"""The page in a real browser, offline, with names that try to break out of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pellucid.core import archive
from pellucid.core.types import Frame, Receipt
from pellucid.report.page import write_page
from pellucid.report.run import PhotoResult, Prediction, Run
from report.conftest import NASTY


def nasty_run(explain_map, hills, regions) -> Run:
    """Every nasty string in every place that comes from outside."""
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    crop, frame = picture[8:40, 16:48], Frame(48, 64, 8, 16, 40, 48)
    photos = []
    for text in NASTY:
        receipt = Receipt(
            layer=text,
            layer_reason=text,
            notes=(text,),
            fallbacks=(text,),
            provenance={"group": text, text or "k": {text: [text]}},
        )
        map_ = hills((0.5, 0.5, 1.0), size=32)
        one = explain_map(map_, crop, frame, text or "m", text, receipt=receipt, options={"o": text})
        photos.append(PhotoResult(text, text, picture, (Prediction(0, text, 0.5),), (one,)))
    view = regions(np.stack([crop] * len(NASTY)), NASTY, ("blocks.1", NASTY[0]))
    view = dataclasses.replace(view, notes=NASTY, table=({"layer": NASTY[1], NASTY[0]: NASTY[2], "clusters": 6},))
    return Run("\n".join(NASTY), "\n".join(NASTY), {"name": NASTY[0], NASTY[1]: NASTY[2]}, tuple(photos), view)


@pytest.fixture(scope="module")
def nasty_folder(explain_map, hills, regions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nasty")
    run = nasty_run(explain_map, hills, regions)
    write_page(folder, run)
    return folder


def test_nasty_names_do_nothing(visit, nasty_folder):
    page = visit(nasty_folder)
    for element in page.query_selector_all("button.view, .contents a"):
        element.hover()
    page.keyboard.press("Tab")
    assert page.locator("section.photo").count() == len(NASTY)
    assert page.locator("script").count() == 2
    assert page.locator("section.photo h2").nth(0).inner_text() == NASTY[0]
    assert page.locator("section.photo h2").nth(7).inner_text() == NASTY[7]
    assert "U+202E" in page.locator("section.photo h2").nth(10).inner_text()
    assert page.evaluate("document.querySelectorAll('[onerror],[onload],[onmouseover],[onfocus]').length") == 0


def test_nasty_names_are_stored_as_they_are(nasty_folder):
    stored = archive.load(nasty_folder / "explanations.npz")
    assert {e.target[0] for n, e in stored.items() if n != "regions"} == set(NASTY)
    assert stored["regions"].names == NASTY


def test_nasty_names_stay_inside_the_folder(nasty_folder):
    assert all(f.parent == nasty_folder and f.is_file() for f in nasty_folder.rglob("*"))


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_is_wider_than_the_window(visit, written, nasty_folder, width):
    for folder in (written[0], nasty_folder):
        page = visit(folder, viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_modes(visit, written, scheme):
    """The contrast of every text's colour with the ground behind it, as WCAG AA asks: 4.5."""
    page = visit(written[0], color_scheme=scheme)
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    worst = page.evaluate(
        """() => {
        const rgb = c => c.match(/[\\d.]+/g).map(Number);
        const light = c => rgb(c).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = e => {
            for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor;
                if ((rgb(c)[3] ?? 1) === 1) return c;
            }
            return 'rgb(255,255,255)';
        };
        const found = [];
        for (const e of document.querySelectorAll('body *')) {
            const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
            if (!own || ['SCRIPT', 'STYLE'].includes(e.tagName) || !e.checkVisibility()) continue;
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
            found.push([(a + 0.05) / (b + 0.05), e.textContent.trim().slice(0, 40),
                        parseFloat(getComputedStyle(e).fontSize)]);
        }
        return found;
    }"""
    )
    assert len(worst) > 100
    assert min(worst)[0] >= 4.5, min(worst)
    assert min(size for _, _, size in worst) >= 12.5


def test_the_provenance_tells_every_distinct_value(visit, written):
    page = visit(written[0])
    page.locator("details.provenance summary").click()
    told = page.locator("details.provenance").inner_text()
    for text in ("sha256:4f1c9a7d3b", "resize 256", "torch: 2.9.1", "samples = 32, noise = 0.15"):
        assert text in told


def heat_opacity(page) -> float:
    page.wait_for_timeout(300)
    return float(page.evaluate("getComputedStyle(document.querySelectorAll('.heat')[1]).opacity"))


def test_the_slider_sets_the_opacity_of_every_heat_layer(visit, written):
    page = visit(written[0])
    assert heat_opacity(page) == 1
    page.locator("#opacity").fill("30")
    assert heat_opacity(page) == pytest.approx(0.3)
    assert page.locator("#opacity-value").inner_text() == "30 %"


def test_pointing_tapping_and_the_keyboard_show_the_bare_photo(visit, written):
    page = visit(written[0])
    view = page.locator("button.view").nth(1)
    view.hover()
    assert heat_opacity(page) == 0
    page.mouse.move(0, 0)
    assert heat_opacity(page) == 1
    page.locator("button.view").nth(0).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert heat_opacity(page) == 0
    view.click()
    page.mouse.move(0, 0)
    assert view.get_attribute("aria-pressed") == "true"
    assert heat_opacity(page) == 0


def test_copying_works_with_a_clipboard_and_selects_without_one(visit, written, run):
    page = visit(written[0])
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    button = page.locator("button.copy").nth(0)
    button.click()
    page.wait_for_function("document.querySelector('button.copy').textContent !== 'Copy'")
    assert "Selected" in button.inner_text()
    assert page.evaluate("getSelection().toString()").strip() == run.command
    page = visit(written[0], permissions=["clipboard-read", "clipboard-write"])
    page.locator("button.copy").nth(1).click()
    page.wait_for_function("document.querySelectorAll('button.copy')[1].textContent !== 'Copy'")
    assert page.locator("button.copy").nth(1).inner_text() == "Copied"


def test_without_scripts_the_page_still_shows_everything(visit, written):
    page = visit(written[0], java_script_enabled=False)
    assert heat_opacity(page) == 1
    assert page.locator("section.photo").nth(1).is_visible()
    assert not page.locator("#opacity").is_visible()
    assert not page.locator("button.copy").nth(0).is_visible()


def test_every_picture_is_decoded_and_every_link_leads_to_a_file(visit, written):
    page = visit(written[0])
    broken = page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length")
    assert broken == 0
    for link in page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
        if link.startswith("#"):
            assert page.locator(link).count() == 1
        else:
            assert (written[0] / link).is_file()


def test_the_page_prints(visit, written):
    page = visit(written[0], color_scheme="dark")
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 31, 35)", "dark on paper"
    assert not page.locator("#opacity").is_visible()
