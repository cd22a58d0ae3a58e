"""One way to add a thing, found by itself, refused when it clashes."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import pytest

from pellucid.core.errors import BadInput
from pellucid.core.registry import Registry


@dataclass(frozen=True)
class Facts:
    group: str
    cost: int = 1


def blur(x, *, radius: float, times: int = 2, edge: str | None = None):
    """Smooth it.

    More words that are not the summary.
    """
    return (x, radius, times, edge)


def other(x):
    return x


@pytest.fixture
def registry() -> Registry[Facts]:
    registry = Registry("filter", facts=Facts)
    registry.register("blur", group="soft")(blur)
    registry.register("another", group="hard", cost=3)(other)
    return registry


def test_what_is_registered_is_found_in_the_order_of_names(registry):
    assert list(registry) == ["another", "blur"] == [e.name for e in registry.entries()]
    assert len(registry) == 2
    assert "blur" in registry
    assert "sharpen" not in registry
    assert registry["blur"].function is blur
    assert registry["another"].facts == Facts("hard", 3)
    assert registry["blur"].summary == "Smooth it."
    assert registry["another"].summary == ""


def test_a_taken_name_is_an_error_that_names_the_owner(registry):
    with pytest.raises(ValueError, match=r"filter 'blur' is already registered by .*test_registry\.blur"):
        registry.register("blur", group="soft")(other)
    assert registry["blur"].function is blur
    with pytest.raises(TypeError, match="colour"):
        registry.register("new", group="soft", colour="red")(other)
    assert "new" not in registry


@pytest.mark.parametrize(("name", "cure"), [("blurr", "did you mean 'blur'"), ("xyz", "known are 'another', 'blur'")])
def test_an_unknown_name_answers_with_the_near_ones(registry, name, cure):
    with pytest.raises(BadInput, match=f"unknown filter '{name}'; {cure}"):
        registry[name]


def test_options_are_the_keyword_only_parameters(registry):
    options = registry["blur"].options
    assert list(options) == ["radius", "times", "edge"]
    assert options["radius"].required
    assert options["radius"].type is float
    assert (options["times"].required, options["times"].default) == (False, 2)
    assert options["edge"].type == (str | None)
    assert not registry["another"].options


def test_given_options_go_over_the_defaults(registry):
    entry = registry["blur"]
    assert entry.complete({"radius": 1.5, "edge": "wrap"}) == {"radius": 1.5, "times": 2, "edge": "wrap"}
    assert entry.complete({"radius": 1.5, "times": None})["times"] is None
    with pytest.raises(BadInput, match="blur has no option 'raduis'; did you mean 'radius'"):
        entry.complete({"raduis": 1})
    with pytest.raises(BadInput, match="blur needs radius="):
        entry.complete({"times": 3})


def test_temporary_entries_go_again(registry):
    with registry.temporary("brief", other, group="soft") as entry:
        assert registry["brief"] is entry
    assert "brief" not in registry
    with pytest.raises(KeyboardInterrupt), registry.temporary("brief", other, group="soft"):
        raise KeyboardInterrupt
    assert "brief" not in registry
    with pytest.raises(ValueError, match="already"), registry.temporary("blur", other, group="soft"):
        pass
    assert registry["blur"].function is blur


TABLE = """
from dataclasses import dataclass
from pellucid.core.registry import Registry

@dataclass(frozen=True)
class Facts:
    group: str = ""

things = Registry("thing", facts=Facts, folder="{name}")
"""
ENTRY = """
from {name}.table import things

@things.register("{entry}")
def {entry}(x):
    return things["{entry}"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, request):
    """A package whose modules register themselves."""
    name = f"house_{abs(hash(request.node.name))}"
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "table.py").write_text(TABLE.format(name=name))
    (package / "one.py").write_text(ENTRY.format(name=name, entry="first"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file that is mended within a second must be read again
    yield package
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


def test_a_folder_finds_its_own_modules_when_first_asked(folder):
    things = importlib.import_module(f"{folder.name}.table").things
    assert f"{folder.name}.one" not in sys.modules
    assert list(things) == ["first"]


def test_a_temporary_name_that_the_folder_takes_is_refused_at_once(folder):
    things = importlib.import_module(f"{folder.name}.table").things
    with pytest.raises(ValueError, match="already"), things.temporary("first", other):
        pass
    assert things["first"].function.__module__ == f"{folder.name}.one"


def test_a_module_that_does_not_import_is_loud_each_time(folder):
    (folder / "two.py").write_text("import a_module_that_is_nowhere")
    things = importlib.import_module(f"{folder.name}.table").things
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="a_module_that_is_nowhere"):
            list(things)
    (folder / "two.py").write_text(ENTRY.format(name=folder.name, entry="second"))
    importlib.invalidate_caches()
    assert list(things) == ["first", "second"]


def test_other_packages_add_theirs_through_an_entry_point(tmp_path, monkeypatch):
    info = tmp_path / "guest-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[house.things]\nguest = guest_things\n")
    (tmp_path / "guest_things.py").write_text(
        "import guest_host\nguest_host.things.register('guest', group='x')(print)\n"
    )
    (tmp_path / "guest_host.py").write_text("things = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    host = importlib.import_module("guest_host")
    host.things = Registry("thing", facts=Facts, group="house.things")
    assert host.things["guest"].function is print
    for name in ("guest_host", "guest_things"):
        del sys.modules[name]
