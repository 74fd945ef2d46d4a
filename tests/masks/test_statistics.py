"""Tests of the measures of objects and maps, on labels whose values are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monai_genaug.masks.statistics import as_plane, ks_distance, measure_labels, read_labels


def ellipse(axes: tuple[float, ...]) -> np.ndarray:
    grid = np.indices([2 * math.ceil(a) + 3 for a in axes])
    center = [math.ceil(a) + 1 for a in axes]
    return (sum(((g - c) / a) ** 2 for g, c, a in zip(grid, center, axes, strict=True)) <= 1)[None].astype(np.uint8)


@pytest.mark.parametrize(
    ("axes", "eccentricity"),
    [((10, 10), 0.0), ((12, 6), math.sqrt(3) / 2), ((9, 9, 9), 0.0), ((12, 9, 6), math.sqrt(3) / 2)],
    ids=str,
)
def test_eccentricity_is_that_of_the_ellipse(axes, eccentricity):
    found = measure_labels([ellipse(axes)]).objects
    assert found.eccentricity[0] == pytest.approx(eccentricity, abs=0.05)
    assert found.roughness[0] < 0.02
    assert abs(found.long_axis[0, 0]) > 0.99 or eccentricity == 0.0


def test_forms_are_those_of_scikit_image():
    measure = pytest.importorskip("skimage.measure")
    label = np.zeros((40, 40), np.uint16)
    label[3:9, 4:20], label[20:30, 20:27], label[15, 2:7], label[35, 35] = 3, 9, 4, 700
    label[22:24, 20:22] = 0
    found = measure_labels([label[None]]).objects
    props = measure.regionprops(label)
    assert found.value.tolist() == [prop.label for prop in props]
    assert found.area.tolist() == [prop.area for prop in props]
    np.testing.assert_allclose(found.center, [prop.centroid for prop in props])
    large = found.area > 20  # it takes voxels for points, this package for cubes
    np.testing.assert_allclose(found.eccentricity[large], [p.eccentricity for p in props if p.area > 20], atol=0.005)
    assert found.eccentricity[1] == pytest.approx(math.sqrt(1 - 1 / 25))  # a line of five voxels


@pytest.mark.parametrize(
    ("place", "touches"),
    [((slice(4, 6), slice(2, 4)), True), ((slice(4, 6), slice(4, 6)), True), ((slice(5, 7), slice(2, 4)), False)],
    ids=["side", "corner", "apart"],
)
def test_objects_touch_at_sides_and_corners(place, touches):
    label = np.zeros((1, 9, 9), np.int32)
    label[0, 2:4, 2:4] = 5
    label[0][place] = 2
    found = measure_labels([label])
    assert found.objects.touches.tolist() == [touches, touches]
    assert found.images.touching.tolist() == [float(touches)]


@pytest.mark.parametrize("dims", [2, 3])
def test_touching_agrees_with_a_search_voxel_by_voxel(dims):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 9, (9, 8, 7)[:dims]) * (rng.random((9, 8, 7)[:dims]) < 0.15)
    found = measure_labels([label[None]]).objects
    points = np.argwhere(label)
    expected = {int(value): False for value in found.value}
    for a in points:
        for b in points:
            if abs(a - b).max() <= 1 and label[tuple(a)] != label[tuple(b)]:
                expected[int(label[tuple(a)])] = True
    assert dict(zip(found.value.tolist(), found.touches.tolist(), strict=True)) == expected


def test_objects_at_the_border_are_cut():
    label = np.zeros((1, 10, 12), np.uint8)
    label[0, 0:2, 3:5], label[0, 5:7, 10:12], label[0, 4:6, 4:6] = 1, 2, 3
    assert measure_labels([label]).objects.cut.tolist() == [True, True, False]


def test_images_are_counted_with_empty_ones_too():
    label = np.zeros((1, 10, 10), np.uint8)
    label[0, 1, 1], label[0, 5, 5], label[0, 5, 6] = 1, 2, 3
    images = measure_labels([label, np.zeros((1, 20, 10), np.uint8)]).images
    assert images.count.tolist() == [3, 0]
    assert images.density.tolist() == [0.03, 0.0]
    assert images.touching[0] == pytest.approx(2 / 3)
    assert np.isnan([images.touching[1], images.neighbour_ratio[1]]).all()
    assert images.size.tolist() == [[10, 10], [20, 10]]


@pytest.mark.parametrize(("step", "size", "expected"), [((8, 8), (160, 160), 2.0), ((6, 6, 6), (60, 60, 60), 1.81)])
def test_points_on_a_lattice_keep_apart(step, size, expected):
    label = np.zeros((1, *size), np.int64)
    lattice = tuple(slice(3, None, n) for n in step)
    label[0][lattice] = 1 + np.arange(label[0][lattice].size).reshape(label[0][lattice].shape)
    assert measure_labels([label]).images.neighbour_ratio[0] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("size", [(300, 300), (60, 60, 60)])
def test_points_thrown_at_random_have_the_ratio_one(size):
    rng = np.random.default_rng(0)
    label = np.zeros(math.prod(size), np.int64)
    label[rng.choice(len(label), 400, replace=False)] = 1 + np.arange(400)
    assert measure_labels([label.reshape(1, *size)]).images.neighbour_ratio[0] == pytest.approx(1.0, abs=0.1)


def test_one_object_has_no_nearest_neighbour():
    assert np.isnan(measure_labels([ellipse((3, 3))]).images.neighbour_ratio[0])


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
    st.lists(st.floats(-5, 5), min_size=1, max_size=30),
)
def test_ks_distance_is_scipys(first, second):
    assert ks_distance(first, second) == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-12)


def test_ks_distance_leaves_nan_out_and_needs_a_value():
    assert ks_distance([1.0, math.nan], [1.0]) == 0.0
    with pytest.raises(ValueError, match="no value but NaN"):
        ks_distance([math.nan], [1.0])


def test_a_volume_of_one_slice_counts_as_a_plane():
    plane = ellipse((6, 4))
    found = measure_labels([plane[:, None], plane]).objects
    assert found.center.shape == (2, 2)
    assert found.eccentricity[0] == found.eccentricity[1]
    assert not found.cut.any()
    assert as_plane(np.zeros((1, 1, 5), np.int64)).shape == (1, 1, 5)


def test_containers_and_types_do_not_matter():
    label = ellipse((5, 3))
    for same in (torch.from_numpy(label), label.astype(">i2"), label.astype(np.float32)):
        assert measure_labels([same]).objects.area.tolist() == [np.count_nonzero(label)]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels holds no label map"),
        ([np.zeros((8, 8))], r"label 0 has shape \(8, 8\), expected one channel"),
        ([np.zeros((1, 8, 8)), np.zeros((1, 0, 8))], r"label 1 has shape \(1, 0, 8\)"),
        ([np.zeros((1, 8, 8)), np.zeros((1, 8, 8, 8))], "label 1 is 3D, label 0 is 2D"),
        ([np.full((1, 8, 8), np.nan)], "label 0 holds nan, expected whole numbers"),
    ],
)
def test_what_is_no_label_map_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        read_labels(labels)
