"""Tests of star-convex bodies: size, form and rim are those that were asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_genaug.masks.procedural.star_convex import PlaneWaves, StarConvex, rim_distance
from monai_genaug.masks.statistics import ObjectTable, measure_labels, unit_ball


def measured(dims: int, radius: float, count: int = 40, **form: float) -> ObjectTable:
    rng = np.random.RandomState(0)
    masks = [StarConvex(rng, dims, radius, **form).mask() for _ in range(count)]
    return measure_labels([np.pad(mask, 1)[None].astype(np.uint8) for mask in masks]).objects


@settings(max_examples=60, deadline=None)
@given(
    dims=st.integers(2, 3),
    radius=st.floats(0.1, 9),
    eccentricity=st.floats(0, 0.95),
    roughness=st.floats(0, 0.4),
    lobes=st.integers(3, 16),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_body_is_one_connected_region_that_fills_its_box(dims, radius, eccentricity, roughness, lobes, seed):
    rng = np.random.RandomState(seed)
    mask = StarConvex(rng, dims, radius, eccentricity=eccentricity, roughness=roughness, lobes=lobes).mask()
    assert mask.ndim == dims
    assert ndimage.label(mask, structure=np.ones((3,) * dims))[1] == 1
    for axis in range(dims):
        assert mask.take(0, axis).any()
        assert mask.take(-1, axis).any()


@pytest.mark.parametrize("form", [{}, {"eccentricity": 0.8}, {"roughness": 0.15}], ids=["ball", "long", "rough"])
@pytest.mark.parametrize(("dims", "radius"), [(2, 5.0), (2, 12.0), (3, 5.0)])
def test_the_volume_is_that_of_the_radius(dims, radius, form):
    assert measured(dims, radius, **form).area.mean() == pytest.approx(unit_ball(dims) * radius**dims, rel=0.04)


@pytest.mark.parametrize("roughness", [0.0, 0.08])
@pytest.mark.parametrize(("dims", "radius"), [(2, 8.0), (3, 7.0)])
def test_eccentricity_is_what_was_asked_for_whatever_the_rim(dims, radius, roughness):
    found = measured(dims, radius, eccentricity=0.75, roughness=roughness)
    assert found.eccentricity.mean() == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("roughness", [0.05, 0.1, 0.2])
@pytest.mark.parametrize(("dims", "radius"), [(2, 12.0), (3, 7.0)])
def test_roughness_is_what_was_asked_for(dims, radius, roughness):
    found = measured(dims, radius, eccentricity=0.6, roughness=roughness)
    assert found.roughness.mean() == pytest.approx(roughness, rel=0.12)


@pytest.mark.parametrize("axis", [(1.0, 2.0), (0.0, 0.0, -3.0), (1.0, -1.0, 1.0)], ids=str)
def test_the_long_axis_points_where_it_was_told(axis):
    body = StarConvex(np.random.RandomState(1), len(axis), 8.0, eccentricity=0.9, long_axis=np.array(axis))
    [found] = measure_labels([body.mask()[None].astype(np.uint8)]).objects.long_axis
    assert abs(found @ np.array(axis)) / math.hypot(*axis) > 0.99


def test_by_default_the_long_axis_points_anywhere():
    axes = measured(2, 8.0, count=200, eccentricity=0.9).long_axis
    np.testing.assert_allclose(axes.T @ axes / 200, np.eye(2) / 2, atol=0.1)


def test_more_lobes_make_a_longer_rim():
    def rim(lobes: int) -> float:
        rng = np.random.RandomState(0)
        masks = [StarConvex(rng, 2, 30.0, roughness=0.12, lobes=lobes).mask() for _ in range(10)]
        return float(np.mean([np.count_nonzero(mask ^ ndimage.binary_erosion(mask)) for mask in masks]))

    assert rim(16) > 1.1 * rim(3)


def test_the_same_state_gives_the_same_body():
    first, second = (StarConvex(np.random.RandomState(3), 3, 5.0, roughness=0.1).mask() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_fitting_into_a_box_shrinks_large_bodies_alone():
    body = StarConvex(np.random.RandomState(0), 2, 20.0, eccentricity=0.9)
    small = StarConvex(np.random.RandomState(0), 2, 5.0)
    body.fit_into((30, 60))
    small.fit_into((30, 60))
    assert all(side <= length for side, length in zip(body.mask().shape, (31, 61), strict=True))
    assert 5.0 < body.radius < 20.0
    assert small.radius == 5.0


def test_plane_waves_have_mean_zero_and_variance_one():
    rng = np.random.RandomState(0)
    fields = [PlaneWaves(rng, 2, 10.0)(np.array(np.meshgrid(np.arange(60.0), np.arange(60.0)))) for _ in range(40)]
    assert np.mean(fields) == pytest.approx(0.0, abs=0.05)
    assert np.var(fields) == pytest.approx(1.0, abs=0.1)


def test_the_rim_is_at_distance_one():
    directions = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(rim_distance(7 * directions, lambda _: np.array([7.0, 14.0])), [1.0, 0.5])
