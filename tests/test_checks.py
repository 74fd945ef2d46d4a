from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_genaug._checks import check_choice, check_label, check_probability, check_range, check_spatial_dims


@pytest.mark.parametrize("value", [-0.1, 1.2, float("nan")])
def test_probabilities_outside_the_unit_interval_are_refused(value: float):
    with pytest.raises(ValueError, match="prob is"):
        check_probability("prob", value)


@pytest.mark.parametrize("value", [(1, 0), (0, 0), (0, float("inf")), (0, 1, 2), (float("nan"), 1)])
def test_ranges_must_be_two_finite_rising_numbers(value: tuple[float, ...]):
    with pytest.raises(ValueError, match="value_range is"):
        check_range("value_range", value)


def test_choices_are_named_in_the_error():
    with pytest.raises(ValueError, match="'hinge', expected one of 'bce', 'lsgan'"):
        check_choice("kind", "hinge", ("bce", "lsgan"))
    with pytest.raises(ValueError, match="expected one of 2, 3"):
        check_spatial_dims(4)


@pytest.mark.parametrize(
    "label",
    [
        torch.tensor([0.0, 65535.0]),
        torch.tensor([0, 65535], dtype=torch.int32),
        torch.from_numpy(np.array([0, 65535], dtype=np.uint16)),
        torch.tensor([0, 65535]),
    ],
    ids=lambda label: str(label.dtype),
)
def test_whole_values_pass_in_any_type(label: torch.Tensor):
    assert check_label(label).tolist() == [0, 65535]
    assert check_label(label).dtype == torch.int64


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_whole_are_named(value: float):
    with pytest.raises(ValueError, match=f"label holds {value:g}, expected whole numbers"):
        check_label(torch.tensor([0.0, value]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.int16])
def test_negative_values_are_named(dtype: torch.dtype):
    with pytest.raises(ValueError, match="label holds -1, expected whole numbers"):
        check_label(torch.tensor([0, -1]).to(dtype))


def test_an_empty_label_passes():
    assert check_label(torch.zeros(0)).numel() == 0
