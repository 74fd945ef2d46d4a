"""Sets of features against each other, with the floor."""

from __future__ import annotations

import numpy as np
import pytest

from monai_genaug.evaluation.distribution import Comparison, compare_features, draw_parts
from monai_genaug.metrics import kernel_distance

NAMES = ["KID", "FID", "MMD", "precision", "recall", "density", "coverage", "1-NN accuracy", "real-synthetic AUC"]


def compare(real: int, synthetic: int, *, shift: float = 0.0, draws: int = 3, seed: int = 0, groups=None):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(real, 3)), rng.normal(size=(synthetic, 3)) + shift
    groups = groups or (list(range(real)), list(range(real, real + synthetic)))
    parts = draw_parts(groups[0], synthetic, count=draws, seed=seed)
    found = compare_features(a, b, groups=groups, draws=parts, repeats=40, seed=seed)
    return {comparison.name: comparison for comparison in found}


def test_kid_comes_first_and_every_measure_has_value_interval_and_floor():
    found = compare(60, 50)
    assert list(found) == NAMES
    for comparison in found.values():
        assert (comparison.sizes, comparison.equal_size, comparison.reason) == ((60, 50), 30, "")
        assert comparison.interval[0] <= comparison.value <= comparison.interval[1]
        assert comparison.floor_range[0] <= comparison.floor <= comparison.floor_range[1]


def test_values_are_those_of_the_metrics():
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(20, 3)), rng.normal(size=(12, 3))
    groups = (range(20), range(20, 32))
    [kid, *_] = compare_features(real, synthetic, groups=groups, draws=[], repeats=40)
    assert kid.value == kernel_distance(real, synthetic)


def test_a_shift_is_worse_than_any_draw_of_real_images():
    assert all(comparison.exceeds_floor for comparison in compare(60, 60, shift=9.0).values())


def test_draws_of_one_distribution_are_mostly_not():
    found = compare(60, 60, draws=20)
    assert sum(comparison.exceeds_floor for comparison in found.values()) <= 1


@pytest.mark.parametrize(
    ("better", "equal", "worse"),
    [("lower", 3.1, True), ("lower", 0.0, False), ("higher", 0.9, True), ("0.5", 0.0, False), ("0.5", 4.0, True)],
)
def test_worse_depends_on_where_good_values_are(better, equal, worse):
    comparison = Comparison("x", better, (9, 9), equal=equal, floor=2.0, floor_range=(1.0, 3.0))
    assert comparison.exceeds_floor == worse


@pytest.mark.parametrize(
    ("count", "left"), [(1, []), (3, NAMES[:3] + ["1-NN accuracy"]), (5, NAMES[:5] + ["1-NN accuracy"]), (10, NAMES)]
)
def test_measures_that_need_more_images_are_left_out_with_the_reason(count, left):
    found = compare(count, count)
    assert [name for name in NAMES if found[name].value is not None] == left
    for name in set(NAMES) - set(left):
        assert f"there are {count} real and {count} synthetic images" in found[name].reason


def test_few_images_give_a_value_without_interval_and_floor():
    precision = compare(6, 6)["precision"]
    assert precision.value is not None
    assert (precision.interval, precision.floor) == (None, None)
    assert "no interval" in precision.reason
    assert "no floor" in precision.reason


def test_groups_that_leave_nothing_to_train_on_are_a_reason():
    auc = compare(12, 12, groups=([0] * 12, [1] * 12))["real-synthetic AUC"]
    assert (auc.value, "there are 2 groups of images" in auc.reason) == (None, True)


def test_equal_images_have_no_mmd():
    rows = np.ones((8, 3))
    found = compare_features(rows, rows, groups=(range(8), range(8, 16)), draws=[], repeats=40)
    assert "bandwidth is 0.0" in {comparison.name: comparison.reason for comparison in found}["MMD"]


def test_halves_share_no_group_and_are_of_one_size():
    groups = [0, 0, 0, 1, 1, 2, 3, 4, 5, 6]
    draws = draw_parts(groups, 100, count=20, seed=0)
    assert len({tuple(sorted(draw.real)) for draw in draws}) > 10
    for draw in draws:
        assert {len(part) for part in draw} == {4}
        assert not {groups[i] for i in draw.real} & {groups[i] for i in draw.other_real}


def test_draws_are_no_larger_than_the_synthetic_set_and_repeat():
    draws = [draw_parts(list(range(20)), 3, count=2, seed=5) for _ in range(2)]
    assert [len(part) for part in draws[0][0]] == [3, 3, 3]
    assert all((a.real == b.real).all() and (a.synthetic == b.synthetic).all() for a, b in zip(*draws, strict=True))


def test_one_group_alone_gives_no_halves():
    assert draw_parts([0, 0, 0], 3, count=2, seed=0) == []


def test_equal_seeds_give_equal_figures():
    assert compare(20, 20, seed=3) == compare(20, 20, seed=3)
