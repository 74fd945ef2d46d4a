"""Means with what they were taken of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Mean(NamedTuple):
    """A mean over the numbers that are finite.

    Args:
        mean: None where there is none.
        std: standard deviation from image to image; None below two.
        n: how many these are.
        infinite: numbers that were infinite, such as the PSNR of equal images, and are left out; NaN is too.
    """

    mean: float | None
    std: float | None
    n: int
    infinite: int


def mean_of(values: Iterable[float]) -> Mean:
    """Give the mean of numbers.

    Example:
        >>> mean_of([1.0, 3.0, math.inf, math.nan])
        Mean(mean=2.0, std=1.4142135623730951, n=2, infinite=1)
    """
    numbers = list(values)
    finite = [value for value in numbers if math.isfinite(value)]
    infinite = sum(math.isinf(value) for value in numbers)
    if not finite:
        return Mean(None, None, 0, infinite)
    mean = math.fsum(finite) / len(finite)
    squares = math.fsum((value - mean) ** 2 for value in finite)
    return Mean(mean, math.sqrt(squares / (len(finite) - 1)) if len(finite) > 1 else None, len(finite), infinite)
