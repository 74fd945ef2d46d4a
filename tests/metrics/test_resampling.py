from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from monai_genaug.metrics.distribution import kernel_distance
from monai_genaug.metrics.manifold import nearest_neighbour_accuracy
from monai_genaug.metrics.resampling import subsample_interval


def drawn(*shape, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) + shift


def difference(real, synthetic):
    return float(real.mean() - synthetic.mean())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_intervals_hold_a_difference_of_means_as_often_as_they_say(share):
    held = Counter()
    for index in range(150):
        found = subsample_interval(
            difference, drawn(60, 1, seed=index, shift=0.3), 2 * drawn(60, 1, seed=900 + index), share=share, seed=index
        )
        held[found.low <= 0.3 <= found.high] += 1
    assert 0.88 <= held[True] / 150 <= 0.99  # 0.95 less the error of 100 quantiles and of 150 intervals


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_width_is_that_of_the_whole_sample_whatever_the_share(share):
    real, synthetic = drawn(200, 1), 2 * drawn(200, 1, seed=1)
    found = subsample_interval(difference, real, synthetic, share=share, repeats=1000)
    expected = 2 * 1.96 * math.sqrt(real.var() / 200 + synthetic.var() / 200)
    assert found.high - found.low == pytest.approx(expected, rel=0.1)


def test_a_lower_level_gives_a_narrower_interval():
    wide, narrow = (subsample_interval(difference, drawn(50, 1), drawn(50, 1, seed=1), level=p) for p in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.value == narrow.value


def test_subsamples_have_no_duplicates_and_the_stated_sizes():
    sizes = []

    def measure(real, synthetic):
        assert len(np.unique(real)) == len(real)
        assert len(np.unique(synthetic)) == len(synthetic)
        sizes.append((len(real), len(synthetic)))
        return difference(real, synthetic)

    found = subsample_interval(measure, drawn(21, 1), drawn(10, 1, seed=1), share=0.3)
    assert sizes == [(21, 10)] + [(6, 3)] * 100
    assert found.subsample_sizes == (6, 3)


def test_a_subsample_never_is_the_whole_set_or_empty():
    assert subsample_interval(difference, drawn(2, 1), drawn(3, 1), share=0.99).subsample_sizes == (1, 2)
    assert subsample_interval(difference, drawn(2, 1), drawn(3, 1), share=0.01).subsample_sizes == (1, 1)


def test_a_bias_by_the_number_of_images_shows_and_does_not_move_the_interval():
    def biased(real, synthetic):
        return difference(real, synthetic) + 100 / len(real)

    plain = subsample_interval(difference, drawn(50, 1), drawn(50, 1, seed=1))
    found = subsample_interval(biased, drawn(50, 1), drawn(50, 1, seed=1))
    assert (found.low, found.high) == pytest.approx((plain.low + 2, plain.high + 2))
    assert found.subsample_mean - found.value == pytest.approx(plain.subsample_mean - plain.value + 2)


def test_intervals_depend_on_the_seed_alone():
    sets = drawn(30, 2), drawn(30, 2, seed=1)
    before = np.random.get_state()[1].copy()
    first, again, other = (subsample_interval(difference, *sets, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.value == other.value
    assert (first.low, first.high) != (other.low, other.high)
    assert np.array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("measure", [kernel_distance, nearest_neighbour_accuracy])
def test_intervals_tell_different_sets_from_equal_ones(measure):
    ideal = 0.0 if measure is kernel_distance else 0.5
    equal = subsample_interval(measure, drawn(40, 4), drawn(40, 4, seed=1))
    apart = subsample_interval(measure, drawn(40, 4), drawn(40, 4, seed=1, shift=1.5))
    assert equal.low <= ideal <= equal.high
    assert apart.low > ideal


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 0.0}, "share is 0.0"),
        ({"share": 1.0}, "share is 1.0"),
        ({"level": 1.0}, "level is 1.0"),
        ({"level": math.nan}, "level is nan"),
        ({"repeats": 39}, "repeats is 39, expected at least 40 for a level of 0.95"),
        ({"repeats": 1, "level": 0.1}, "repeats is 1"),
    ],
    ids=str,
)
def test_settings_that_give_no_interval_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        subsample_interval(difference, drawn(9, 1), drawn(9, 1), **settings)


def test_as_many_repeats_as_the_error_asks_for_are_enough():
    assert subsample_interval(difference, drawn(9, 1), drawn(9, 1, seed=1), repeats=40).low < 1


def test_a_measure_that_gives_nan_is_refused():
    with pytest.raises(ValueError, match="the measure gave nan"):
        subsample_interval(lambda real, synthetic: math.nan, drawn(9, 1), drawn(9, 1))


def test_features_with_nan_are_refused():
    with pytest.raises(ValueError, match="real features hold NaN"):
        subsample_interval(difference, np.full((9, 1), np.nan), drawn(9, 1))
