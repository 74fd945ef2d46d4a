"""A classifier's answers."""

from __future__ import annotations

import pytest

from monai_genaug.evaluation.classes import compare_classes


def test_a_missing_class_lowers_the_mode_score_alone():
    first, second, third = ([50.0 if i == j else 0.0 for j in range(3)] for i in range(3))
    scores = compare_classes([first, second, third] * 2, [first, second])
    assert (scores.classes, scores.sizes) == (3, (6, 2))
    assert (scores.inception_real, scores.inception) == pytest.approx((3.0, 2.0))
    assert scores.mode == pytest.approx(2 / 1.5)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 1 image and 2 classes"):
        compare_classes([[1.0]], [[1.0]])
