"""Histograms against each other, with the floor."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.evaluation.distribution import draw_parts
from monai_genaug.evaluation.intensities import compare_intensities


def test_a_shift_is_seen_beside_a_floor_without_one():
    real = [torch.full((1, 4, 4), 0.2)] * 6
    synthetic = [torch.full((1, 8, 8), 0.6)] * 4
    draws = draw_parts(list(range(6)), 4, count=1, seed=0)
    found = {comparison.name: comparison for comparison in compare_intensities(real, synthetic, draws=draws)}
    assert list(found) == ["Wasserstein distance", "KL divergence", "JS divergence"]
    distance = found["Wasserstein distance"]
    assert (distance.value, distance.equal, distance.floor) == pytest.approx((0.4, 0.4, 0.0), abs=1e-6)
    assert (distance.sizes, distance.equal_size, distance.interval) == ((6, 4), 3, None)


def test_without_draws_there_is_no_floor_and_a_reason():
    images = [torch.full((1, 4, 4), 0.2)]
    for comparison in compare_intensities(images, images, draws=[]):
        assert (comparison.value, comparison.floor) == (0.0, None)
        assert comparison.reason == "no floor: there are too few real images"
