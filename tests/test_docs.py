"""The documentation's code runs, its links lead somewhere, and every method is in it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import typer

import pellucid
from pellucid.attribution.table import methods
from pellucid.cli.main import app
from pellucid.evaluation.table import scores
from pellucid.features.table import views
from pellucid.synth.table import objects
from pellucid.tasks.table import tasks

ROOT = Path(pellucid.__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
GALLERY = sorted((ROOT / "docs" / "gallery").glob("*.py"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def code(page: Path) -> str:
    return "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", [p for p in PAGES if code(p)], ids=lambda p: p.name)
def test_the_pages_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    Image.fromarray(pellucid.read("example:cat").array).save("cat.jpg")
    registries = methods, views, objects, tasks, scores
    before = [set(registry) for registry in registries]
    exec(compile(code(page), str(page), "exec"), {"__name__": "page"})
    for registry, own in zip(registries, before, strict=True):
        for name in set(registry) - own:  # what a page registers as its example is not the product's
            del registry._entries[name]


@pytest.mark.slow
@pytest.mark.parametrize("script", GALLERY, ids=lambda p: p.name)
def test_the_gallery_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    assert list(tmp_path.iterdir()), "a gallery script leaves a picture"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_every_method_is_documented() -> None:
    text = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")
    for name in methods:
        assert f"`{name}`" in text, name


def test_every_command_is_documented() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in typer.main.get_command(app).commands:
        assert f"pellucid {name}" in text, name


def test_every_task_answers_its_question_on_a_page() -> None:
    shared = {"multiclass": "train", "multigroup": "multilabel", "regression": "ordinal"}
    for name in tasks:
        page = ROOT / "docs" / f"{shared.get(name, name)}.md"
        assert page.read_text(encoding="utf-8").partition("\n")[0].endswith("?"), page
        assert tasks[name].facts.question.endswith("?"), name


def test_every_look_answers_its_question_on_a_page() -> None:
    shared = {"codes": "features", "stylize": "style"}
    for name in views:
        page = ROOT / "docs" / f"{shared.get(name, name)}.md"
        assert page.read_text(encoding="utf-8").partition("\n")[0].endswith("?"), page
        assert views[name].facts.question.endswith("?"), name
