"""Tests of copies of shapes and pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_genaug.masks.bank.warps import KNOTS, Warp, copy_shape, draw_warps, sample_linear, warp_points
from tests.masks.drawn import ball, regions


def warp(dims: int = 2, turn: np.ndarray | None = None, scale: float = 1.0) -> Warp:
    return Warp(np.eye(dims) if turn is None else turn, scale, 0.0, np.zeros((dims, *[KNOTS] * dims)))


def drawn(dims: int, seed: int, **settings) -> Warp:
    angles = (math.pi,) * (1 if dims == 2 else 3)
    settings = {"scale": (0.8, 1.25), "flip": 0.5, "bend": 0.6, **settings}
    return draw_warps(np.random.RandomState(seed), 1, angles, **settings)[0]


@given(shape=st.lists(st.integers(1, 12), min_size=2, max_size=3))
def test_without_any_change_a_copy_is_the_shape(shape):
    mask = np.ones(shape, bool)
    assert np.array_equal(copy_shape(mask, warp(len(shape))).mask, mask)


@settings(max_examples=40, deadline=None)
@given(
    dims=st.integers(2, 3), sides=st.lists(st.integers(1, 12), min_size=3, max_size=3), seed=st.integers(0, 2**32 - 1)
)
def test_a_copy_is_one_piece_in_a_tight_box_inside_its_grid(dims, sides, seed):
    mask = np.random.RandomState(seed).uniform(size=sides[:dims]) < 0.7
    mask.flat[0] = True
    copy = copy_shape(mask, drawn(dims, seed, scale=(0.3, 2.0), bend=0.99))
    assert regions(copy.mask) == 1
    for axis in range(dims):
        along = copy.mask.any(axis=tuple(other for other in range(dims) if other != axis))
        assert along[0]
        assert along[-1]
    grid = warp_points(copy.warp, mask.shape).shape[1:]
    assert min(copy.low) >= 1  # there is room for the voxels around it
    assert all(low + side < length for low, side, length in zip(copy.low, copy.mask.shape, grid, strict=True))


def test_a_shape_that_would_vanish_is_copied_as_it_is():
    ring = ~np.pad(np.ones((7, 7), bool), 1)
    copy = copy_shape(ring, warp(scale=0.1))
    assert np.array_equal(copy.mask, ring)
    assert copy.warp.scale == 1.0


@pytest.mark.parametrize("dims", [2, 3])
def test_the_area_follows_the_scale_whatever_the_turn_and_bend(dims):
    mask = ball(9, dims)
    for factor in (0.7, 1.0, 1.5):
        copies = [copy_shape(mask, drawn(dims, seed, scale=(factor, factor))).mask.sum() for seed in range(12)]
        assert np.mean(copies) / mask.sum() == pytest.approx(factor**dims, rel=0.04)


def test_turns_keep_lengths_and_angles():
    for dims in (2, 3):
        turn = drawn(dims, 5).turn
        np.testing.assert_allclose(turn @ turn.T, np.eye(dims), atol=1e-12)


def test_angles_are_bounded_and_mirrors_are_as_frequent_as_asked():
    draw = {"scale": (1.0, 1.0), "bend": 0.0}
    turned = draw_warps(np.random.RandomState(0), 200, (0.3,), flip=0.0, **draw)
    angles = np.array([math.atan2(one.turn[1, 0], one.turn[0, 0]) for one in turned])
    assert 0.25 < np.abs(angles).max() <= 0.3
    assert (angles < 0).any()
    mirrored = draw_warps(np.random.RandomState(0), 400, (math.pi,), flip=0.3, **draw)
    assert np.mean([np.linalg.det(one.turn) < 0 for one in mirrored]) == pytest.approx(2 * 0.3 * 0.7, abs=0.08)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_strongest_bend_does_not_fold(dims):
    for seed in range(4):
        points = warp_points(drawn(dims, seed, bend=0.999, flip=0.0, scale=(1.0, 1.0)), (20, 14, 9)[:dims])
        jacobian = np.stack([np.stack(np.gradient(component)) for component in points])
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0


def test_a_bend_changes_the_outline():
    straight, bent = (copy_shape(ball(10), drawn(2, 3, bend=bend, scale=(1.0, 1.0))).mask for bend in (0.0, 0.9))
    assert straight.shape != bent.shape or (straight != bent).sum() > 10


@given(seed=st.integers(0, 2**32 - 1), dims=st.integers(2, 3))
def test_linear_reading_is_exact_for_ramps(seed, dims):
    rng = np.random.RandomState(seed)
    sides = rng.randint(1, 7, dims)
    slope = rng.uniform(-1, 1, dims)
    ramp = np.tensordot(slope, np.indices(sides), 1)[None].astype(np.float32)
    points = (rng.uniform(size=(dims, 5)) * (sides - 1)[:, None]).astype(np.float32)
    np.testing.assert_allclose(sample_linear(ramp, points)[0], slope @ points, atol=1e-5)
