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
    """Give the mean paired difference of two arms, with a confidence interval over seeds and test groups.

    With one seed, it is a bootstrap over groups of test images: it says how the difference of these two networks varies
    with the test images. With several, seeds and groups are both taken as drawn at random, and each seed meets each
    group: the variance of the mean is that of seeds and of groups and of what is left (two-way random effects), and
    the interval is Student's with the degrees of freedom of Satterthwaite 1946, "An Approximate Distribution of
    Estimates of Variance Components". A bootstrap over both (Owen 2007, "The pigeonhole bootstrap") is not taken: on
    normal noise of 5 seeds and 18 groups, shared out in six ways, it covered the truth in 86 % to 99.8 % of 400
    repeats; this interval in 93 % to 99 %, but on strongly skewed (log-normal) noise in 84 % to 95 %.

    Args:
        differences: (R, N), score of the second arm minus that of the first, for R seeds and N test images.
        groups: N names; images of one group are not independent and are drawn together. By default each image is a
            group. With one group the interval is over seeds alone.
        level: confidence, between 0 and 1.
        seed: of the bootstrap.

    Returns:
        Mean, interval, number of seeds or, for one seed, of groups, and the method.

    Raises:
        ValueError: for another shape, NaN, or fewer than two independent units.

    Example:
        >>> interval = paired_interval([[0.1, 0.3], [0.0, 0.2], [0.2, 0.4]])
        >>> round(interval.mean, 2), interval.n, interval.method
        (0.2, 3, 't interval over 3 seeds and 2 test groups')
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"differences have the shape {values.shape}, expected (seeds, images), none of them 0.")
    if not np.isfinite(values).all():
        raise ValueError("differences hold NaN or Inf, expected finite scores: check the scores of both arms.")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level!r}, expected a number between 0 and 1: pass for example level=0.95.")
    names: list[Hashable] = list(range(values.shape[1]) if groups is None else groups)
    if len(names) != values.shape[1]:
        raise ValueError(f"got {len(names)} groups for {values.shape[1]} images: give one group an image.")
    if len(values) > 1:
        return _over_seeds(values, names, level)
    return _over_groups(values[0], names, level, seed)


def _over_seeds(values: NDArray[np.float64], names: list[Hashable], level: float) -> PairedInterval:
    """Interval of Student's t over seeds crossed with groups; over seeds alone, if there is one group."""
    from scipy import stats

    mean, seeds = float(values.mean()), len(values)
    by_group = _group_effects(values, names)  # (R, G)
    groups = by_group.shape[1]
    rows = by_group.mean(axis=1, keepdims=True)
    seeds_ms = groups * float(((rows - mean) ** 2).sum()) / (seeds - 1)
    variance, freedom, method = seeds_ms / by_group.size, seeds - 1.0, f"t interval over {seeds} seeds"
    if groups > 1:
        columns = by_group.mean(axis=0, keepdims=True)
        groups_ms = seeds * float(((columns - mean) ** 2).sum()) / (groups - 1)
        left = (seeds - 1) * (groups - 1)
        left_ms = float(((by_group - rows - columns + mean) ** 2).sum()) / left
        variance, freedom = _crossed((seeds_ms, seeds - 1), (groups_ms, groups - 1), (left_ms, left))
        variance /= by_group.size
        method += f" and {groups} test groups"
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * np.sqrt(variance)
    return PairedInterval(mean, float(mean - half), float(mean + half), seeds, method)


def _crossed(seeds: tuple[float, int], groups: tuple[float, int], left: tuple[float, int]) -> tuple[float, float]:
    """Give variance (times the number of cells) and degrees of freedom of a mean, from mean squares and theirs.

    What would be a negative variance of seeds or groups is none.
    """
    with_seeds, with_groups = seeds[0] > left[0], groups[0] > left[0]
    if with_seeds and with_groups:
        variance = seeds[0] + groups[0] - left[0]
        parts = sum(square**2 / freedom for square, freedom in (seeds, groups, left))
        return variance, max(1.0, variance**2 / parts)
    return seeds if with_seeds else groups if with_groups else left


def _group_effects(values: NDArray[np.float64], names: list[Hashable]) -> NDArray[np.float64]:
    """Give one column for each group (R, G), with equal weights the mean of all images.

    A group of more images weighs more: its distance from the mean is stretched by its share (linearisation of a ratio).
    """
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    member = np.zeros((len(names), len(numbers)))
    member[np.arange(len(names)), [numbers[name] for name in names]] = len(numbers) / len(names)
    mean = values.mean()
    effects: NDArray[np.float64] = mean + (values - mean) @ member
    return effects


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
