"""Turned, mirrored, scaled and bent copies of an object's shape and pixels."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_genaug.masks.instances import Mask, largest_piece, tight_box

Floats = NDArray[np.float64]
Points = NDArray[np.float32]
KNOTS = 6  # of the lattice along each axis


class Warp(NamedTuple):
    """How a copy of an object differs from it.

    Args:
        turn: (D, D) rotation and mirroring, from the object's offsets to the copy's.
        scale: factor of size.
        bend: strength of the elastic part in [0, 1), 0 for none.
        lattice: (D, 6, ..., 6) displacements in [-1, 1].
    """

    turn: Floats
    scale: float
    bend: float
    lattice: Floats


class Copy(NamedTuple):
    """A copy of an object's shape.

    Args:
        mask: (*box) bool, one connected piece.
        low: first voxel of the box in the grid of `warp_points`.
        warp: how it was made.
    """

    mask: Mask
    low: tuple[int, ...]
    warp: Warp


def draw_warps(
    rng: np.random.RandomState,
    count: int,
    angles: tuple[float, ...],
    *,
    scale: tuple[float, float],
    flip: float,
    bend: float,
) -> list[Warp]:
    """Draw how copies differ from their objects.

    Args:
        rng: for all that is drawn.
        count: of copies.
        angles: largest rotation either way in radians, one in 2D, in 3D one for each axis.
        scale: smallest and largest factor of size, drawn log-uniformly.
        flip: probability to mirror each axis.
        bend: see `Warp`.

    Returns:
        One warp for each copy.

    Example:
        >>> [warp] = draw_warps(np.random.RandomState(0), 1, (0.0,), scale=(2, 2), flip=0, bend=0)
        >>> warp.turn, round(warp.scale, 6)
        (array([[1., 0.],
               [0., 1.]]), 2.0)
    """
    dims = 2 if len(angles) == 1 else 3
    turns = _turns(rng.uniform(-1.0, 1.0, (count, len(angles))) * angles, dims)
    turns = turns * np.where(rng.uniform(size=(count, 1, dims)) < flip, -1.0, 1.0)
    low, high = np.log(scale)
    scales = np.exp(rng.uniform(low, high, count))
    lattices = rng.uniform(-1.0, 1.0, (count, dims, *[KNOTS] * dims))
    return [Warp(turn, float(s), bend, lattice) for turn, s, lattice in zip(turns, scales, lattices, strict=True)]


def copy_shape(shape: Mask, warp: Warp) -> Copy:
    """Make a copy of a shape; one that the warp would make vanish is copied as it is.

    Args:
        shape: (*box), True where the object is.
        warp: how the copy differs.

    Returns:
        The copy's largest connected piece in its box.

    Example:
        >>> warp = Warp(np.array([[0.0, -1.0], [1.0, 0.0]]), 1.0, 0.0, np.zeros((2, 6, 6)))  # a quarter turn
        >>> copy_shape(np.array([[True, True, True], [False, False, True]]), warp).mask
        array([[ True,  True],
               [ True, False],
               [ True, False]])
    """
    grid = _sample_mask(shape, warp_points(warp, shape.shape))
    if not grid.any():
        dims = shape.ndim
        warp = Warp(np.eye(dims), 1.0, 0.0, np.zeros((dims, *[KNOTS] * dims)))
        grid = _sample_mask(shape, warp_points(warp, shape.shape))
    grid = largest_piece(grid)
    box = tight_box(grid)
    return Copy(grid[box], tuple(part.start for part in box), warp)


def warp_points(warp: Warp, sides: tuple[int, ...]) -> Points:
    """Give the point of an object's box that each voxel of its copy shows.

    The elastic part is a lattice of cubic B-splines (Rueckert et al. 1999) with two spacings along the copy's longest
    side. Displacements stay below ``spacing / (2 * D)``, so that the map cannot fold.

    Args:
        warp: how the copy differs.
        sides: of the object's box, in voxels.

    Returns:
        Points (D, *grid) in voxels of the object's box; the grid holds the copy and one voxel around it.

    Example:
        >>> identity = Warp(np.eye(2), 1.0, 0.0, np.zeros((2, 6, 6)))
        >>> warp_points(identity, (1, 2))[1, 1]
        array([-1.,  0.,  1.,  2.], dtype=float32)
    """
    dims = len(sides)
    half = 0.5 * warp.scale * (np.abs(warp.turn) @ sides)
    spacing = 0.5 * max(2, math.ceil(2 * half.max()))  # in halves, so that weights can be kept
    limit = warp.bend * spacing / (2 * dims)
    lengths = [math.ceil(2 * (side + limit) - 1e-6) + 2 for side in half.tolist()]
    offsets = (limit * warp.lattice).astype(np.float32)
    for axis, length in enumerate(lengths, start=1):
        weights = _spline_weights(length, spacing)
        offsets = np.swapaxes(weights @ np.swapaxes(offsets, axis, -2), axis, -2)
    for axis, length in enumerate(lengths):
        line = np.arange(length, dtype=np.float32) - np.float32(0.5 * (length - 1))
        offsets[axis] += line.reshape(-1, *[1] * (dims - 1 - axis))
    back = (warp.turn.T / warp.scale).astype(np.float32)
    center = 0.5 * (np.array(sides, dtype=np.float32) - 1)
    points = back @ offsets.reshape(dims, -1) + center[:, None]
    return points.reshape(dims, *lengths)


def sample_linear(pixels: NDArray[np.float32], points: Points) -> NDArray[np.float32]:
    """Read an image between its voxels; beyond its border its last voxels go on.

    Args:
        pixels: (C, *box).
        points: (D, *grid) in voxels of the box.

    Returns:
        (C, *grid).

    Example:
        >>> sample_linear(np.array([[[0.0, 4.0]]], np.float32), np.array([[[0.0, 0.0]], [[0.25, 7.0]]], np.float32))
        array([[[1., 4.]]], dtype=float32)
    """
    channels, *sides = pixels.shape
    flat = pixels.reshape(channels, -1)
    index = np.zeros((1, *points.shape[1:]), dtype=np.intp)
    weight = np.ones((1, *points.shape[1:]), dtype=np.float32)
    for axis, side in enumerate(sides):
        point = np.clip(points[axis], 0.0, side - 1)
        low = np.minimum(point.astype(np.intp), max(side - 2, 0))
        part = point - low
        index = np.concatenate([index * side + low, index * side + np.minimum(low + 1, side - 1)])
        weight = np.concatenate([weight * (1 - part), weight * part])
    return (flat[:, index] * weight).sum(axis=1, dtype=np.float32)


def _turns(angles: Floats, dims: int) -> Floats:
    """Give the rotation matrices (n, D, D) of angles (n, planes); in 3D the plane k is turned about axis k."""
    turns = np.tile(np.eye(dims), (len(angles), 1, 1))
    for plane in range(angles.shape[1]):
        first, second = (axis for axis in range(dims) if dims == 2 or axis != plane)
        one = np.tile(np.eye(dims), (len(angles), 1, 1))
        one[:, first, first] = one[:, second, second] = np.cos(angles[:, plane])
        one[:, second, first] = np.sin(angles[:, plane])
        one[:, first, second] = -one[:, second, first]
        turns = turns @ one
    return turns


@lru_cache(maxsize=4096)
def _spline_weights(length: int, spacing: float) -> NDArray[np.float32]:
    """Give the weight of each knot at each voxel, (length, 6), by cubic B-splines."""
    positions = np.arange(length, dtype=np.float32)[:, None] / np.float32(spacing)
    distance = np.abs(positions - np.arange(-1, KNOTS - 1, dtype=np.float32))
    outer, inner = np.maximum(2 - distance, 0), np.maximum(1 - distance, 0)
    return (outer * outer * outer - 4 * inner * inner * inner) / 6


def _sample_mask(mask: Mask, points: Points) -> Mask:
    """Read a mask (*box) at points (D, *grid), each from the nearest voxel; beyond the box there is nothing."""
    padded = np.zeros([side + 2 for side in mask.shape], dtype=bool)
    padded[tuple(slice(1, -1) for _ in mask.shape)] = mask
    nearest = (points + np.float32(1.5)).astype(np.intp)  # rounded down where it is not below 0
    index = np.zeros(points.shape[1:], dtype=np.intp)
    for along, side in zip(nearest, mask.shape, strict=True):
        index *= side + 2
        index += np.maximum(np.minimum(along, side + 1), 0)
    return padded.ravel().take(index)
