"""What a gain is worth in labels: how many more real ones would have brought the same score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class LabelWorth(NamedTuple):
    """Number of labelled images at which the learning curve reaches a score.

    Args:
        labels: that number; the curve's first or last where the score lies outside of it.
        reached: ``"within"``, ``"below"`` the first point of the curve, or ``"beyond"`` its last.
    """

    labels: float
    reached: str


def labels_worth(curve: Mapping[int, float], score: float) -> LabelWorth:
    """Read off a learning curve of real labels at how many of them a score is reached.

    The curve is made to rise or stay (isotonic regression), since chance can make it fall, and runs straight over the
    logarithm of the number of labels between its points. Where it is level, the smallest number counts.

    Args:
        curve: score by number of labelled images, of one arm without synthetic images.
        score: of an arm with them.

    Returns:
        The number, and whether the curve says it or it lies outside.

    Raises:
        ValueError: for fewer than two points, a number below 1, or values that are not finite.

    Example:
        >>> labels_worth({4: 0.5, 16: 0.7, 64: 0.75}, 0.6)
        LabelWorth(labels=8.0, reached='within')
        >>> labels_worth({4: 0.5, 16: 0.7}, 0.71)
        LabelWorth(labels=16.0, reached='beyond')
    """
    from scipy.optimize import isotonic_regression

    numbers = np.array(sorted(curve), dtype=np.float64)
    scores = np.array([curve[int(number)] for number in numbers], dtype=np.float64)
    if len(numbers) < 2 or numbers[0] < 1 or not np.isfinite([*scores, score]).all():
        raise ValueError(
            f"the learning curve is {dict(curve)} and the score {score}, expected finite scores at two numbers of "
            "labelled images or more, each at least 1: run the arm without synthetic images at more numbers."
        )
    rising = isotonic_regression(scores).x
    if score < rising[0]:
        return LabelWorth(float(numbers[0]), "below")
    if score > rising[-1]:
        return LabelWorth(float(numbers[-1]), "beyond")
    upper = int(np.searchsorted(rising, score))  # the first point that reaches it
    if upper == 0 or rising[upper] == score:
        return LabelWorth(float(numbers[upper]), "within")
    share = (score - rising[upper - 1]) / (rising[upper] - rising[upper - 1])
    low, high = np.log(numbers[upper - 1 : upper + 1])
    return LabelWorth(round(float(np.exp(low + share * (high - low))), 6), "within")
