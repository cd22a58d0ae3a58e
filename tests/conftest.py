"""What all tests share: the default network, opened once, and real photos."""

from __future__ import annotations

import pytest
import torch

import pellucid
from pellucid.data.images import read

torch.set_num_threads(1)  # tests run on several workers, one core each


@pytest.fixture(scope="session")
def default_network() -> pellucid.Network:
    return pellucid.open()


@pytest.fixture(scope="session")
def photos() -> list[pellucid.Sample]:
    return [read("example:cat"), read("example:coffee")]
