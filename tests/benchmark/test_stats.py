"""Intervals of paired differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monai_genaug.benchmark.stats import paired_interval


def test_one_group_gives_the_t_interval_of_the_means_of_seeds():
    differences = np.random.default_rng(0).normal(0.02, 0.05, (5, 12))
    expected = stats.ttest_1samp(differences.mean(axis=1), 0.0).confidence_interval(0.9)
    interval = paired_interval(differences, groups=["a"] * 12, level=0.9)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert (interval.n, interval.method) == (5, "t interval over 5 seeds")


def test_where_only_seeds_differ_it_is_the_t_interval_of_their_means():
    means = np.random.default_rng(0).normal(0.02, 0.05, (5, 1))
    expected = stats.ttest_1samp(means[:, 0], 0.0).confidence_interval()
    interval = paired_interval(np.repeat(means, 9, axis=1))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_where_only_groups_differ_it_is_the_t_interval_of_their_means():
    means = np.random.default_rng(1).normal(0.02, 0.05, (1, 9))
    expected = stats.ttest_1samp(means[0], 0.0).confidence_interval()
    interval = paired_interval(np.repeat(means, 4, axis=0))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_variances_of_seeds_and_groups_add_up():
    seeds, groups = np.array([[-2.0], [0.0], [2.0]]), np.array([[-1.0, 0.0, 1.0, -3.0, 3.0]])
    interval = paired_interval(seeds + groups)  # nothing is left beside these two
    of_mean = np.array([seeds.var(ddof=1) / 3, groups.var(ddof=1) / 5])
    freedom = of_mean.sum() ** 2 / (of_mean**2 / [2, 4]).sum()
    assert interval.high == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(of_mean.sum()))
    assert interval.low == pytest.approx(-interval.high)
    assert interval.method == "t interval over 3 seeds and 5 test groups"


def test_copies_of_an_image_in_a_group_do_not_narrow_the_interval_of_several_seeds():
    values = np.random.default_rng(2).normal(0, 1, (4, 15))
    copies = paired_interval(np.repeat(values, 3, axis=1), groups=np.repeat(range(15), 3).tolist())
    assert copies[:4] == pytest.approx(paired_interval(values)[:4])


def test_with_several_seeds_too_the_mean_weighs_images_and_not_groups():
    assert paired_interval([[0.0, 0.0, 0.0, 0.4]] * 2, groups=["a", "a", "a", "b"]).mean == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("of_seeds", "of_images", "rest"),
    [(0.0, 0.0, 1.0), (0.3, 0.5, 1.0), (0.5, 0.0, 1.0), (0.0, 0.5, 1.0), (1.0, 0.3, 0.5), (0.2, 1.0, 0.5)],
    ids=["rest", "all", "seeds and rest", "images and rest", "seeds most", "images most"],
)
def test_on_noise_of_5_seeds_and_18_images_95_percent_intervals_cover_0_in_90_to_97_of_100_runs(
    of_seeds, of_images, rest
):
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        noise = (
            of_seeds * rng.normal(size=(5, 1)) + of_images * rng.normal(size=(1, 18)) + rest * rng.normal(size=(5, 18))
        )
        interval = paired_interval(noise)
        covered += interval.low <= 0 <= interval.high
    assert 0.90 <= covered / 400 <= 0.97


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
