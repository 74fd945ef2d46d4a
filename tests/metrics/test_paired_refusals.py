"""What a pair of images must be to be compared, and what a network of the user's gets."""

from __future__ import annotations

import math

import pytest
import torch

from monai_genaug.metrics import paired
from monai_genaug.metrics.paired import perceptual_distance, score_images
from tests.metrics.test_paired import NAMES, pair


def test_the_perceptual_distance_gets_colour_images_from_zero_to_one():
    seen = []

    def network(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.extend((a, b))
        return (a - b).abs().mean(dim=(1, 2, 3), keepdim=True)

    real, made = pair(1, 48, 48)
    scores = score_images(100 * real, 100 * made, data_range=100, lpips=network)
    assert list(scores) == [*NAMES, "lpips"]
    assert scores["lpips"] == pytest.approx((real - made).abs().mean().item(), rel=1e-5)
    assert [tuple(image.shape) for image in seen] == [(1, 3, 48, 48)] * 2
    assert torch.allclose(seen[0][0], real.expand(3, -1, -1))
    assert all(image.min() >= 0 and image.max() <= 1 for image in seen)


def test_the_perceptual_distance_of_colour_images_keeps_their_channels():
    real, made = pair(3, 12, 12)
    assert perceptual_distance(lambda a, b: (a - b)[:, 1].abs().mean(), real, made) == pytest.approx(
        (real - made)[1].abs().mean().item()
    )


@pytest.mark.parametrize("shape", [(2, 12, 12), (1, 12, 12, 12)], ids=["two channels", "3D"])
def test_the_perceptual_distance_is_nan_for_images_that_no_network_takes(shape):
    def network(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        raise AssertionError

    assert math.isnan(perceptual_distance(network, *pair(*shape)))


def test_images_of_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\), the synthetic one \(3, 8, 8\), expected equal"):
        score_images(torch.zeros(1, 8, 8), torch.zeros(3, 8, 8))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("which", [0, 1], ids=["real", "synthetic"])
def test_values_that_are_not_finite_are_refused(value, which):
    images = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    images[which, 0, 3, 4] = value
    with pytest.raises(ValueError, match=f"the {['real', 'synthetic'][which]} image holds NaN or Inf"):
        score_images(*images)


@pytest.mark.parametrize("image", [torch.full((1, 8, 8), 200.0), torch.full((1, 8, 8), -1.0)], ids=["8 bit", "[-1, 1]"])
def test_intensities_outside_of_the_range_are_refused(image):
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
        score_images(image, image)


@pytest.mark.parametrize("shape", [(8, 8), (2, 1, 8, 8, 8), (1, 0, 8)], ids=["no channels", "batch", "empty"])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="of 2 or 3 dimensions"):
        score_images(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.nan, math.inf])
def test_a_range_without_extent_is_refused(data_range):
    with pytest.raises(ValueError, match="data_range is"):
        score_images(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8), data_range=data_range)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(paired, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'monai_genaug\[metrics\]'"):
        score_images(*pair(1, 12, 12))
