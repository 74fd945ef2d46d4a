"""Tests of putting shapes into a map."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_genaug.masks.placement import Canvas


def disc(radius: int, dims: int = 2) -> np.ndarray:
    axes = np.indices((2 * radius + 1,) * dims) - radius
    return (axes**2).sum(0) <= radius**2


def empty(size: tuple[int, ...]) -> Canvas:
    return Canvas(np.zeros(size, np.int64))


@settings(max_examples=30, deadline=None)
@given(dims=st.integers(2, 3), seed=st.integers(0, 2**32 - 1))
def test_objects_placed_apart_have_background_between_them(dims, seed):
    canvas, rng = empty((40, 30, 20)[:dims]), np.random.RandomState(seed)
    placed = [value for value in range(1, 12) if canvas.place(disc(3, dims), value, rng)]
    assert placed
    assert set(np.unique(canvas.values)) == {0, *placed}
    assert ndimage.label(canvas.values, structure=np.ones((3,) * dims))[1] == len(placed)


@settings(max_examples=30, deadline=None)
@given(dims=st.integers(2, 3), seed=st.integers(0, 2**32 - 1))
def test_an_object_that_shall_touch_is_next_to_another_and_takes_none_of_its_voxels(dims, seed):
    canvas, rng = empty((48, 48, 24)[:dims]), np.random.RandomState(seed)
    assert canvas.put(disc(4, dims), 1, (20, 20, 8)[:dims])
    before = canvas.values == 1
    assert canvas.place(disc(3, dims), 2, rng, touch=True)
    assert ((canvas.values == 1) == before).all()
    assert ndimage.label(canvas.values, structure=np.ones((3,) * dims))[1] == 1


def test_the_first_object_is_placed_though_there_is_none_to_touch():
    canvas = empty((20, 20))
    assert canvas.place(disc(2), 1, np.random.RandomState(0), touch=True)
    assert canvas.values.any()


def test_what_was_there_before_is_kept():
    before = np.zeros((30, 30), np.int64)
    before[:15] = 7
    canvas, rng = Canvas(before), np.random.RandomState(1)
    assert sum(canvas.place(disc(2), value, rng) for value in range(8, 14)) > 1
    assert (canvas.values[:15] == 7).all()
    assert not canvas.values[15].any()
    assert (before[15:] == 0).all()


def test_a_full_map_gives_up_and_says_so(caplog):
    canvas = Canvas(np.ones((10, 10), np.int64))
    assert not canvas.place(disc(2), 2, np.random.RandomState(0))
    with caplog.at_level(logging.DEBUG, "monai_genaug"):
        assert (canvas.finish() == 1).all()
    assert "1 of 1 shapes found no place" in caplog.text


@pytest.mark.parametrize("corner", [(-3, 8), (17, -2), (8, 18)], ids=str)
def test_the_border_cuts_objects(corner):
    canvas = empty((20, 20))
    assert canvas.put(disc(3), 1, corner)
    assert 0 < (canvas.values == 1).sum() < disc(3).sum()


def test_nearly_nothing_of_a_shape_in_the_map_is_not_enough():
    canvas = empty((20, 20))
    assert not canvas.put(np.ones((20, 20), bool), 1, (-19, -19))
    assert not canvas.put(disc(3), 1, (20, 3))
    assert not canvas.values.any()


def test_a_cut_shape_stays_in_one_piece():
    horseshoe = np.ones((9, 9), bool)
    horseshoe[:6, 3:6] = False
    canvas = empty((20, 20))
    assert canvas.put(horseshoe, 1, (14, 5))
    assert ndimage.label(canvas.values)[1] == 1


def test_given_centres_are_tried_in_turn():
    canvas = empty((20, 20))
    canvas.put(disc(2), 1, (3, 3))
    centers = np.array([[5.0, 5.0], [14.0, 14.0]])
    assert canvas.place(disc(2), 2, np.random.RandomState(0), draw_centers=lambda count: centers)
    assert np.argwhere(canvas.values == 2).mean(0).tolist() == pytest.approx([13.5, 13.5], abs=1)
