"""The public face: instant to import, and complete."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pellucid
from pellucid.core import archive, types
from pellucid.core.errors import BadInput
from pellucid.data import reading


def loaded_after(code: str) -> set[str]:
    code = f"{code}\nimport sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("code", ["import pellucid", "import pellucid; dir(pellucid); pellucid.__version__"])
def test_importing_it_imports_nothing_heavy(code):
    assert not {"torch", "numpy", "PIL", "matplotlib", "typer"} & loaded_after(code)


def test_reading_and_loading_need_no_torch(tmp_path):
    path = types.Explanation(*_smallest()).save(tmp_path / "a.npz")
    code = f"import pellucid; print(pellucid.load({str(path)!r}).method); pellucid.Explanation, pellucid.Sample"
    loaded = loaded_after(code)
    assert "gradient" in loaded
    assert not {"torch", "matplotlib"} & loaded


def _smallest():
    import numpy as np

    return np.zeros((1, 1), np.float32), ("sample", "unit"), ("0",), "gradient"


def test_dir_lists_what_there_is():
    assert dir(pellucid) == sorted(pellucid.__all__)
    assert {"read", "load", "open", "explain", "regions", "Sample", "Explanation", "BadInput"} <= set(dir(pellucid))
    assert (pellucid.read, pellucid.load, pellucid.BadInput) == (reading.read, archive.load, BadInput)
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        _ = pellucid.explian
