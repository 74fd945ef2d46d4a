"""What a classifier of the user's says of the images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from monai_genaug.metrics.separability import inception_score, mode_score


class ClassScores(NamedTuple):
    """Scores of a classifier's probabilities.

    Args:
        classes: their number.
        inception: inception score of the synthetic images.
        inception_real: of the real images.
        mode: mode score of the synthetic images.
        sizes: numbers of real and of synthetic images.
    """

    classes: int
    inception: float
    inception_real: float
    mode: float
    sizes: tuple[int, int]


def compare_classes(real: ArrayLike, synthetic: ArrayLike) -> ClassScores:
    """Score a classifier's answers.

    Args:
        real: logits (N, K), one row a real image.
        synthetic: logits (M, K).

    Returns:
        `ClassScores`.

    Raises:
        ValueError: if there are fewer than two classes.

    Example:
        >>> sure = [[50.0, 0.0], [0.0, 50.0]]
        >>> compare_classes(sure, sure)
        ClassScores(classes=2, inception=2.0, inception_real=2.0, mode=2.0, sizes=(2, 2))
    """
    from scipy.special import softmax

    true, made = (softmax(np.asarray(logits, dtype=np.float64), axis=1) for logits in (real, synthetic))
    return ClassScores(
        classes=made.shape[1],
        inception=inception_score(made),
        inception_real=inception_score(true),
        mode=mode_score(made, true),
        sizes=(len(true), len(made)),
    )
