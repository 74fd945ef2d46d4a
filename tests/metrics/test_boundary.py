from __future__ import annotations

import math

import numpy as np
import pytest

from monai_genaug.metrics.boundary import boundary_shift


def disc(radius: float, center=(40, 40), size=(80, 80)) -> np.ndarray:
    axes = np.indices(size)
    return sum((axis - middle) ** 2 for axis, middle in zip(axes, center, strict=True)) <= radius**2


def test_equal_masks_have_no_signed_shift():
    shift = boundary_shift(disc(20), disc(20))
    assert abs(shift.signed) < 0.1
    assert shift.absolute < 0.6  # the outline has two sides, half a voxel each


@pytest.mark.parametrize("growth", [-5, -2, 2, 5])
def test_larger_and_smaller_discs_are_told_by_their_radius(growth):
    shift = boundary_shift(disc(20 + growth), disc(20))
    assert shift.signed == pytest.approx(growth, abs=0.3)
    assert shift.absolute == pytest.approx(abs(growth), abs=0.3)


def test_a_moved_disc_has_an_absolute_shift_alone():
    shift = boundary_shift(disc(20, (40, 44)), disc(20))
    assert abs(shift.signed) < 0.5
    assert shift.absolute > 2


def test_volumes_and_channel_dimensions_are_fine():
    balls = [disc(radius, (10, 10, 10), (20, 20, 20)) for radius in (7, 5)]
    assert boundary_shift(balls[0][None], balls[1][None]).signed == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("pair", [(0, 20), (20, 0)], ids=["none found", "none expected"])
def test_without_an_outline_there_is_no_shift(pair):
    masks = [disc(radius) if radius else np.zeros((80, 80)) for radius in pair]
    assert math.isnan(boundary_shift(*masks).signed)


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="expected equal ones"):
        boundary_shift(np.zeros((4, 4)), np.zeros((4, 5)))
