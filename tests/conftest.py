"""What all tests share: the default network, opened once, and real photos."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import matplotlib
import pytest
import torch

import pellucid
from pellucid.data.images import read

torch.set_num_threads(1)  # tests run on several workers, one core each


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Codes are kept in a folder of the tests' own; matplotlib's fonts stay where they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def default_network() -> pellucid.Network:
    return pellucid.open()


@pytest.fixture(scope="session")
def photos() -> list[pellucid.Sample]:
    return [read("example:cat"), read("example:coffee")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium; where there is none the tests are skipped, but not in CI."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        assert not os.environ.get("CI"), "no Chromium is installed"
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
