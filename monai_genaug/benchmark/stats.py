"""Intervals of the paired difference between two arms."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_genaug._rng import derive_seed

RESAMPLES = 10_000


class PairedInterval(NamedTuple):
    """A mean difference with its interval, in the units of the scores.

    Args:
        mean: mean difference.
        low: lower end of the interval.
        high: upper end.
        n: number of independent units that the interval rests on: seeds or groups.
        method: how it was found, for people.
    """

    mean: float
    low: float
    high: float
    n: int
    method: str


def paired_interval(
    differences: ArrayLike, *, groups: Sequence[Hashable] | None = None, level: float = 0.95, seed: int = 0
) -> PairedInterval:
    """Give the mean paired difference of two arms, with a confidence interval over seeds or over test groups.

    From two seeds on, the interval is that of the t distribution over the means of the seeds: it says how the
    difference varies from training to training, on these test images. With one seed, it is a bootstrap over groups of
    test images: it says how the difference of these two networks varies with the test images.

    Args:
        differences: (R, N), score of the second arm minus that of the first, for R seeds and N test images.
        groups: N names; images of one group are not independent and are drawn together. By default each image is a
            group. Not used from two seeds on.
        level: confidence, between 0 and 1.
        seed: of the bootstrap.

    Returns:
        Mean, interval, number of seeds or groups, and the method.

    Raises:
        ValueError: for another shape, NaN, or fewer than two independent units.

    Example:
        >>> interval = paired_interval([[0.1, 0.3], [0.0, 0.2], [0.2, 0.4]])
        >>> round(interval.mean, 2), round(interval.low, 2), round(interval.high, 2), interval.n
        (0.2, -0.05, 0.45, 3)
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"differences have the shape {values.shape}, expected (seeds, images), none of them 0.")
    if not np.isfinite(values).all():
        raise ValueError("differences hold NaN or Inf, expected finite scores: check the scores of both arms.")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level!r}, expected a number between 0 and 1: pass for example level=0.95.")
    if len(values) > 1:
        return _over_seeds(values.mean(axis=1), level)
    names: list[Hashable] = list(range(values.shape[1]) if groups is None else groups)
    if len(names) != values.shape[1]:
        raise ValueError(f"got {len(names)} groups for {values.shape[1]} images: give one group an image.")
    return _over_groups(values[0], names, level, seed)


def _over_seeds(means: NDArray[np.float64], level: float) -> PairedInterval:
    """Interval of Student's t over independent runs."""
    from scipy import stats

    n, mean = len(means), float(means.mean())
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * float(means.std(ddof=1)) / np.sqrt(n)
    return PairedInterval(mean, float(mean - half), float(mean + half), n, f"t interval over {n} seeds")


def _over_groups(values: NDArray[np.float64], names: list[Hashable], level: float, seed: int) -> PairedInterval:
    """Percentile bootstrap over groups, widened for few of them (Hesterberg 2015, The American Statistician 69)."""
    from scipy import stats

    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    member_of = np.array([numbers[name] for name in names])
    n = len(numbers)
    if n < 2:
        raise ValueError(
            f"there is {n} group of test images for one seed, expected at least 2 to say how the difference varies: "
            "add test images of other groups, or run several seeds."
        )
    sums, sizes = np.bincount(member_of, values), np.bincount(member_of)
    rng = np.random.default_rng(derive_seed(seed, "bootstrap"))
    draws = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)  # (resamples, groups), how often each is drawn
    means = (draws @ sums) / (draws @ sizes)
    tail = stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf((1 - level) / 2, n - 1))
    low, high = np.quantile(means, [tail, 1 - tail])
    return PairedInterval(float(values.mean()), float(low), float(high), n, f"bootstrap over {n} test groups, one seed")
