from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np
import pytest
import torch

from monai_genaug.metrics import distribution
from monai_genaug.metrics.distribution import (
    distance_blocks,
    frechet_distance,
    kernel_distance,
    maximum_mean_discrepancy,
)

MEASURES = [frechet_distance, kernel_distance, maximum_mean_discrepancy]


def drawn(*shape, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) + shift


def with_moments(rows, mean, covariance, seed=0):
    """Draw rows whose sample mean and covariance are exactly these."""
    values = drawn(rows, len(mean), seed=seed)
    values -= values.mean(axis=0)
    white = values @ np.linalg.inv(np.linalg.cholesky(np.cov(values.T))).T
    return white @ np.linalg.cholesky(np.asarray(covariance, dtype=float)).T + mean


def discrepancy_by_loops(a, b, kernel):
    """Unbiased squared maximum mean discrepancy, pair by pair."""
    within = [
        sum(kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j)
        / (len(rows) * (len(rows) - 1))
        for rows in (a, b)
    ]
    return sum(within) - 2 * sum(kernel(x, y) for x in a for y in b) / (len(a) * len(b))


def test_frechet_distance_of_gaussians_with_commuting_covariances():
    a = with_moments(40, [0, 0, 0], np.diag([1, 4, 9]))
    b = with_moments(50, [1, 0, 2], np.diag([4, 4, 1]), seed=1)
    expected = 5 + (1 - 2) ** 2 + (2 - 2) ** 2 + (3 - 1) ** 2  # |m1 - m2|^2 and (s1 - s2)^2 of each axis
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_of_gaussians_with_other_axes():
    first, second = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[5.0, -2.0], [-2.0, 1.0]])
    product = first @ second  # in 2D, tr sqrt(P) = sqrt(tr P + 2 sqrt(det P))
    root = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    expected = np.trace(first) + np.trace(second) - 2 * root
    found = frechet_distance(with_moments(30, [7, 7], first), with_moments(20, [7, 7], second, seed=1))
    assert found == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_is_that_of_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")
    a, b = drawn(60, 8), drawn(50, 8, seed=1, shift=0.3) * 1.5
    moments = [
        torch.from_numpy(moment) for rows in (a, b) for moment in (rows.mean(axis=0), np.cov(rows, rowvar=False))
    ]
    assert frechet_distance(a, b) == pytest.approx(fid._compute_fid(*moments).item(), rel=1e-9)


@pytest.mark.filterwarnings("ignore:the Frechet distance")
@pytest.mark.parametrize("shape", [(50, 4), (5, 30), (2, 3)], ids=str)
def test_frechet_distance_of_a_set_with_itself_is_0(shape):
    values = drawn(*shape) * 100
    assert frechet_distance(values, values) <= 1e-10 * np.square(values).sum()


@pytest.mark.filterwarnings("ignore:the Frechet distance")
def test_frechet_distance_is_accurate_for_fewer_images_than_features():
    a, b = drawn(6, 4), drawn(7, 4, seed=1)
    turn = np.linalg.qr(drawn(20, 20, seed=2))[0][:4]  # into 20 dims, which changes no distance
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_frechet_distance_of_singular_covariances_in_equal_directions():
    line = np.array([1.0, 2.0, 2.0]) / 3
    a, b = np.array([-1.0, 0, 1])[:, None] * line, np.array([-3.0, 0, 3])[:, None] * line
    with pytest.warns(UserWarning, match="singular"):
        assert frechet_distance(a, b) == pytest.approx((3 - 1) ** 2, rel=1e-9)


def test_too_few_images_for_a_covariance_are_warned_of():
    with pytest.warns(UserWarning, match="pass at least 6 images"):
        frechet_distance(drawn(5, 5), drawn(50, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(drawn(6, 5), drawn(6, 5))


def test_kernel_distance_is_that_of_a_double_loop():
    a, b = drawn(9, 4), drawn(7, 4, seed=1, shift=0.5)
    expected = discrepancy_by_loops(a, b, lambda x, y: (x @ y / 4 + 1) ** 3)
    assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_is_that_of_torchmetrics_for_sets_of_equal_size():
    kid = pytest.importorskip("torchmetrics.image.kid")
    a, b = drawn(20, 6), drawn(20, 6, seed=1, shift=0.5)
    expected = kid.poly_mmd(torch.from_numpy(a), torch.from_numpy(b)).item()
    assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    "measure", [kernel_distance, partial(maximum_mean_discrepancy, bandwidth=2.0)], ids=["kid", "mmd"]
)
def test_kernel_measures_have_no_bias_by_the_number_of_images(measure):
    found = [measure(drawn(4, 3, seed=seed), drawn(11, 3, seed=1000 + seed)) for seed in range(1500)]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))


def test_gaussian_discrepancy_is_that_of_a_double_loop():
    a, b = drawn(9, 4), drawn(7, 4, seed=1, shift=0.5)
    expected = discrepancy_by_loops(a, b, lambda x, y: math.exp(-((x - y) ** 2).sum() / (2 * 1.5**2)))
    assert maximum_mean_discrepancy(a, b, bandwidth=1.5) == pytest.approx(expected, rel=1e-10)


def test_the_default_bandwidth_is_the_median_distance_of_all_pairs():
    a, b = [[0.0], [1.0]], [[3.0], [7.0]]  # distances 1, 3, 7, 2, 6, 4: median 3.5
    assert maximum_mean_discrepancy(a, b) == maximum_mean_discrepancy(a, b, bandwidth=3.5)


def test_the_median_of_many_images_is_taken_over_some_of_them(monkeypatch):
    values = drawn(500, 3)
    everything = distribution._median_distance(values)
    monkeypatch.setattr(distribution, "MEDIAN_ROWS", 100)
    some = distribution._median_distance(values)
    assert some != everything
    assert some == pytest.approx(everything, rel=0.1)
    assert distribution._median_distance(values[::-1]) == some


def test_gaussian_discrepancy_of_sets_far_apart_is_that_within_both():
    assert maximum_mean_discrepancy([[0.0], [0.0]], [[99.0], [99.0]], bandwidth=1.0) == pytest.approx(2)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, math.nan, math.inf])
def test_a_bandwidth_that_is_none_is_refused(bandwidth):
    with pytest.raises(ValueError, match="bandwidth is"):
        maximum_mean_discrepancy(drawn(3, 2), drawn(3, 2), bandwidth=bandwidth)


def test_images_that_are_all_equal_have_no_median_distance():
    with pytest.raises(ValueError, match="median distance of two images is 0"):
        maximum_mean_discrepancy(np.ones((3, 2)), np.ones((3, 2)))


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_are_symmetric_and_blind_to_the_order_of_images(measure):
    a, b = drawn(12, 3), drawn(9, 3, seed=1, shift=1.0)
    value = measure(a, b)
    assert measure(b, a) == pytest.approx(value, rel=1e-10)
    assert measure(a[::-1], np.roll(b, 4, axis=0)) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_grow_with_the_shift(measure):
    found = [measure(drawn(40, 3), drawn(40, 3, seed=1, shift=shift)) for shift in (0, 1, 2)]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize("measure", MEASURES)
def test_features_with_nan_are_refused(measure):
    with pytest.raises(ValueError, match="real features hold NaN"):
        measure(np.full((5, 2), np.nan), drawn(5, 2))


@pytest.mark.parametrize("elements", [1, 7, 20])
def test_blocks_change_no_value_and_stay_small(monkeypatch, elements):
    a, b = drawn(11, 3), drawn(6, 3, seed=1)
    whole = kernel_distance(a, b), maximum_mean_discrepancy(a, b)
    monkeypatch.setattr(distribution, "BLOCK_ELEMENTS", elements)
    assert (kernel_distance(a, b), maximum_mean_discrepancy(a, b)) == pytest.approx(whole, rel=1e-10)
    assert all(block.size <= max(elements, len(b)) for _, block in distance_blocks(a, b))


def test_distances_of_equal_rows_are_0_and_ties_are_ties():
    a = 1e6 + drawn(20, 5)
    whole = np.concatenate([block for _, block in distance_blocks(a, a[::-1].copy())])
    assert (np.diagonal(whole[:, ::-1]) == 0).all()
    assert np.array_equal(whole[:, ::-1], whole[:, ::-1].T)
