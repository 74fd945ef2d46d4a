from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monai_genaug.masks import BinaryEncoding, OneHotEncoding


@given(arrays("uint16", st.tuples(st.just(2), st.just(1), st.integers(1, 6), st.integers(1, 6))))
def test_binary_is_one_where_the_label_is_not_zero(label):
    condition = BinaryEncoding()(torch.from_numpy(label))
    assert condition.dtype == torch.float32
    assert torch.equal(condition.bool(), torch.from_numpy(label != 0))


@given(arrays("int64", (1, 1, 3, 4, 5), elements=st.integers(0, 3)))
def test_one_hot_gives_one_channel_a_class_and_none_for_background(label):
    condition = OneHotEncoding(3)(torch.from_numpy(label))
    assert condition.shape == (1, 3, 3, 4, 5)
    for value in (1, 2, 3):
        assert torch.equal(condition[0, value - 1].bool(), torch.from_numpy(label[0, 0] == value))


def test_one_hot_names_a_class_it_does_not_know():
    with pytest.raises(ValueError, match=r"value 700, expected classes 0\.\.2.*BinaryEncoding"):
        OneHotEncoding(2)(torch.tensor([[[0, 700]]]))
    with pytest.raises(ValueError, match="num_classes is 0"):
        OneHotEncoding(0)


@pytest.mark.parametrize("shape", [(1, 2, 4, 4), (4, 4)], ids=str)
def test_a_label_without_its_one_channel_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="one channel"):
        BinaryEncoding()(torch.zeros(shape))
