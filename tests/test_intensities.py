"""What intensities are taken, and how they go back into their type."""

from __future__ import annotations

import pytest
import torch

from monai_genaug._intensities import check_intensities, to_dtype


def check(images: torch.Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> None:
    check_intensities(images, value_range, transform="CopyPasted")


@pytest.mark.parametrize(
    "images",
    [
        torch.rand(1, 16, 16),
        torch.rand(1, 16, 16).double() * 1.09 - 0.045,
        torch.zeros(1, 0, 16),
        torch.cat([torch.full((200,), -5.0), torch.rand(50)]),  # padding
        torch.cat([torch.rand(960), torch.full((40,), 9.0)]),  # a few hot pixels
    ],
)
def test_images_in_the_range_are_taken(images):
    check(images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.randn(1, 32, 32), r"of the image lies outside value_range=\(0, 1\).*put CopyPasted after the scaling"),
        (torch.rand(1, 32, 32) * 255, "before z-normalisation"),
        (torch.full((1, 4, 4), float("nan")), "holds NaN or Inf"),
        (torch.full((1, 4, 4), float("inf")), "holds NaN or Inf"),
        (torch.ones(1, 4, 4, dtype=torch.bool), r"type torch\.bool, expected real intensities"),
        (torch.ones(1, 4, 4, dtype=torch.complex64), "expected real intensities"),
    ],
)
def test_others_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        check(images)


def test_the_range_is_the_chains():
    check(torch.arange(-1000, 2000), (-1000.0, 2000.0))
    with pytest.raises(ValueError, match=r"value_range=\(0, 255\)"):
        check(torch.arange(-1000, 2000), (0.0, 255.0))


def test_whole_numbers_are_rounded_and_clipped():
    values = torch.tensor([-3.0, 0.5, 1.5, 254.6, 300.0])
    assert to_dtype(values, torch.uint8).tolist() == [0, 0, 2, 255, 255]
    assert to_dtype(values, torch.float64).dtype == torch.float64
