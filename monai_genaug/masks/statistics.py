"""How the objects of label maps lie and what they look like: sizes, forms, who touches whom, how they gather."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from monai_genaug._checks import check_spatial_dims
from monai_genaug.masks.sampler import Labels, read_map

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectTable:
    """One row for each of N objects.

    Attributes:
        image: (N,) number of the label map that it lies in, from 0.
        value: (N,) its value there.
        area: (N,) in voxels (a volume in 3D).
        center: (N, D) mean of its voxels' indices.
        eccentricity: (N,) of the ellipse with the same second moments, in [0, 1); in 3D of that through the longest
            and the shortest axis of the ellipsoid. Voxels count as cubes, so that lines too have one below 1.
        long_axis: (N, D) unit vector along the longest axis, either way.
        roughness: (N,) how far the rim is from that ellipse's, as a standard deviation relative to the radius, found
            by the share of voxels outside the ellipse.
        touches: (N,) whether a voxel of another object is next to it, diagonals included.
        cut: (N,) whether it reaches the border of the map; an axis of one voxel has no border.
    """

    image: NDArray[np.int64]
    value: NDArray[np.int64]
    area: NDArray[np.int64]
    center: Floats
    eccentricity: Floats
    long_axis: Floats
    roughness: Floats
    touches: NDArray[np.bool_]
    cut: NDArray[np.bool_]


@dataclass(frozen=True)
class ImageTable:
    """One row for each of M label maps.

    Attributes:
        size: (M, D) in voxels.
        count: (M,) objects.
        density: (M,) objects for each voxel.
        touching: (M,) share of objects that touch another; NaN without objects.
        neighbour_ratio: (M,) mean distance from an object's centre to the nearest other one, relative to that of as
            many points thrown at random (Clark & Evans 1954, Ecology 35, 445-453, without correction of the border):
            below 1 they gather, above 1 they keep apart; NaN for fewer than two objects.
    """

    size: NDArray[np.int64]
    count: NDArray[np.int64]
    density: Floats
    touching: Floats
    neighbour_ratio: Floats


@dataclass(frozen=True)
class LabelStatistics:
    """What `measure_labels` finds: `objects`, an `ObjectTable`, and `images`, an `ImageTable`."""

    objects: ObjectTable
    images: ImageTable


def measure_labels(labels: Iterable[NDArray[Any] | Tensor]) -> LabelStatistics:
    """Measure all objects of label maps in which each object has a value of its own.

    Args:
        labels: arrays or tensors (1, *S) of whole numbers >= 0, 0 = background, all 2D or all 3D.

    Returns:
        Two tables, one row for each object and one for each map.

    Raises:
        ValueError: for no label, another shape, or values that are no label values.

    Example:
        >>> label = np.zeros((1, 8, 8), np.uint8)
        >>> label[0, 2:4, 2:4], label[0, 4:6, 4:6] = 1, 2
        >>> found = measure_labels([label])
        >>> found.objects.area.tolist(), found.objects.touches.tolist(), found.images.count.tolist()
        ([4, 4], [True, True], [2])
    """
    maps = read_labels(labels)
    tables = [_measure_objects(values, number) for number, values in enumerate(maps)]
    objects = ObjectTable(
        **{name: np.concatenate([getattr(table, name) for table in tables]) for name in ObjectTable.__annotations__}
    )
    sizes = np.array([values.shape for values in maps])
    counts = np.array([len(table.area) for table in tables])
    images = ImageTable(
        size=sizes,
        count=counts,
        density=counts / sizes.prod(axis=1),
        touching=np.array([table.touches.mean() if len(table.area) else np.nan for table in tables]),
        neighbour_ratio=np.array(
            [_neighbour_ratio(table.center, size) for table, size in zip(tables, sizes, strict=True)]
        ),
    )
    return LabelStatistics(objects, images)


def read_labels(labels: Iterable[NDArray[Any] | Tensor]) -> list[Labels]:
    """Give label maps (1, *S) as int64 arrays (*S), all 2D or all 3D; volumes of one slice become planes.

    Raises:
        ValueError: for no label, another shape, or values that are no label values.

    Example:
        >>> read_labels([np.ones((1, 1, 2), np.float32)])
        [array([[1, 1]])]
    """
    maps = []
    for number, label in enumerate(labels):
        maps.append(as_plane(read_map(label, name=f"label {number}")))
        if maps[-1].ndim != maps[0].ndim:
            raise ValueError(
                f"label {number} is {maps[-1].ndim}D, label 0 is {maps[0].ndim}D, expected all 2D or all 3D: "
                "measure planes and volumes apart."
            )
    if not maps:
        raise ValueError("labels holds no label map, expected at least one: check the list that they come from.")
    return maps


def as_plane(values: Labels) -> Labels:
    """Give a volume of one slice, along whatever axis, as a plane, and any other map as it is.

    Example:
        >>> as_plane(np.zeros((8, 1, 6), np.int64)).shape, as_plane(np.zeros((8, 1), np.int64)).shape
        ((8, 6), (8, 1))
    """
    thin = [axis for axis, length in enumerate(values.shape) if length == 1]
    return values.squeeze(thin[0]) if values.ndim == 3 and len(thin) == 1 else values


def ks_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Measure how far two samples are from one distribution: the two-sample statistic of Kolmogorov and Smirnov.

    Args:
        first: any number of values; NaN is left out.
        second: any number of values; NaN is left out.

    Returns:
        Largest difference of the two shares of values up to some x: 0 for equal samples, 1 for separate ones.

    Raises:
        ValueError: where a sample holds no value.

    Example:
        >>> ks_distance([1, 2, 3, 4], [3, 4, 5, 6])
        0.5
    """
    sides = [np.sort(np.ravel(np.asarray(values, dtype=np.float64))) for values in (first, second)]
    sides = [values[~np.isnan(values)] for values in sides]
    if not all(len(values) for values in sides):
        raise ValueError("a sample holds no value but NaN, expected at least one: leave empty label maps out of both.")
    points = np.concatenate(sides)  # scipy.stats.ks_2samp computes a p value too, and warns where that fails
    shares = [np.searchsorted(values, points, side="right") / len(values) for values in sides]
    return float(np.abs(shares[0] - shares[1]).max())


def _measure_objects(values: Labels, number: int) -> ObjectTable:
    """Measure the objects of one map (*S), in one pass over its foreground."""
    dims = check_spatial_dims(values.ndim)
    size = np.array(values.shape)
    points = np.array(np.nonzero(values))  # (D, V)
    present, owner = np.unique(values[tuple(points)], return_inverse=True)  # (N,), (V,)
    count = len(present)

    def total(weights: NDArray[Any]) -> Floats:
        return np.bincount(owner, weights, minlength=count).astype(np.float64, copy=False)

    area = np.bincount(owner, minlength=count)
    center = np.array([total(axis) for axis in points]).reshape(dims, count) / np.maximum(area, 1)
    offsets = points - center[:, owner]  # (D, V)
    moments = np.empty((count, dims, dims))
    for i in range(dims):
        for j in range(i, dims):
            moments[:, i, j] = moments[:, j, i] = total(offsets[i] * offsets[j]) / area
    moments += np.eye(dims) / 12  # a voxel is a cube, not a point
    spread, axes = np.linalg.eigh(moments)  # (N, D) rising, (N, D, D)
    inverse = np.linalg.inv(moments)
    squared = np.einsum("iv,vij,jv->v", offsets, inverse[owner], offsets)
    # the ellipsoid of equal volume: that of equal moments has squared axes of (D + 2) times the variances
    limit = (area / unit_ball(dims)) ** (2 / dims) / np.linalg.det(moments) ** (1 / dims)
    outside = total(squared > limit[owner]) / area
    border = ((points == 0) | (points == (size - 1)[:, None])) & (size > 1)[:, None]
    return ObjectTable(
        image=np.full(count, number),
        value=present,
        area=area,
        center=center.T,
        eccentricity=np.sqrt(np.maximum(1 - spread[:, 0] / spread[:, -1], 0)),
        long_axis=axes[:, :, -1],
        # a normal rim of relative deviation s has the share D s / sqrt(2 pi) of the volume beyond its mean
        roughness=outside * math.sqrt(2 * math.pi) / dims,
        touches=_touching(values, points, owner, count),
        cut=total(border.any(axis=0)) > 0,
    )


def _touching(values: Labels, points: NDArray[np.int64], owner: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Tell which objects (N,) have a voxel next to one of another."""
    indices = np.full(np.array(values.shape) + 2, -1)  # a frame, so that every voxel has all neighbours
    inner = np.ravel_multi_index(tuple(points + 1), indices.shape)
    flat = indices.reshape(-1)
    flat[inner] = owner
    touches = np.zeros(count, dtype=bool)
    strides = np.array(indices.strides) // indices.itemsize
    steps = np.indices((3,) * values.ndim).reshape(values.ndim, -1).T - 1
    for step in steps[: len(steps) // 2]:  # the other half are the same pairs
        other = flat[inner + int(step @ strides)]
        hit = (other >= 0) & (other != owner)
        touches[owner[hit]] = touches[other[hit]] = True
    return touches


def _neighbour_ratio(center: Floats, size: NDArray[np.int64]) -> float:
    """Ratio of Clark & Evans of points (N, D) in a map of given size."""
    from scipy.spatial import cKDTree

    count, dims = center.shape
    if count < 2:
        return math.nan
    distances, _ = cKDTree(center).query(center, k=2)  # (N, 2): itself and the nearest
    nearest = np.asarray(distances)[:, 1].mean()
    expected = math.gamma(1 + 1 / dims) / (unit_ball(dims) * count / size.prod()) ** (1 / dims)
    return float(nearest / expected)


def unit_ball(dims: int) -> float:
    """Give the area of the circle, or the volume of the ball, of radius 1.

    Example:
        >>> round(unit_ball(3), 3)
        4.189
    """
    return math.pi ** (dims / 2) / math.gamma(dims / 2 + 1)
