from __future__ import annotations

import pytest
import torch

from monai_genaug.networks import NoiseMaps
from monai_genaug.training.mode_seeking import ModeSeeking


def term(weight: float = 1.0) -> ModeSeeking:
    return ModeSeeking(weight, NoiseMaps(latent=1, smooth=0, white=0))


def images_that_move(step: float):
    """Give what makes images `step` away from zeros, in the left half only."""

    def generate(noise):
        made = torch.zeros_like(noise)
        made[..., : noise.shape[-1] // 2] = step
        return made

    return generate


def loss(step: float, where=None) -> float:
    torch.manual_seed(0)
    zeros = torch.zeros(2, 1, 4, 8)
    return term()(images_that_move(step), zeros, zeros, where=where)["g_mode_seeking"].item()


def test_the_further_images_are_apart_the_smaller_it_is():
    assert loss(0.1) == pytest.approx(2 * loss(0.2), rel=1e-3)


def test_a_difference_counts_only_where_it_is_asked_for():
    left, right = torch.zeros(2, 2, 1, 4, 8)
    left[..., :4], right[..., 4:] = 1, 1
    assert loss(0.1, left) == pytest.approx(0.5 * loss(0.1), rel=1e-3)  # a voxel that counts moves twice as far
    assert loss(0.1, right) > 1e4


def test_where_nothing_is_to_differ_it_is_nothing():
    assert loss(0.1, torch.zeros(2, 1, 4, 8)) == 0


def test_without_weight_it_makes_no_second_image():
    def fail(noise):
        raise AssertionError

    zeros = torch.zeros(1, 1, 4, 4)
    assert term(0.0)(fail, zeros, zeros) == {}
