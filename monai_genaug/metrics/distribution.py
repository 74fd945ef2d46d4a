"""Distances between two sets of images, taken as samples of two distributions of features."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_genaug.metrics.features import check_feature_sets

Floats = NDArray[np.float64]
BLOCK_ELEMENTS = 2**22  # of a matrix of pairs that are in memory at once: 32 MB
MEDIAN_ROWS = 2000  # over which the median distance is taken: 16 MB of pairs


def frechet_distance(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Frechet distance of two sets of features, each taken as a Gaussian (Heusel et al. 2017, arXiv:1706.08500).

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2))``. With centred rows A and B, so that ``C1 = A'A`` and ``C2 = B'B``, the
    last trace is the sum of the singular values of ``A B'``: no root of a singular matrix is taken, and the result is
    accurate where there are fewer images than features too.

    The distance of finite samples is too large, the more so the fewer images there are (Binkowski et al. 2018,
    arXiv:1801.01401): compare only distances of equal numbers of images, with a distance of two sets of
    real ones beside them.

    Args:
        real: (N, D), one row an image, N at least 2.
        synthetic: (M, D), M at least 2.

    Returns:
        A number >= 0; 0 for equal means and covariances.

    Raises:
        ValueError: if shapes do not fit, rows are too few, or values are not finite.

    Warns:
        UserWarning: if N or M is below D + 1, where covariances are singular.

    Example:
        >>> real = np.random.default_rng(0).normal(size=(50, 3))
        >>> round(frechet_distance(real, real + [2, 0, 0]), 6)
        4.0
    """
    sets = check_feature_sets(real, synthetic)
    fewest, features = min(map(len, sets)), sets[0].shape[1]
    if fewest < features + 1:
        warnings.warn(
            f"the Frechet distance of {fewest} images in {features} features rests on a singular covariance and is far "
            f"too large: pass at least {features + 1} images, or use kernel_distance, which has no such bias.",
            stacklevel=2,
        )
    roots = [_covariance_root(values) for values in sets]
    overlap = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(np.square(root).sum() for root in roots) - 2.0 * overlap
    shift = np.square(sets[0].mean(axis=0) - sets[1].mean(axis=0)).sum()
    return max(0.0, float(shift + spread))


def kernel_distance(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Kernel inception distance of two sets of features (Binkowski et al. 2018, arXiv:1801.01401).

    The squared maximum mean discrepancy under the kernel ``(x'y / D + 1)^3``, by its unbiased estimate over all images;
    Binkowski et al. average over blocks of them.

    Args:
        real: (N, D), one row an image, N at least 2.
        synthetic: (M, D), M at least 2; may differ from N.

    Returns:
        A number whose mean is 0 for equal distributions, whatever N and M; below 0 by chance.

    Raises:
        ValueError: if shapes do not fit, rows are too few, or values are not finite.

    Example:
        >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]])
        7.0
    """
    sets = check_feature_sets(real, synthetic)
    features = sets[0].shape[1]
    return _unbiased_discrepancy(*sets, lambda a, b: (a @ b.T / features + 1.0) ** 3)


def maximum_mean_discrepancy(real: ArrayLike, synthetic: ArrayLike, *, bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy under a Gaussian kernel, unbiased (Gretton et al. 2012, JMLR 13, eq. 3).

    The kernel is ``exp(-|x - y|^2 / (2 bandwidth^2))``.

    Args:
        real: (N, D), one row an image, N at least 2.
        synthetic: (M, D), M at least 2; may differ from N.
        bandwidth: above 0, in the features' unit; None for the median distance of all pairs in both sets together
            (Gretton et al., section 8), over 2000 of the images at most. Give one to compare several sets.

    Returns:
        A number whose mean is 0 for equal distributions, at most 2; below 0 by chance.

    Raises:
        ValueError: if shapes do not fit, rows are too few, values are not finite, or `bandwidth` is not above 0.

    Example:
        >>> round(maximum_mean_discrepancy([[0.0], [0.0]], [[1.0], [1.0]], bandwidth=1.0), 4)
        0.7869
    """
    sets = check_feature_sets(real, synthetic)
    if bandwidth is None:
        bandwidth = _median_distance(np.concatenate(sets))
        if bandwidth == 0:
            raise ValueError("the median distance of two images is 0, so most are equal: give a bandwidth above 0.")
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"bandwidth is {bandwidth}, expected a finite number above 0, or None for the median.")
    scale = -0.5 / bandwidth**2
    return _unbiased_discrepancy(*sets, lambda a, b: np.exp(scale * _squared_distances(a, b)))


def distance_blocks(rows: Floats, columns: Floats) -> Iterator[tuple[slice, Floats]]:
    """Give squared Euclidean distances of all pairs, some rows at a time, so that memory stays small.

    A distance depends on its two vectors alone, to the last bit: of equal vectors it is 0, and ties are ties.

    Args:
        rows: (N, D).
        columns: (M, D).

    Yields:
        Which rows (a slice of N), and their distances to all columns (n, M).

    Example:
        >>> [block.tolist() for _, block in distance_blocks(np.array([[0.0]]), np.array([[1.0], [2.0]]))]
        [[[1.0, 4.0]]]
    """
    for part in _slices(len(rows), len(columns)):
        yield part, _squared_distances(rows[part], columns)


def _covariance_root(values: Floats) -> Floats:
    """Upper triangular R, with the covariance of rows (N, D) as R'R: (min(N, D), D)."""
    return np.linalg.qr((values - values.mean(axis=0)) / math.sqrt(len(values) - 1)).R


def _squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances (N, M), each summed over differences, which loses no digits."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b, "sqeuclidean"))


def _slices(rows: int, columns: int) -> Iterator[slice]:
    """Divide the rows of a matrix into blocks of limited size."""
    step = max(1, BLOCK_ELEMENTS // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _unbiased_discrepancy(real: Floats, synthetic: Floats, kernel: Callable[[Floats, Floats], Floats]) -> float:
    """Squared maximum mean discrepancy without the pairs of an image with itself (Gretton et al. 2012, eq. 3)."""
    within = sum(
        _kernel_sum(values, values, kernel, skip_self=True) / (len(values) * (len(values) - 1))
        for values in (real, synthetic)
    )
    between = _kernel_sum(real, synthetic, kernel, skip_self=False) / (len(real) * len(synthetic))
    return float(within - 2.0 * between)


def _kernel_sum(a: Floats, b: Floats, kernel: Callable[[Floats, Floats], Floats], *, skip_self: bool) -> float:
    """Sum a kernel over all pairs of two sets, or over all pairs of unequal rows of one."""
    total = 0.0
    for part in _slices(len(a), len(b)):
        block = kernel(a[part], b)
        total += float(block.sum() - (np.trace(block, offset=part.start) if skip_self else 0.0))
    return total


def _median_distance(pooled: Floats) -> float:
    """Median distance of two rows; of very many rows, some are taken evenly from their lexicographic order."""
    if len(pooled) > MEDIAN_ROWS:
        order = np.lexsort(pooled.T[::-1])  # independent of the order of the images
        pooled = pooled[order[:: math.ceil(len(pooled) / MEDIAN_ROWS)]]
    from scipy.spatial.distance import pdist

    return float(np.median(pdist(pooled)))
