from __future__ import annotations

import math

import numpy as np
import pytest

from monai_genaug.metrics import separability
from monai_genaug.metrics.separability import inception_score, mode_score, real_synthetic_auc


def drawn(*shape, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) + shift


def test_sets_that_lie_apart_are_told_apart():
    assert real_synthetic_auc(drawn(30, 4), drawn(20, 4, seed=1, shift=20.0)) == 1.0


@pytest.mark.parametrize(("rows", "features"), [(40, 3), (20, 60)], ids=["few-features", "more-features-than-images"])
def test_equal_distributions_are_told_apart_by_chance_alone(rows, features):
    found = [real_synthetic_auc(drawn(rows, features, seed=i), drawn(rows, features, seed=500 + i)) for i in range(40)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.04)


def test_the_auc_of_two_gaussians_is_as_expected():
    found = [real_synthetic_auc(drawn(200, 2, seed=i), drawn(200, 2, seed=90 + i, shift=[1.0, 0.0])) for i in range(8)]
    expected = 0.5 * (1 + math.erf(1 / 2))  # Phi(d / sqrt 2) for means d = 1 apart
    assert np.mean(found) == pytest.approx(expected, abs=0.02)


def test_correlated_features_are_whitened():
    stretched = drawn(200, 2) @ [[10.0, 10.0], [0.1, -0.1]]  # they differ across the stretch only
    other = drawn(200, 2, seed=1) @ [[10.0, 10.0], [0.1, -0.1]] + [0.4, -0.4]
    assert real_synthetic_auc(stretched, other) > 0.95


def test_more_features_than_images_are_no_obstacle():
    real, synthetic = drawn(20, 200), drawn(20, 200, seed=1)
    synthetic[:, :40] += 2.0
    assert real_synthetic_auc(real, synthetic) > 0.95


def test_scale_and_constant_features_do_not_matter():
    real, synthetic = drawn(30, 3), drawn(30, 3, seed=1, shift=0.5)
    value = real_synthetic_auc(real, synthetic)
    scaled = [np.column_stack([values * [1e-3, 1.0, 1e4] + 5.0, np.ones(30)]) for values in (real, synthetic)]
    assert real_synthetic_auc(*scaled) == pytest.approx(value, abs=0.02)


def test_all_images_equal_cannot_be_told_apart():
    assert real_synthetic_auc(np.ones((10, 2)), np.ones((10, 2))) == 0.5


def test_images_that_vary_along_a_line_only_can_be_told_apart():
    line = np.array([[1.0, 2.0, -1.0]])
    assert real_synthetic_auc(drawn(10, 1) @ line, drawn(10, 1, seed=1, shift=20.0) @ line) == 1.0
    assert real_synthetic_auc(np.repeat(line, 6, axis=0), np.repeat(line + 1, 6, axis=0)) == 1.0


def test_the_division_depends_on_the_seed_alone():
    real, synthetic = drawn(25, 3), drawn(25, 3, seed=1)
    before = np.random.get_state()[1].copy()
    found = [real_synthetic_auc(real, synthetic, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert np.array_equal(before, np.random.get_state()[1])


def test_swapping_the_sets_changes_little():
    real, synthetic = drawn(60, 3), drawn(50, 3, seed=1, shift=0.8)
    assert real_synthetic_auc(real, synthetic) == pytest.approx(real_synthetic_auc(synthetic, real), abs=0.05)


def test_without_groups_folds_hold_both_kinds_evenly():
    is_real = np.arange(33) < 23
    fold_of = separability._divide(is_real, np.arange(33), 5, 0)
    assert sorted(np.bincount(fold_of[is_real])) == [4, 4, 5, 5, 5]
    assert np.bincount(fold_of[~is_real]).tolist() == [2, 2, 2, 2, 2]


def test_a_group_is_never_divided():
    is_real = np.arange(40) < 20
    group_of = np.random.default_rng(0).permutation(np.arange(40) % 9)
    fold_of = separability._divide(is_real, group_of, 3, 0)
    assert all(len(set(fold_of[group_of == group])) == 1 for group in range(9))
    assert min(np.bincount(fold_of, minlength=3)) >= 9


def test_groups_keep_copies_of_one_patient_from_both_sides():
    patients = 8.0 * drawn(10, 30)  # each patient's images are alike, and each is of one kind
    names = [f"patient {index}" for index in range(10) for _ in range(6)]
    values = np.repeat(patients, 6, axis=0) + 0.1 * drawn(60, 30, seed=1)
    groups = names[:30], names[30:]
    leaked = real_synthetic_auc(values[:30], values[30:])
    honest = real_synthetic_auc(values[:30], values[30:], groups=groups)
    assert leaked > 0.99
    assert honest < 0.9


def test_images_and_groups_that_are_too_few_are_refused():
    with pytest.raises(ValueError, match="folds is 1"):
        real_synthetic_auc(drawn(9, 2), drawn(9, 2), folds=1)
    with pytest.raises(ValueError, match="4 groups of images, expected at least folds=5"):
        real_synthetic_auc(drawn(2, 2), drawn(2, 2))
    with pytest.raises(ValueError, match="expected at least 2 each"):
        real_synthetic_auc(drawn(9, 2), drawn(2, 2))
    with pytest.raises(ValueError, match="leave 0 real and 0 synthetic images to train on"):
        real_synthetic_auc(drawn(4, 2), drawn(4, 2), groups=([0, 0, 0, 0], [1, 1, 1, 1]), folds=2)


@pytest.mark.parametrize("groups", [([0], [0, 1]), ([0, 1, 2],), ([0, 1, 2], [0, 1, 2], [3])], ids=str)
def test_groups_that_do_not_fit_are_refused(groups):
    with pytest.raises(ValueError, match="one name for each image"):
        real_synthetic_auc(drawn(3, 2), drawn(2, 2), groups=groups)


def test_features_with_nan_are_refused():
    with pytest.raises(ValueError, match="real features hold NaN"):
        real_synthetic_auc(np.full((9, 2), np.nan), drawn(9, 2))


def test_shrinkage_is_that_of_ledoit_and_wolf_by_its_definition():
    mix = np.eye(5) + 0.8 * (1 - np.eye(5))
    real, synthetic = drawn(12, 5) @ mix, drawn(10, 5, seed=1) @ mix
    scale = np.concatenate([real, synthetic]).std(axis=0)
    rows = np.concatenate([real - real.mean(axis=0), synthetic - synthetic.mean(axis=0)]) / scale
    covariance = rows.T @ rows / 22
    target = np.trace(covariance) / 5 * np.eye(5)
    distance = np.square(covariance - target).sum()
    noise = sum(np.square(np.outer(row, row) - covariance).sum() for row in rows) / 22**2
    share = min(1.0, noise / distance)
    regular = share * target + (1 - share) * covariance
    expected = np.linalg.inv(regular) @ ((real.mean(axis=0) - synthetic.mean(axis=0)) / scale) / scale
    assert 0 < share < 1
    assert separability._discriminant(real, synthetic) == pytest.approx(expected)


def test_auc_by_ranks_counts_ties_half():
    assert separability._auc(np.array([1.0, 2.0, 2.0]), np.array([2.0, 0.0])) == (0 + 0.5 + 0.5 + 3) / 6


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_inception_score_goes_from_1_to_the_number_of_classes(classes):
    assert inception_score(np.full((5, classes), 1 / classes)) == pytest.approx(1.0)
    assert inception_score(np.eye(classes)) == pytest.approx(classes)
    assert inception_score(np.repeat(np.eye(classes)[:1], 4, axis=0)) == pytest.approx(1.0)


def test_inception_score_of_two_rows_by_hand():
    # p(y) = (1/2, 1/2); KL of (3/4, 1/4) from it is 0.75 log 1.5 + 0.25 log 0.5, and so is that of (1/4, 3/4)
    expected = math.exp(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert inception_score([[0.75, 0.25], [0.25, 0.75]]) == pytest.approx(expected)


def test_mode_score_is_the_inception_score_where_classes_occur_alike():
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], size=20)
    assert mode_score(rows, np.repeat(rows.mean(axis=0)[None], 5, axis=0)) == pytest.approx(inception_score(rows))


def test_mode_score_falls_where_a_class_is_missing_or_too_rare():
    real = np.eye(3)
    assert mode_score(np.eye(3), real) == pytest.approx(3.0)
    assert mode_score(np.eye(3)[:2], real) == pytest.approx(2 * 2 / 3)  # 2 / exp(log(1 / (2/3)))
    assert mode_score(np.eye(3)[:1], real) == pytest.approx(1 / 3)


def test_mode_score_is_0_for_a_class_that_no_real_image_has():
    assert mode_score(np.eye(3), np.eye(3)[:2]) == 0.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.5], [0.6, 0.6]], r"row 1 of probabilities is \[0.6, 0.6\]"),
        ([[1.5, -0.5]], "row 0 of probabilities"),
        ([[math.nan, 1.0]], "row 0 of probabilities"),
        ([0.5, 0.5], r"shape \(2,\)"),
        ([[1.0]], r"shape \(1, 1\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
    ],
    ids=["sum", "negative", "nan", "vector", "one-class", "no-image"],
)
def test_rows_that_are_no_probabilities_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        inception_score(rows)


def test_mode_score_refuses_other_classes_and_names_the_wrong_set():
    with pytest.raises(ValueError, match="2 classes, real ones of 3"):
        mode_score(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="row 0 of real_probabilities"):
        mode_score(np.eye(2), [[2.0, 3.0]])
