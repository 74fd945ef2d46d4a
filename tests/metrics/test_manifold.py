from __future__ import annotations

import math

import numpy as np
import pytest

from monai_genaug.metrics import distribution
from monai_genaug.metrics.manifold import density_coverage, nearest_neighbour_accuracy, precision_recall

MEASURES = [precision_recall, density_coverage, nearest_neighbour_accuracy]


def drawn(*shape, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) + shift


def by_loops(real, synthetic, k):
    """Precision, recall, density, coverage and 1-NN accuracy, pair by pair."""

    def distance(x, y):
        return math.dist(x, y)

    def radius(rows, index):
        return sorted(distance(rows[index], other) for j, other in enumerate(rows) if j != index)[k - 1]

    real_radii = [radius(real, i) for i in range(len(real))]
    synthetic_radii = [radius(synthetic, j) for j in range(len(synthetic))]
    inside = [[distance(x, y) < r for y in synthetic] for x, r in zip(real, real_radii, strict=True)]
    reached = [[distance(x, y) < r for y, r in zip(synthetic, synthetic_radii, strict=True)] for x in real]
    pooled, kinds = [*real, *synthetic], [0] * len(real) + [1] * len(synthetic)
    right = {0: [], 1: []}
    for i, x in enumerate(pooled):
        nearest = min((j for j in range(len(pooled)) if j != i), key=lambda j: distance(x, pooled[j]))
        right[kinds[i]].append(kinds[nearest] == kinds[i])
    return (
        np.any(inside, axis=0).mean(),
        np.any(reached, axis=1).mean(),
        np.sum(inside) / (k * len(synthetic)),
        np.any(inside, axis=1).mean(),
        (np.mean(right[0]) + np.mean(right[1])) / 2,
    )


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_all_measures_are_those_of_a_double_loop(k, shift):
    real, synthetic = drawn(17, 2), drawn(13, 2, seed=1, shift=shift)
    found = (
        *precision_recall(real, synthetic, k),
        *density_coverage(real, synthetic, k),
        nearest_neighbour_accuracy(real, synthetic),
    )
    assert found == pytest.approx(by_loops(real, synthetic, k))


def test_recall_is_half_where_half_of_the_real_images_lie_far_away():
    near = drawn(40, 3)
    real = np.concatenate([near, drawn(40, 3, seed=1, shift=1000.0)])
    assert precision_recall(real, near, k=3) == (1.0, 0.5)
    assert precision_recall(near, real, k=3) == (0.5, 1.0)
    assert density_coverage(real, near, k=3) == (1.0, 0.5)


@pytest.mark.parametrize("k", [1, 3])
def test_a_set_with_itself_is_perfect_and_all_its_images_are_copies(k):
    values = drawn(30, 4)
    assert precision_recall(values, values, k) == (1.0, 1.0)
    assert density_coverage(values, values, k) == (1.0, 1.0)
    assert nearest_neighbour_accuracy(values, values.copy()) == 0.0


def test_sets_that_lie_apart_do_not_overlap():
    real, synthetic = drawn(20, 3), drawn(15, 3, seed=1, shift=100.0)
    assert precision_recall(real, synthetic) == (0.0, 0.0)
    assert density_coverage(real, synthetic) == (0.0, 0.0)
    assert nearest_neighbour_accuracy(real, synthetic) == 1.0


def test_a_generator_that_always_makes_one_image_is_precise_without_recall():
    real = drawn(60, 2)
    synthetic = np.repeat(real[:1] + 1e-3, 20, axis=0)
    found = precision_recall(real, synthetic)
    assert found.precision == 1.0
    assert found.recall == 0.0
    assert density_coverage(real, synthetic).coverage < 0.25


def test_density_and_coverage_of_equal_distributions_are_as_expected():
    found = np.array([density_coverage(drawn(60, 2, seed=i), drawn(60, 2, seed=500 + i), k=5) for i in range(40)])
    missed = math.prod(
        (60 - i) / (120 - i) for i in range(1, 6)
    )  # Naeem et al. 2020: none of 5 neighbours is synthetic
    assert found[:, 0].mean() == pytest.approx(1.0, abs=0.05)
    assert found[:, 1].mean() == pytest.approx(1 - missed, abs=0.015)


@pytest.mark.parametrize(("real", "synthetic"), [(50, 50), (90, 20), (20, 90)])
def test_nearest_neighbours_of_equal_distributions_are_of_either_kind_whatever_the_numbers(real, synthetic):
    found = [nearest_neighbour_accuracy(drawn(real, 3, seed=i), drawn(synthetic, 3, seed=500 + i)) for i in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_equally_near_images_of_both_kinds_count_half():
    # nearest to 0 is its own kind, to 1 both alike, to 2 the other kind, to 9 its own
    assert nearest_neighbour_accuracy([[0.0], [1.0]], [[2.0], [9.0]]) == ((1 + 0.5) / 2 + (0 + 1) / 2) / 2


def test_classes_of_unequal_size_count_alike():
    real, synthetic = [[0.0], [0.4], [9.0]], [[9.1], [10.0], [10.3], [10.5], [10.6], [10.7]]
    assert nearest_neighbour_accuracy(real, synthetic) == pytest.approx((2 / 3 + 5 / 6) / 2)


def test_precision_and_recall_change_places_with_the_sets():
    a, b = drawn(30, 3), drawn(20, 3, seed=1, shift=0.7)
    forth, back = precision_recall(a, b), precision_recall(b, a)
    assert (forth.precision, forth.recall) == (back.recall, back.precision)
    assert nearest_neighbour_accuracy(a, b) == nearest_neighbour_accuracy(b, a)


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_are_blind_to_the_order_of_images(measure):
    a, b = drawn(30, 2).round(1), drawn(20, 2, seed=1).round(1)  # rounded, so that there are ties
    assert measure(a[::-1], np.roll(b, 7, axis=0)) == measure(a, b)


@pytest.mark.parametrize("measure", MEASURES)
def test_blocks_change_no_value(monkeypatch, measure):
    a, b = drawn(30, 2), drawn(20, 2, seed=1)
    whole = measure(a, b)
    monkeypatch.setattr(distribution, "BLOCK_ELEMENTS", 50)
    assert measure(a, b) == whole


def test_too_few_images_for_the_neighbours_are_refused():
    with pytest.raises(ValueError, match="3 real images, expected at least 4"):
        precision_recall(drawn(3, 2), drawn(9, 2))
    with pytest.raises(ValueError, match="3 synthetic images, expected at least 4"):
        precision_recall(drawn(9, 2), drawn(3, 2))
    with pytest.raises(ValueError, match="5 real images, expected at least 6"):
        density_coverage(drawn(5, 2), drawn(9, 2))
    with pytest.raises(ValueError, match="1 synthetic images, expected at least 2"):
        nearest_neighbour_accuracy(drawn(5, 2), drawn(1, 2))


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
def test_no_neighbours_are_refused(measure):
    with pytest.raises(ValueError, match="k is 0, expected at least 1"):
        measure(drawn(9, 2), drawn(9, 2), k=0)


@pytest.mark.parametrize("measure", MEASURES)
def test_features_with_nan_are_refused(measure):
    with pytest.raises(ValueError, match="synthetic features hold NaN"):
        measure(drawn(9, 2), np.full((9, 2), np.nan))
