"""The house stands as it is described: who may import whom, what the public face is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pellucid

SOURCE = Path(pellucid.__file__).parent
ROOT = SOURCE.parents[1]


def test_imports_run_downward() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_everything_public_is_there() -> None:
    for name in pellucid.__all__:
        assert getattr(pellucid, name) is not None
    assert dir(pellucid) == pellucid.__all__ == sorted(pellucid.__all__)


def test_every_module_and_public_function_says_what_it_is_for() -> None:
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


def test_only_one_place_may_unpickle() -> None:
    """``weights_only=False`` and pickles stand in one function, which asks for trust."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        loose = "weights_only=False" in text or "allow_pickle=True" in text or "pickle.load" in text
        assert not loose or path.name == "weights.py", path
