"""What a map of lesions shall hold: drawn of classes first, fitted into the region where lesions may lie then."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from monai_genaug.masks.instances import Mask, largest_piece
from monai_genaug.masks.placement import TRIES
from monai_genaug.masks.procedural.lesion_classes import LesionClass
from monai_genaug.masks.procedural.nuclei_plan import draw_eccentricities
from monai_genaug.masks.procedural.star_convex import Floats, StarConvex

ROUGHEST = 0.3  # a rougher rim would tear
LEAST_KEPT = 0.5  # of a lesion must lie where lesions may lie


class Lesion(NamedTuple):
    """A lesion that shall be placed.

    Args:
        value: of its voxels.
        body: its shape.
        centers: (tries, D) where to try, in voxels.
    """

    value: int
    body: StarConvex
    centers: Floats


def draw_lesions(lesions: LesionClass, size: tuple[int, ...], rng: np.random.RandomState) -> Iterator[Lesion]:
    """Draw the lesions of a class that one map shall hold.

    Args:
        lesions: their class.
        size: of the map, in voxels.
        rng: for all that is drawn.

    Yields:
        One lesion after another, at least one.

    Raises:
        ValueError: for a class that was measured in another number of dimensions.

    Example:
        >>> [lesion] = draw_lesions(LesionClass(value=2), (64, 64), np.random.RandomState(0))
        >>> lesion.value, lesion.centers.shape
        (2, (40, 2))
    """
    dims = len(size)
    for name in ("center", "center_spread", "directions"):
        given = getattr(lesions, name)
        if given is not None and len(given) != dims:
            raise ValueError(f"{name} of class {lesions.value} has {len(given)} axes, the label {dims}: give {dims}.")
    count = _draw_count(lesions, rng)
    eccentricities = draw_eccentricities(lesions.eccentricity, lesions.eccentricity_spread, count, rng)
    for eccentricity in eccentricities.tolist():
        radius = lesions.radius * math.exp(lesions.radius_spread * rng.normal())
        roughness = lesions.roughness * math.exp(lesions.roughness_spread * rng.normal())
        body = StarConvex(
            rng,
            dims,
            radius,
            eccentricity=eccentricity,
            roughness=min(roughness, ROUGHEST),
            lobes=lesions.lobes,
            long_axis=None if lesions.directions is None else np.array(lesions.directions) @ rng.normal(size=dims),
        )
        body.fit_into(size)
        if lesions.center is None or lesions.center_spread is None:
            centers = rng.uniform(size=(TRIES, dims))
        else:
            centers = rng.normal(lesions.center, lesions.center_spread, (TRIES, dims))
        yield Lesion(lesions.value, body, centers * size)


def _draw_count(lesions: LesionClass, rng: np.random.RandomState) -> int:
    """Draw a number from 1 on of the class's mean and spread: 1 and a Poisson number, whose mean may be gamma."""
    further = lesions.count - 1.0
    excess = lesions.count_spread**2 - further
    if further > 0.0 and excess > 0.0:
        further = float(rng.gamma(further**2 / excess, excess / further))
    return 1 + int(rng.poisson(further))


def find_fits(body: StarConvex, centers: Floats, region: Mask) -> Iterator[tuple[Mask, tuple[int, ...]]]:
    """Cut what lies outside of a region off a lesion, at each of some centres.

    First come the centres where nothing lies outside, then those where nothing does once it is moved into the map, and
    then the others, by how much is left.

    Args:
        body: the lesion's shape.
        centers: (n, D) in voxels.
        region: (*S) where lesions may lie.

    Yields:
        Shape (*box) and first voxel, where at least half of the lesion is left.

    Example:
        >>> body, region = StarConvex(np.random.RandomState(0), 2, 3.0), np.ones((16, 16), bool)
        >>> [(int(mask.sum()), corner) for mask, corner in find_fits(body, np.array([[1.0, 8.0], [8.0, 8.0]]), region)]
        [(29, (4, 4)), (29, (0, 4)), (23, (-2, 4))]
    """
    shape = body.mask()
    whole, sides, parts = np.count_nonzero(shape), np.array(shape.shape), []
    corners = np.rint(centers - 0.5 * sides).astype(int)
    moved = np.clip(corners, 0, np.maximum(np.array(region.shape) - sides, 0))  # into the map
    for corner in (*corners.tolist(), *moved[(moved != corners).any(axis=1)].tolist()):
        kept = shape & _window(region, corner, shape.shape)
        count = np.count_nonzero(kept)
        if count == whole:
            yield shape, tuple(corner)
        elif count >= LEAST_KEPT * whole:
            parts.append((largest_piece(kept), tuple(corner)))
    yield from sorted(parts, key=lambda part: -np.count_nonzero(part[0]))


def _window(region: Mask, corner: Sequence[int], sides: Sequence[int]) -> Mask:
    """Give the part (*sides) of a region that begins at a corner; beyond the map there is none."""
    part = np.zeros(sides, dtype=bool)
    box = tuple(slice(max(c, 0), max(min(c + n, s), 0)) for c, n, s in zip(corner, sides, region.shape, strict=True))
    inside = region[box]
    start = tuple(slice(max(-c, 0), max(-c, 0) + n) for c, n in zip(corner, inside.shape, strict=True))
    part[start] = inside
    return part
