"""Tests of drawn lesions, and of how they are fitted into a region."""

from __future__ import annotations

import numpy as np
import pytest

from monai_genaug.masks.procedural.lesion_classes import LesionClass
from monai_genaug.masks.procedural.lesion_plan import draw_lesions, find_fits
from monai_genaug.masks.procedural.star_convex import StarConvex

SIZE = (100, 80)


@pytest.mark.parametrize(("count", "spread"), [(1.0, 0.0), (3.0, 0.0), (6.0, 5.0)])
def test_the_number_of_lesions_has_its_mean_and_spread(count, spread):
    rng = np.random.RandomState(0)
    lesions = LesionClass(count=count, count_spread=spread, radius=1.0)
    counts = np.array([len(list(draw_lesions(lesions, (8, 8), rng))) for _ in range(500)])
    assert counts.min() >= 1
    assert counts.mean() == pytest.approx(count, rel=0.08)
    assert counts.std() == pytest.approx(max(spread, np.sqrt(count - 1)), rel=0.1, abs=0.01)


def test_no_lesion_is_larger_than_the_map():
    rng = np.random.RandomState(0)
    for _ in range(20):
        [lesion] = draw_lesions(LesionClass(radius=500.0, roughness=0.0), SIZE, rng)
        assert all(side <= length + 1 for side, length in zip(lesion.body.mask().shape, SIZE, strict=True))


def test_places_follow_the_class():
    rng = np.random.RandomState(0)
    [lesion] = draw_lesions(LesionClass(center=(0.2, 0.7), center_spread=(0.01, 0.01)), SIZE, rng)
    assert lesion.centers.mean(axis=0) == pytest.approx([20, 56], abs=1)


@pytest.mark.parametrize(
    "numbers", [{"center": (0.5,) * 3, "center_spread": (0.1,) * 3}, {"directions": ((1.0, 0, 0),) * 3}], ids=list
)
def test_numbers_for_other_dimensions_are_refused(numbers):
    with pytest.raises(ValueError, match="of class 1 has 3 axes, the label 2"):
        list(draw_lesions(LesionClass(**numbers), SIZE, np.random.RandomState(0)))


def test_places_where_the_lesion_lies_inside_as_a_whole_come_first():
    body = StarConvex(np.random.RandomState(0), 2, 4.0)
    region = np.zeros((40, 40), bool)
    region[:20] = True
    fits = list(find_fits(body, np.array([[19.0, 10.0], [39.0, 10.0], [10.0, 10.0]]), region))
    assert [corner[0] < 10 for _, corner in fits] == [True, False]  # and nothing at the second, which lies outside
    whole, part = (np.count_nonzero(mask) for mask, _ in fits)
    assert 0.5 * whole <= part < whole


def test_a_lesion_that_sticks_out_is_moved_into_the_map_before_it_is_cut():
    body = StarConvex(np.random.RandomState(0), 3, 3.0)
    whole, part = find_fits(body, np.array([[5.0, 0.0, 5.0]]), np.ones((10, 10, 10), bool))
    assert whole[1][1] == 0
    assert part[1][1] < 0
    assert part[0].sum() < whole[0].sum() == body.mask().sum()


def test_nothing_fits_where_there_is_no_region():
    body = StarConvex(np.random.RandomState(0), 2, 3.0)
    assert not list(find_fits(body, np.array([[5.0, 5.0], [-50.0, 5.0]]), np.zeros((10, 10), bool)))
