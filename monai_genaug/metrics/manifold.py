"""How two sets of images overlap, told from nearest neighbours in feature space."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_genaug._checks import check_at_least
from monai_genaug.metrics.distribution import distance_blocks
from monai_genaug.metrics.features import check_feature_sets

Floats = NDArray[np.float64]


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: of synthetic images that look real, and of real images that the generator can make."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """How densely real images surround synthetic ones (>= 0), and the share of real images with one near, in [0, 1]."""

    density: float
    coverage: float


def precision_recall(real: ArrayLike, synthetic: ArrayLike, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al. 2019, arXiv:1904.06991, eqs. 1 and 2).

    Around each image of a set lies a ball that just reaches its k-th nearest neighbour in that set. Precision is the
    share of synthetic images in a ball of a real one, recall that of real images in a ball of a synthetic one. One
    outlier's wide ball can hold many images: see `density_coverage`. Both depend on the numbers of images.

    Args:
        real: (N, D), one row an image, N above k.
        synthetic: (M, D), M above k.
        k: neighbours, at least 1.

    Returns:
        `PrecisionRecall`; both are 1 for a set with itself.

    Raises:
        ValueError: if shapes do not fit, rows are too few, or values are not finite.

    Example:
        >>> precision_recall([[0.0], [1.0], [10.0], [11.0]], [[0.5], [0.75]], k=1)
        PrecisionRecall(precision=1.0, recall=0.25)
    """
    check_at_least(1, k=k)
    a, b = check_feature_sets(real, synthetic, least_real=k + 1, least_synthetic=k + 1)
    real_radii, synthetic_radii = _radii(a, k), _radii(b, k)
    held = np.zeros(len(b), dtype=bool)
    reached = np.zeros(len(a), dtype=bool)
    for part, distances in distance_blocks(a, b):
        held |= (distances <= real_radii[part, None]).any(axis=0)
        reached[part] = (distances <= synthetic_radii).any(axis=1)
    return PrecisionRecall(float(held.mean()), float(reached.mean()))


def density_coverage(real: ArrayLike, synthetic: ArrayLike, k: int = 5) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020, arXiv:2002.09797).

    Around each real image lies an open ball up to its k-th nearest real neighbour. Density is the number of balls that
    hold a synthetic image, over k and averaged; coverage the share of balls that hold a synthetic image. Open balls, as
    in the authors' program, give a set with itself the density 1.

    Args:
        real: (N, D), one row an image, N above k.
        synthetic: (M, D), M at least 1.
        k: neighbours, at least 1.

    Returns:
        `DensityCoverage`; density is about 1 for equal distributions and above 1 where synthetic images crowd where
        real ones are dense. Coverage is about 1 - 0.5^k for equal distributions and M = N.

    Raises:
        ValueError: if shapes do not fit, rows are too few, or values are not finite.

    Example:
        >>> density_coverage([[0.0], [1.0], [10.0], [11.0]], [[0.5], [0.75]], k=1)
        DensityCoverage(density=2.0, coverage=0.5)
    """
    check_at_least(1, k=k)
    a, b = check_feature_sets(real, synthetic, least_real=k + 1, least_synthetic=1)
    radii = _radii(a, k)
    inside, covered = 0, 0
    for part, distances in distance_blocks(a, b):
        held = distances < radii[part, None]
        inside += int(held.sum())
        covered += int(held.any(axis=1).sum())
    return DensityCoverage(inside / (k * len(b)), covered / len(a))


def nearest_neighbour_accuracy(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Tell how often an image's nearest neighbour among all others is of its own kind, real or synthetic.

    The leave-one-out 1-NN two-sample test (Lopez-Paz and Oquab 2017, arXiv:1610.06545; Xu et al. 2018,
    arXiv:1806.07755). The accuracies of real and of synthetic images are averaged, so that sets of unequal size count
    alike, and equal distributions give about 0.5 for these too. Where a real and a synthetic image are equally near,
    half is counted.

    Args:
        real: (N, D), one row an image, N at least 2.
        synthetic: (M, D), M at least 2.

    Returns:
        In [0, 1]: 0.5 is ideal, 1 where the sets lie apart, towards 0 where synthetic images copy the real ones.

    Raises:
        ValueError: if shapes do not fit, rows are too few, or values are not finite.

    Example:
        >>> nearest_neighbour_accuracy([[0.0], [1.0]], [[8.0], [9.0]])
        1.0
    """
    a, b = check_feature_sets(real, synthetic)
    to_synthetic, to_real = np.empty(len(a)), np.full(len(b), np.inf)
    for part, distances in distance_blocks(a, b):
        to_synthetic[part] = distances.min(axis=1)
        to_real = np.minimum(to_real, distances.min(axis=0))
    shares = [
        np.where(own == other, 0.5, own < other).mean()
        for own, other in ((_radii(a, 1), to_synthetic), (_radii(b, 1), to_real))
    ]
    return float(np.mean(shares))


def _radii(values: Floats, k: int) -> Floats:
    """Squared distance of each row to its k-th nearest other row: (N,)."""
    radii = np.empty(len(values))
    for part, distances in distance_blocks(values, values):
        np.fill_diagonal(distances[:, part], np.inf)  # an image is no neighbour of its own
        radii[part] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
