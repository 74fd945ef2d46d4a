"""Classes of lesions in plain numbers, as they are measured in class maps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_at_least, check_probability
from monai_genaug.masks.instances import number_objects, warn_of_nested
from monai_genaug.masks.statistics import ObjectTable, measure_labels, read_labels, unit_ball

Shares: TypeAlias = dict[tuple[int, ...], float]
LARGE = 30  # voxels, from which on a rim can be told
PRIOR = 3.0  # lesions: how much it counts that long axes may point anywhere


@dataclass(frozen=True)
class LesionClass:
    """The lesions of one class, in numbers that hold in 2D and in 3D where they are not given for each axis.

    Args:
        value: of their voxels, from 1 on.
        count: mean number of them in a map that has any, at least 1.
        count_spread: its standard deviation; below that of a Poisson distribution it counts as such.
        radius: median radius of the circle or ball of equal volume, in voxels, above 0.
        radius_spread: standard deviation of its logarithm, from 0 on.
        eccentricity: mean eccentricity, in [0, 1); in 3D of longest and shortest axis.
        eccentricity_spread: its standard deviation.
        roughness: median roughness: standard deviation of the rim's distance from the ellipse, relative to the radius,
            from 0 to 1; smooth masses have about 0.05, spiculated ones 0.12.
        roughness_spread: standard deviation of its logarithm.
        lobes: highest number of bumps around the rim, at least 3.
        center: mean of the centres along each axis, as shares of the map; by default they lie anywhere.
        center_spread: their standard deviation along each axis, as shares of the map.
        directions: mean outer product (D, D) of the unit vectors along the longest axes; by default any direction.

    Raises:
        ValueError: for a number out of its range.

    Example:
        >>> LesionClass(value=2, radius=20.0).value
        2
    """

    value: int = 1
    count: float = 1.0
    count_spread: float = 0.0
    radius: float = 12.0
    radius_spread: float = 0.5
    eccentricity: float = 0.7
    eccentricity_spread: float = 0.15
    roughness: float = 0.06
    roughness_spread: float = 0.4
    lobes: int = 12
    center: tuple[float, ...] | None = None
    center_spread: tuple[float, ...] | None = None
    directions: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        for name in ("center", "center_spread", "directions"):  # files hold lists
            object.__setattr__(self, name, _as_tuple(getattr(self, name)))
        if self.value != int(self.value) or self.value < 1:
            raise ValueError(f"value is {self.value!r}, expected a whole number from 1 on: 0 is background.")
        if self.lobes != int(self.lobes) or self.lobes < 3:
            raise ValueError(f"lobes is {self.lobes!r}, expected a whole number of at least 3: pass lobes=12.")
        check_probability("roughness", self.roughness)
        if not 0.0 <= self.eccentricity < 1.0:
            raise ValueError(f"eccentricity is {self.eccentricity!r}, expected a number from 0 to below 1: pass 0.7.")
        check_at_least(1, count=self.count)
        check_at_least(1e-6, radius=self.radius)
        check_at_least(0, count_spread=self.count_spread, radius_spread=self.radius_spread)
        check_at_least(0, eccentricity_spread=self.eccentricity_spread, roughness_spread=self.roughness_spread)
        if (self.center is None) != (self.center_spread is None):
            raise ValueError("center and center_spread belong together: give both, or neither for anywhere in the map.")


def fit_lesions(
    labels: Iterable[NDArray[Any] | Tensor], *, ignore: Sequence[int] = ()
) -> tuple[list[LesionClass], Shares, int]:
    """Measure the lesions of class maps; each connected piece of a class is one, diagonals included.

    Args:
        labels: (1, *S) each, 0 = background, other values are classes; all 2D or all 3D.
        ignore: values that are no lesions, such as those of an organ.

    Returns:
        The classes by rising value, the share of maps that hold exactly these classes, and the number of dimensions.

    Raises:
        ValueError: if no label holds a lesion, or one is no label map.

    Example:
        >>> label = np.zeros((1, 32, 32), np.uint8)
        >>> label[0, 3:9, 4:10] = 2
        >>> [lesions], shares, dims = fit_lesions([label, np.zeros_like(label)])
        >>> lesions.value, round(lesions.radius, 2), shares, dims
        (2, 3.39, {(2,): 0.5, (): 0.5}, 2)
    """
    maps = [np.where(np.isin(values, ignore), 0, values) for values in read_labels(labels)]
    warn_of_nested(maps)
    pieces = [number_objects(values, instances=False) for values in maps]
    found = measure_labels([values[None] for values, _ in pieces])
    if not len(found.objects.area):
        raise ValueError(
            f"none of the {len(maps)} labels holds a lesion, expected one at least: pass class maps in which lesions "
            "have values above 0."
        )
    classes = np.concatenate([values for _, values in pieces])
    present = Counter(tuple(sorted(set(values.tolist()))) for _, values in pieces)
    shares = {values: number / len(maps) for values, number in present.items()}
    sizes = found.images.size[found.objects.image]  # (N, D), of each lesion's map
    return (
        [_measure_class(int(v), found.objects, np.flatnonzero(classes == v), sizes) for v in np.unique(classes)],
        shares,
        sizes.shape[1],
    )


def check_shares(shares: Mapping[Sequence[int], float], values: Iterable[int]) -> Shares:
    """Give how often maps hold which classes, as shares that add up to 1.

    Args:
        shares: weights >= 0 by the values of the classes that a map holds; none for a map without lesions.
        values: of the classes that there are.

    Returns:
        The shares.

    Raises:
        ValueError: for a negative weight, weights that are all 0, or a class that there is not.

    Example:
        >>> check_shares({(): 1, (1,): 3}, [1])
        {(): 0.25, (1,): 0.75}
    """
    known, total = set(values), sum(shares.values())
    if not all(0.0 <= share < math.inf for share in shares.values()) or not total > 0.0:
        raise ValueError(f"shares are {dict(shares)}, expected weights >= 0, and one at least above 0.")
    unknown = {value for chosen in shares for value in chosen} - known
    if unknown:
        raise ValueError(f"shares name the classes {sorted(unknown)}, but there are {sorted(known)}: name these only.")
    return {tuple(int(value) for value in chosen): float(share / total) for chosen, share in shares.items()}


def _measure_class(value: int, objects: ObjectTable, rows: NDArray[np.int64], sizes: NDArray[np.int64]) -> LesionClass:
    """Measure the lesions of one class, which are some rows of a table, in maps of given sizes (N, D)."""
    dims = sizes.shape[1]
    counts = np.unique(objects.image[rows], return_counts=True)[1]
    radius = np.log(objects.area[rows] / unit_ball(dims)) / dims
    large = rows[objects.area[rows] >= LARGE] if (objects.area[rows] >= LARGE).any() else rows
    roughness = np.log(np.maximum(objects.roughness[large], 0.01))  # voxels hide less
    center = (objects.center[rows] + 0.5) / sizes[rows]
    axes = objects.long_axis[rows]
    directions = (axes.T @ axes + PRIOR * np.eye(dims) / dims) / (len(rows) + PRIOR)
    return LesionClass(
        value=value,
        count=float(counts.mean()),
        count_spread=float(counts.std()),
        radius=math.exp(np.median(radius)),
        radius_spread=_middle_spread(radius),
        eccentricity=float(objects.eccentricity[rows].mean()),
        eccentricity_spread=float(objects.eccentricity[rows].std()),
        roughness=math.exp(min(0.0, np.median(roughness))),
        roughness_spread=_middle_spread(roughness),
        center=tuple(center.mean(axis=0).tolist()),
        center_spread=tuple(center.std(axis=0).tolist()),
        directions=tuple(tuple(row) for row in directions.tolist()),
    )


def _middle_spread(values: NDArray[np.float64]) -> float:
    """Give the standard deviation of a normal distribution with the same middle two thirds: specks do not count."""
    low, high = np.percentile(values, [15.87, 84.13], method="weibull")
    return float(0.5 * (high - low))


def _as_tuple(value: Any) -> Any:
    """Give lists in lists as tuples in tuples, and anything else as it is."""
    return tuple(_as_tuple(part) for part in value) if isinstance(value, list | tuple) else value
