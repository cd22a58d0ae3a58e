"""Matrices enter a network exactly as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pellucid
from pellucid import InputSpec, Sample
from pellucid.core.errors import BadInput
from pellucid.data.batches import as_batch


def sample(array: np.ndarray) -> Sample:
    return Sample(array, ("height", "width", "channel")[: array.ndim], source="m.npy")


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int16, np.uint8, np.bool_, ">f4"])
@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 2), (1, 7), (5, 3, 1)])
def test_numbers_pass_as_they_are(kind, shape):
    array = (np.random.default_rng(0).normal(size=shape) * 100).astype(kind)
    spec = InputSpec.matrix(*(*shape, 1)[:3])
    tensor, frame = spec.tensor(sample(array))
    assert tensor.dtype == torch.float32
    assert tensor.shape == spec.shape
    wanted = array.reshape(*shape[:2], -1).transpose(2, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(tensor.numpy(), wanted)
    assert (frame.height, frame.width, frame.top, frame.right) == (*shape[:2], 0, shape[1])
    tensor += 1  # the sample's own array is not the tensor's memory
    np.testing.assert_array_equal(array.reshape(*shape[:2], -1).transpose(2, 0, 1).astype(np.float32), wanted)


def test_there_are_no_pictures_and_no_black():
    given = as_batch(InputSpec.matrix(4, 4), np.eye(4), "cpu", torch.float32)
    assert given.pictures is None
    with pytest.raises(BadInput, match="no black"):
        InputSpec.matrix(4, 4).normalise(given.x)


@pytest.mark.parametrize("shape", [(4, 5), (5, 4, 2), (1, 5, 4)])
def test_another_size_is_one_clear_error(shape):
    with pytest.raises(
        BadInput, match=r"m\.npy: a matrix of .* where the network takes 5 × 4; .*InputSpec\.matrix\("
    ) as e:
        InputSpec.matrix(5, 4).tensor(sample(np.ones(shape)))
    spec = eval(str(e.value).rpartition("network with ")[2])
    assert spec.tensor(sample(np.ones(shape)))[0].shape == spec.shape


def test_a_batch_of_another_size_is_refused():
    with pytest.raises(BadInput, match="3 × 3 where the network takes 5 × 4"):
        as_batch(InputSpec.matrix(5, 4), torch.randn(2, 1, 3, 3), "cpu", torch.float32)


def test_numbers_beyond_float32_are_refused():
    with pytest.raises(BadInput, match="1e\\+300 do not fit"):
        InputSpec.matrix(2, 2).tensor(sample(np.array([[1e300, 0], [0, 1]])))


def test_the_same_everywhere_is_refused():
    with pytest.raises(BadInput, match="every place has the same value"):
        as_batch(InputSpec.matrix(3, 3), np.ones((3, 3)), "cpu", torch.float32)


def test_a_half_made_matrix_spec_is_refused():
    with pytest.raises(BadInput, match=r"InputSpec\.matrix"):
        InputSpec(size=(4, 4), range=None)
    with pytest.raises(BadInput, match="0 channels"):
        InputSpec.matrix(4, 4, 0)
    assert eval(repr(InputSpec.matrix(3, 4, 2)), {"InputSpec": InputSpec}) == InputSpec.matrix(3, 4, 2)
    assert pellucid.InputSpec.matrix(3, 4).is_matrix
    assert not InputSpec().is_matrix
