"""Intervals of measures that compare two sets of images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_genaug._checks import check_at_least
from monai_genaug._rng import derive_seed
from monai_genaug.metrics.features import check_feature_sets


class SubsampleInterval(NamedTuple):
    """A measure of all images, its interval, and its mean over subsamples of the given sizes (real, synthetic)."""

    value: float
    low: float
    high: float
    subsample_mean: float
    subsample_sizes: tuple[int, int]


def subsample_interval(
    measure: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    real: ArrayLike,
    synthetic: ArrayLike,
    *,
    share: float = 0.5,
    repeats: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> SubsampleInterval:
    """Give the interval of a measure of two sets by drawing subsamples without replacement (Politis and Romano 1994).

    The bootstrap draws with replacement; its duplicates are each other's nearest neighbours, and biased are all
    measures that look at pairs of images. Subsamples have none. With b of n images in a subsample, deviations of the
    subsamples' values from their mean are multiplied by ``sqrt(b / (n - b))``, which gives them the spread of a measure
    of n images: ``sqrt(b / n)`` for the size (Politis and Romano 1994, Annals of Statistics 22, theorem 2.1), over
    ``sqrt(1 - b / n)`` since a subsample overlaps with the sample; it is the scale of the delete-d jackknife (Shao and
    Wu 1989, Annals of Statistics 17; of its quantiles Wu 1990, Annals of Statistics 18). At a share of 0.5 the factor
    is 1. The interval is value - upper quantile to value - lower quantile.

    What it says and what not: it is the scatter from one draw of n images to the next, for a measure whose spread falls
    with ``1 / sqrt(n)``. It is too wide where that falls faster, as that of `kernel_distance` does for equal
    distributions. A measure that depends on the number of images, such as `frechet_distance`, keeps its bias: it shows
    as the difference of `value` and `subsample_mean`. Rows are taken as independent; the interval is too narrow for
    several crops of one image, and for shares close to 0 or 1, beyond which it may reach.

    Args:
        measure: gives a number for features (n, D) and (m, D), such as `kernel_distance`.
        real: (N, D), one row an image.
        synthetic: (M, D).
        share: of the images of each set in a subsample, between 0 and 1.
        repeats: number of subsamples, at least 2 / (1 - level).
        level: of the interval, between 0 and 1.
        seed: of the draws.

    Returns:
        `SubsampleInterval`.

    Raises:
        ValueError: if an argument is out of its range, shapes do not fit, or the measure gives NaN or Inf.

    Example:
        >>> def difference(real, synthetic):
        ...     return float(real.mean() - synthetic.mean())
        >>> rng = np.random.default_rng(0)
        >>> found = subsample_interval(difference, rng.normal(1, 1, (100, 1)), rng.normal(0, 1, (100, 1)))
        >>> found.low < 1 < found.high
        True
    """
    _check(share, repeats, level)
    sets = check_feature_sets(real, synthetic)
    total = sum(map(len, sets))
    sizes = tuple(min(len(values) - 1, max(1, round(share * len(values)))) for values in sets)
    value = _finite(measure(*sets))
    found = []
    for repeat in range(repeats):
        rng = np.random.default_rng(derive_seed(seed, "subsample", repeat))
        parts = [values[rng.choice(len(values), size, replace=False)] for values, size in zip(sets, sizes, strict=True)]
        found.append(_finite(measure(*parts)))
    mean = float(np.mean(found))
    scale = math.sqrt(sum(sizes) / (total - sum(sizes)))
    lower, upper = np.quantile(scale * (np.array(found) - mean), [(1 - level) / 2, (1 + level) / 2])
    return SubsampleInterval(value, value - float(upper), value - float(lower), mean, (sizes[0], sizes[1]))


def _check(share: float, repeats: int, level: float) -> None:
    """Refuse settings that give no interval."""
    for name, number in (("share", share), ("level", level)):
        if not 0.0 < number < 1.0:
            raise ValueError(f"{name} is {number}, expected a number between 0 and 1, neither of them.")
    check_at_least(2, repeats=repeats)
    if repeats * (1.0 - level) < 2.0 - 1e-9:
        raise ValueError(
            f"repeats is {repeats}, expected at least {math.ceil(2.0 / (1.0 - level) - 1e-9)} for a level of {level}."
        )


def _finite(value: float) -> float:
    """Refuse what a measure cannot mean."""
    if not math.isfinite(value):
        raise ValueError(f"the measure gave {value}, expected a finite number: check it on these features.")
    return float(value)
