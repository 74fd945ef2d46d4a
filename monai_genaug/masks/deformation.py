"""New masks out of real ones: random flips, rotations, scalings and smooth elastic deformations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from monai.transforms.utils import create_rotate
from numpy.typing import NDArray

from monai_genaug._checks import check_choice, check_probability
from monai_genaug.masks.instances import separate_instances
from monai_genaug.masks.sampler import Labels, MaskSampler


class LabelDeformation(MaskSampler):
    """Make a new label map by a random affine and a smooth elastic deformation of a given one.

    The elastic part is the free-form deformation of Rueckert et al. 1999 (IEEE Trans. Med. Imaging 18, 712-721): a
    cubic B-spline lattice of random displacements. All is done in voxel units (resample anisotropic volumes first, or
    restrict `rotate` to the plane) and with nearest-neighbour sampling, so that no new value appears. A plane with an
    axis of one voxel is not rotated.

    With ``instances=True`` every value of the result is one connected region (diagonal neighbours count). Where an
    instance comes out in pieces, such as itself and its mirror image beyond the border, the largest piece keeps the
    value, the others take values that are not in use yet, and those under 1/20 of the largest become background.

    Args:
        rotate: largest angle in radians, either way; in 3D one for all axes or one for each axis of rotation.
        scale: smallest and largest factor of size, drawn log-uniformly; above 1 makes objects larger.
        elastic: strength of the elastic part in [0, 1), 0 for none. The displacements of the lattice are drawn
            uniformly up to ``elastic * spacing / (2 * spatial_dims)`` voxels; below 1 the map cannot fold.
        spacing: distance of the lattice's points, in voxels: small values bend shapes, large ones shift them.
        flip: probability to mirror each axis, from 0 to 1.
        padding_mode: what lies beyond the border: "reflection" keeps the density of objects, "zeros" is for anatomy
            that must not appear twice.
        instances: whether each value is an object of its own, as in nucleus maps; False, for class and binary labels,
            adds no value.

    Raises:
        ValueError: for a parameter out of its range.

    Example:
        >>> label = np.kron(np.arange(6, dtype=np.uint16).reshape(1, 2, 3), np.ones((16, 16), np.uint16))
        >>> new = LabelDeformation().set_random_state(seed=1)(label)
        >>> new.shape, new.dtype, bool((new != label).any())
        ((1, 32, 48), dtype('uint16'), True)
    """

    def __init__(
        self,
        *,
        rotate: float | Sequence[float] = math.pi,
        scale: Sequence[float] = (0.8, 1.25),
        elastic: float = 0.8,
        spacing: float = 32.0,
        flip: float = 0.5,
        padding_mode: str = "reflection",
        instances: bool = False,
    ) -> None:
        self.rotate = check_angles(rotate)
        self.scale = check_scale(scale)
        if not 0.0 <= elastic < 1.0:
            raise ValueError(
                f"elastic is {elastic!r}, expected 0 <= elastic < 1: displacements of spacing / (2 * spatial_dims) "
                "voxels or more can fold the map. For larger shifts without folds raise spacing."
            )
        if not (math.isfinite(spacing) and spacing >= 2.0):
            raise ValueError(f"spacing is {spacing!r}, expected at least 2 voxels: pass for example spacing=32.")
        self.elastic = float(elastic)
        self.spacing = float(spacing)
        self.flip = check_probability("flip", flip)
        self.padding_mode = check_choice("padding_mode", padding_mode, ("reflection", "zeros"))
        self.instances = instances
        self._matrix: NDArray[np.float64] = np.eye(2)  # (D, D), from output to input offsets
        self._lattice: NDArray[np.float64] = np.zeros((2, 1, 1))  # (D, *L), voxels

    def randomize(self, data: Sequence[int]) -> None:
        """Draw the parameters of one deformation.

        Args:
            data: spatial size of the label map, (Y, X) or three sizes.
        """
        size = tuple(data)
        dims = len(size)
        angles = self.R.uniform(-1.0, 1.0, count_planes(dims)) * self._largest_angles(size)
        scale = math.exp(self.R.uniform(*np.log(self.scale)))
        signs = np.where(self.R.uniform(size=dims) < self.flip, -1.0, 1.0)
        self._matrix = create_rotate(dims, angles.tolist())[:dims, :dims] * signs / scale
        limit = self.elastic * self.spacing / (2 * dims)
        self._lattice = self.R.uniform(-limit, limit, (dims, *(_lattice_length(n, self.spacing) for n in size)))

    def sample(self, values: Labels) -> Labels:
        """Deform a checked label map (*S)."""
        self.randomize(values.shape)
        warped = _sample_nearest(values, self._coordinates(values.shape), self.padding_mode)
        return separate_instances(warped) if self.instances else warped

    def _largest_angles(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Give the largest angle of each plane of rotation, 0 where the plane has an axis of one voxel."""
        planes = count_planes(len(size))
        if len(self.rotate) > planes:
            raise ValueError(f"rotate has {len(self.rotate)} angles, a 2D label has one: pass a single number.")
        thin = np.array(size) == 1
        # in 3D the plane k is turned about axis k: it holds the two other axes
        fixed = [thin.any()] if planes == 1 else [np.delete(thin, k).any() for k in range(planes)]
        return np.where(fixed, 0.0, np.broadcast_to(self.rotate, planes))

    def _coordinates(self, size: tuple[int, ...]) -> NDArray[np.float32]:
        """Give the point of the input that each voxel of the output shows, (D, *S) in voxels."""
        dims = len(size)
        offsets = self._lattice.astype(np.float32)
        for axis, length in reversed(list(enumerate(size, start=1))):
            weights = _spline_weights(length, offsets.shape[axis], self.spacing)  # (S, L)
            offsets = np.moveaxis(np.einsum("sl,l...->s...", weights, np.moveaxis(offsets, axis, 0)), 0, axis)
        shape = (-1, *[1] * dims)
        center = (np.array(size, dtype=np.float32).reshape(shape) - 1) / 2
        offsets += np.indices(size, dtype=np.float32) - center
        return np.einsum("ij,j...->i...", self._matrix.astype(np.float32), offsets) + center


def count_planes(dims: int) -> int:
    """Give the number of planes of rotation."""
    return dims * (dims - 1) // 2


def check_angles(rotate: float | Sequence[float]) -> tuple[float, ...]:
    """Return the largest angles as a tuple of one or three."""
    angles = tuple(float(angle) for angle in np.atleast_1d(rotate))
    if len(angles) not in {1, 3} or not all(0.0 <= angle <= math.pi for angle in angles):
        raise ValueError(f"rotate is {rotate!r}, expected radians from 0 to pi, one number or three: pass rotate=0.3.")
    return angles


def check_scale(scale: Sequence[float]) -> tuple[float, float]:
    """Return the range of scales as (low, high)."""
    pair = tuple(float(factor) for factor in scale)
    if len(pair) != 2 or not 0.0 < pair[0] <= pair[1] < math.inf:
        raise ValueError(
            f"scale is {scale!r}, expected two factors 0 < low <= high: pass for example scale=(0.8, 1.25)."
        )
    return pair


def _lattice_length(length: int, spacing: float) -> int:
    """Give how many lattice points carry a cubic spline over `length` voxels."""
    return int((length - 1) / spacing) + 4


def _spline_weights(length: int, points: int, spacing: float) -> NDArray[np.float32]:
    """Give the weight of each lattice point at each voxel, (length, points): cubic B-splines, rows add up to 1."""
    distance = np.abs(np.arange(length)[:, None] / spacing - (np.arange(points) - 1))
    return ((np.maximum(2 - distance, 0) ** 3 - 4 * np.maximum(1 - distance, 0) ** 3) / 6).astype(np.float32)


def _sample_nearest(values: Labels, points: NDArray[np.float32], padding_mode: str) -> Labels:
    """Read `values` (*S) at `points` (D, *S), each from the nearest voxel."""
    nearest = np.floor(points + 0.5).astype(np.int32)
    size = np.array(values.shape, dtype=np.int32).reshape(-1, *[1] * values.ndim)
    if padding_mode == "reflection":
        phase = nearest % (2 * size)  # mirrors stand on the outer faces of the border voxels
        return values[tuple(np.minimum(phase, 2 * size - 1 - phase))]
    inside = ((nearest >= 0) & (nearest < size)).all(axis=0)
    return np.where(inside, values[tuple(np.clip(nearest, 0, size - 1))], 0)
