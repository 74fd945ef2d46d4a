"""Populations of nuclei in plain numbers: one for each label map that they were measured in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_probability
from monai_genaug.masks.statistics import LabelStatistics, measure_labels, unit_ball

Floats = NDArray[np.float64]
PRIOR = 3.0  # objects, and twice as many pairs: how much what all maps have in common counts in each of them
PAIRS = (3.0, 8.0)  # radii: pairs of objects at these distances tell how they gather, nearer ones touch


@dataclass(frozen=True)
class Population:
    """The nuclei of one label map, in numbers that hold in 2D and in 3D.

    Args:
        coverage: share of the map that they would cover if all found room, from 0 to 1.
        radius: mean radius of the circle or ball of equal volume, in voxels, above 0.
        radius_spread: its standard deviation, relative to it, from 0 on.
        eccentricity: mean eccentricity, in [0, 1): 0 is a circle; in 3D of longest and shortest axis.
        eccentricity_spread: its standard deviation, from 0 on.
        roughness: standard deviation of the rim's distance from the ellipse, relative to the radius, from 0 to 1.
        clustering: 1 - 1/g in [0, 1), where g is how much likelier two of them lie a few radii apart than points thrown
            at random: 0 is even, 0.5 is twice as likely.
        touching: share of them that touch another one, from 0 to 1.

    Raises:
        ValueError: for a number out of its range.

    Example:
        >>> round(Population(radius=6.0, radius_spread=0.5).mean_volume(2) / Population(radius=6.0).mean_volume(2), 2)
        1.2
    """

    coverage: float = 0.15
    radius: float = 9.0
    radius_spread: float = 0.2
    eccentricity: float = 0.6
    eccentricity_spread: float = 0.15
    roughness: float = 0.04
    clustering: float = 0.2
    touching: float = 0.2

    def __post_init__(self) -> None:
        for name in ("coverage", "touching", "roughness"):
            check_probability(name, getattr(self, name))
        for name in ("eccentricity", "clustering"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise ValueError(f"{name} is {value!r}, expected a number from 0 to below 1: pass for example 0.5.")
        for name in ("radius_spread", "eccentricity_spread"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}, expected a finite number of at least 0: pass for example 0.2.")
        if not 0.0 < self.radius < math.inf:
            raise ValueError(f"radius is {self.radius!r}, expected voxels above 0: pass for example radius=9.")

    def mean_volume(self, dims: int) -> float:
        """Give the mean area or volume of a nucleus, in voxels."""
        # of a normal radius; the third moment is 1 + 3 s^2
        return unit_ball(dims) * self.radius**dims * (1 + (1 if dims == 2 else 3) * self.radius_spread**2)

    def mean_count(self, size: tuple[int, ...]) -> float:
        """Give how many nuclei a map of a size shows on average, with those that its border cuts."""
        return self.coverage * _room(size, self.radius) / self.mean_volume(len(size))


def fit_populations(labels: Iterable[NDArray[Any] | Tensor]) -> tuple[list[Population], int]:
    """Measure one population in each label map.

    Spreads that few objects leave open lean on the mean of all maps. Objects that the border cuts count, but sizes and
    forms are taken from the others.

    Args:
        labels: (1, *S) each, a value for each object, 0 = background; all 2D or all 3D.

    Returns:
        One population for each map, and the number of dimensions.

    Raises:
        ValueError: if no label holds an object, or one is no label map.

    Example:
        >>> label = np.zeros((1, 32, 32), np.uint8)
        >>> label[0, 3:9, 4:10], label[0, 20:26, 15:21] = 1, 2
        >>> [population], dims = fit_populations([label])
        >>> round(population.radius, 2), population.touching, dims
        (3.39, 0.0, 2)
    """
    found = measure_labels(labels)
    objects, sizes = found.objects, found.images.size
    dims = sizes.shape[1]
    if not len(objects.area):
        raise ValueError(
            f"none of the {len(sizes)} labels holds an object, expected one at least: pass labels of images that show "
            "nuclei, with 0 as background alone."
        )
    whole = [_whole(found, number) for number in range(len(sizes))]
    radius = (objects.area / unit_ball(dims)) ** (1 / dims)
    means = [float(radius[rows].mean()) if len(rows) else math.nan for rows in whole]
    relative = radius / np.array(means)[objects.image]
    spreads = [_common_variance(values, whole) for values in (relative, objects.eccentricity)]
    populations = []
    for number, rows in enumerate(whole):
        if not len(rows):
            populations.append(Population(coverage=0.0, touching=0.0))
            continue
        plain = Population(
            coverage=1.0,
            radius=means[number],
            radius_spread=_spread(relative[rows], spreads[0]),
            eccentricity=float(objects.eccentricity[rows].mean()),
            eccentricity_spread=_spread(objects.eccentricity[rows], spreads[1]),
            roughness=min(1.0, float(np.average(objects.roughness[rows], weights=objects.area[rows]))),
            clustering=_clustering(objects.center[objects.image == number], sizes[number], means[number]),
            touching=float(found.images.touching[number]),
        )
        coverage = float(found.images.count[number]) / plain.mean_count(tuple(sizes[number].tolist()))
        populations.append(replace(plain, coverage=min(1.0, coverage)))
    return populations, dims


def _room(size: tuple[int, ...], radius: float) -> float:
    """Give the volume in which the centres lie of what a map shows at least a part of."""
    return math.prod(length + 2 * radius for length in size)


def _whole(found: LabelStatistics, number: int) -> NDArray[np.int64]:
    """Give the rows of a map's objects that its border does not cut, or all where it cuts all."""
    own = found.objects.image == number
    whole = np.flatnonzero(own & ~found.objects.cut)
    return whole if len(whole) else np.flatnonzero(own)


def _common_variance(values: Floats, groups: list[NDArray[np.int64]]) -> float:
    """Give the variance within groups of rows, pooled over all of them."""
    squares = sum(((values[rows] - values[rows].mean()) ** 2).sum() for rows in groups if len(rows))
    return float(squares / max(1, sum(len(rows) - 1 for rows in groups if len(rows))))


def _spread(values: Floats, common: float) -> float:
    """Give the standard deviation of few values, drawn to a common variance."""
    squares = ((values - values.mean()) ** 2).sum()
    return math.sqrt((squares + PRIOR * common) / (len(values) - 1 + PRIOR))


def _clustering(center: Floats, size: NDArray[np.int64], radius: float) -> float:
    """Estimate 1 - 1/g from the pairs of centres (N, D) some radii apart, each weighted for what the border hides."""
    from scipy.spatial import cKDTree

    low, high = (radius * factor for factor in PAIRS)
    count, dims = center.shape
    pairs = cKDTree(center).query_pairs(high, output_type="ndarray")
    steps = np.abs(center[pairs[:, 0]] - center[pairs[:, 1]])  # (P, D)
    steps = steps[np.linalg.norm(steps, axis=1) >= low]
    seen = (1 / np.maximum(1 - steps / size, 0.1)).prod(axis=1).sum()  # translation correction, Ripley 1988
    expected = count * (count - 1) / 2 * unit_ball(dims) * (high**dims - low**dims) / size.prod()
    ratio = (seen + 2 * PRIOR) / (expected + 2 * PRIOR)
    return max(0.0, 1 - 1 / float(ratio))
