"""Rank tests and their correction."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from monai_genaug.benchmark.significance import holm, wilcoxon_p


def test_p_is_the_share_of_signs_that_are_as_extreme():
    values = np.array([0.3, -0.1, 0.4, 0.5, 0.2, 0.7])
    ranks = np.argsort(np.argsort(np.abs(values))) + 1
    seen = min(ranks[values > 0].sum(), ranks[values < 0].sum())
    sums = [sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=6)]
    expected = np.mean([min(total, 21 - total) <= seen for total in sums])
    assert wilcoxon_p([values]) == pytest.approx(expected)


def test_seeds_and_images_of_a_group_are_averaged_first():
    rng = np.random.default_rng(0)
    groups = [0.1, 0.2, -0.05, 0.3, 0.4]
    values = np.tile(groups, (4, 3))
    noise = rng.normal(0, 0.2, values.shape)
    noise -= noise.mean(axis=0)  # that vanishes over the seeds
    names = list(range(5)) * 3
    assert wilcoxon_p(values + noise, names) == wilcoxon_p([groups]) == 0.125


def test_without_any_difference_p_is_one():
    assert wilcoxon_p(np.zeros((3, 8))) == 1.0


def test_on_noise_small_p_values_are_as_rare_as_they_say():
    rng = np.random.default_rng(1)
    found = np.mean([wilcoxon_p(rng.normal(size=(5, 18))) < 0.05 for _ in range(400)])
    assert 0.02 <= found <= 0.08


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        ([0.1, 0.2], None, r"shape \(2,\), expected finite scores \(seeds, images\)"),
        ([[0.1, np.nan]], None, "expected finite scores"),
        ([[0.1, 0.2]], ["a"], "got 1 groups for 2 images"),
        ([[0.1, 0.2]], ["a", "a"], "there is 1 test group"),
    ],
)
def test_wrong_differences_are_refused(values, groups, message):
    with pytest.raises(ValueError, match=message):
        wilcoxon_p(values, groups)


def test_corrected_values_are_those_worked_by_hand():
    assert holm({"a": 0.04, "b": 0.01, "c": 0.02}) == pytest.approx({"a": 0.04, "b": 0.03, "c": 0.04})


def test_corrected_values_stay_probabilities():
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"'b': 1\.5"):
        holm({"a": 0.1, "b": 1.5})
    with pytest.raises(ValueError, match="'a': nan"):
        holm({"a": float("nan")})
