"""Intervals of paired differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monai_genaug.benchmark.stats import paired_interval


def test_two_or_more_seeds_give_the_t_interval_of_their_means():
    differences = np.random.default_rng(0).normal(0.02, 0.05, (5, 12))
    expected = stats.ttest_1samp(differences.mean(axis=1), 0.0).confidence_interval(0.9)
    interval = paired_interval(differences, level=0.9)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert (interval.n, interval.method) == (5, "t interval over 5 seeds")


def test_one_seed_gives_the_bootstrap_of_scipy_at_the_widened_level():
    values = np.random.default_rng(1).gamma(2.0, 0.02, 25)
    interval = paired_interval([values])
    widened = 1 - 2 * stats.norm.cdf(np.sqrt(25 / 24) * stats.t.ppf(0.025, 24))
    reference = stats.bootstrap((values,), np.mean, confidence_level=widened, method="percentile", n_resamples=20_000)
    assert interval.mean == pytest.approx(values.mean())
    spread = np.ptp(reference.confidence_interval)
    assert abs(interval.low - reference.confidence_interval.low) < 0.03 * spread
    assert abs(interval.high - reference.confidence_interval.high) < 0.03 * spread


def test_the_mean_weighs_images_and_not_groups():
    interval = paired_interval([[0.0, 0.0, 0.0, 0.4]], groups=["a", "a", "a", "b"])
    assert interval.mean == pytest.approx(0.1)
    assert (interval.n, interval.method) == (2, "bootstrap over 2 test groups, one seed")


def test_equal_images_of_a_group_do_not_narrow_the_interval():
    values = np.random.default_rng(2).normal(0, 1, 15)
    single = paired_interval([values], groups=list(range(15)))
    copies = paired_interval([np.repeat(values, 4)], groups=np.repeat(range(15), 4).tolist())
    assert (copies.low, copies.high) == pytest.approx((single.low, single.high))
    alone = paired_interval([np.repeat(values, 4)])
    assert alone.high - alone.low < 0.6 * (copies.high - copies.low)


def test_equal_arms_give_an_interval_of_no_width():
    assert paired_interval([[0.0] * 6])[:4] == (0.0, 0.0, 0.0, 6)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(3).normal(0, 1, (1, 8))
    assert paired_interval(values, seed=5) == paired_interval(values, seed=5)
    assert paired_interval(values, seed=5) != paired_interval(values, seed=6)


@pytest.mark.parametrize(("units", "level"), [(8, 0.95), (20, 0.8)])
def test_the_bootstrap_covers_the_true_mean_about_as_often_as_it_says(units, level):
    rng = np.random.default_rng(4)
    runs = 200
    covered = 0
    for run in range(runs):
        group_effects = rng.normal(0.1, 1.0, units)
        values = np.repeat(group_effects, 2) + rng.normal(0, 0.3, 2 * units)
        interval = paired_interval([values], groups=np.repeat(range(units), 2).tolist(), level=level, seed=run)
        covered += interval.low <= 0.1 <= interval.high
    error = np.sqrt(level * (1 - level) / runs)
    assert abs(covered / runs - level) < 3 * error


@pytest.mark.parametrize(
    ("differences", "groups", "message"),
    [
        ([0.1, 0.2], None, r"shape \(2,\), expected \(seeds, images\)"),
        (np.zeros((1, 0)), None, r"shape \(1, 0\), expected \(seeds, images\)"),
        ([[0.1, float("nan")]], None, "hold NaN or Inf"),
        ([[0.1, 0.2]], ["a"], "got 1 groups for 2 images"),
        ([[0.1, 0.2]], ["a", "a"], "there is 1 group of test images for one seed, expected at least 2"),
    ],
)
def test_wrong_input_is_refused(differences, groups, message):
    with pytest.raises(ValueError, match=message):
        paired_interval(differences, groups=groups)


def test_a_level_of_95_is_refused():
    with pytest.raises(ValueError, match="level is 95, expected a number between 0 and 1"):
        paired_interval([[0.1, 0.2]], level=95)
