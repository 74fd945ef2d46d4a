from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monai_genaug.masks import BinaryEncoding, InstanceEncoding, OneHotEncoding


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


def two_touching(shift: int = 0) -> torch.Tensor:
    label = torch.zeros(1, 1, 9, 16, dtype=torch.int64)
    label[..., 1:8, 1:8] = 3
    label[..., 1:8, 8:15] = 700
    return label


def test_instances_that_touch_are_told_apart_by_their_boundaries():
    foreground, boundary, distance = InstanceEncoding()(two_touching())[0]
    assert torch.equal(foreground.bool(), two_touching()[0, 0] > 0)
    assert boundary[4].tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0]
    assert distance[4].tolist() == [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0]


def test_the_numbers_of_instances_do_not_count():
    label = two_touching()
    other = torch.where(label == 3, 1, torch.where(label == 700, 2, 0))
    assert torch.equal(InstanceEncoding()(label), InstanceEncoding()(other))


def test_small_objects_have_a_full_distance_of_their_own():
    label = torch.zeros(1, 1, 12, 12, dtype=torch.int64)
    label[..., 1:8, 1:8] = 1
    label[..., 10, 10] = 2
    distance = InstanceEncoding()(label)[0, 2]
    assert distance[10, 10] == 1
    assert distance.max() == 1


@given(
    arrays(
        "int64",
        st.lists(st.integers(1, 6), min_size=2, max_size=3).map(lambda s: (2, 1, *s)),
        elements=st.integers(0, 4),
    )
)
def test_instance_channels_stay_in_the_unit_range_and_inside_objects(label):
    condition = InstanceEncoding()(torch.from_numpy(label))
    assert condition.shape == (2, 3, *label.shape[2:])
    assert 0 <= condition.min() <= condition.max() <= 1
    assert not condition[:, :, label[0, 0] == 0][0].any()
    assert bool((condition[:, 2:] > 0).logical_and(torch.from_numpy(label == 0)).any()) is False


def test_rows_do_not_see_each_other():
    alone = InstanceEncoding()(two_touching())
    both = InstanceEncoding()(torch.cat((torch.ones(1, 1, 9, 16, dtype=torch.int64), two_touching())))
    assert torch.equal(both[1:], alone)
