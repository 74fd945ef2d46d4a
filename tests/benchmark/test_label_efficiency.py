"""What a score is worth in labels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monai_genaug.benchmark.label_efficiency import labels_worth

CURVE = {3: 0.810, 6: 0.817, 12: 0.832, 24: 0.845, 45: 0.844}


@pytest.mark.parametrize(("labels", "score"), [(3, 0.810), (6, 0.817), (12, 0.832)])
def test_a_point_of_the_curve_is_worth_its_labels(labels, score):
    assert labels_worth(CURVE, score) == (labels, "within")


def test_between_points_it_is_straight_over_the_logarithm():
    assert labels_worth(CURVE, (0.817 + 0.832) / 2).labels == pytest.approx(math.sqrt(6 * 12))


def test_a_curve_that_falls_by_chance_is_level_there():
    assert labels_worth(CURVE, 0.8445) == (24, "within")  # the mean of 0.845 and 0.844
    assert labels_worth(CURVE, 0.8449) == (45, "beyond")


def test_scores_outside_the_curve_are_said_to_be():
    assert labels_worth(CURVE, 0.80) == (3, "below")
    assert labels_worth(CURVE, 0.90) == (45, "beyond")


@given(
    scores=st.lists(st.floats(0, 1), min_size=2, max_size=6),
    pair=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_better_score_is_never_worth_less(scores, pair):
    curve = {2**power: score for power, score in enumerate(scores)}
    low, high = (labels_worth(curve, score).labels for score in sorted(pair))
    assert low <= high + 1e-6


@pytest.mark.parametrize(
    ("curve", "score"),
    [({3: 0.5}, 0.5), ({0: 0.1, 3: 0.5}, 0.3), ({3: 0.1, 6: math.nan}, 0.3), ({3: 0.1, 6: 0.2}, math.nan)],
)
def test_what_is_no_curve_is_refused(curve, score):
    with pytest.raises(ValueError, match="the learning curve is"):
        labels_worth(curve, score)
