"""Star-convex shapes: bodies whose rim is seen from their centre in every direction, as those of nuclei and lesions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from monai_genaug.masks.instances import Mask, largest_piece, tight_box

Floats: TypeAlias = NDArray[np.float64]

LOWEST_LOBE = 3  # one lobe shifts a body and two stretch it, which is left to centre and eccentricity
LARGEST_FIELD = 2.5  # standard deviations of the rim that are kept


class PlaneWaves:
    """A smooth random field of mean 0 and variance 1: plane waves of about one length, in random directions.

    Args:
        rng: for directions, lengths and phases.
        dims: dimensions of space.
        length: typical length of the waves, in the unit of the points.
        count: number of waves.

    Example:
        >>> field = PlaneWaves(np.random.default_rng(0), 2, 10.0)
        >>> field(np.zeros((2, 4, 5))).shape
        (4, 5)
    """

    def __init__(
        self, rng: np.random.Generator | np.random.RandomState, dims: int, length: float, count: int = 6
    ) -> None:
        directions = rng.normal(size=(count, dims))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self.vectors = directions * (2 * np.pi / length) * rng.uniform(0.4, 1.6, (count, 1))
        self.phases = rng.uniform(0, 2 * np.pi, count)

    def __call__(self, points: Floats) -> Floats:
        """Give the field (...) at points (D, ...), between -sqrt(2 * count) and sqrt(2 * count)."""
        angles = np.einsum("kd,d...->k...", self.vectors, points)
        angles += self.phases.reshape(-1, *[1] * (points.ndim - 1))
        return np.cos(angles, out=angles).sum(axis=0) * math.sqrt(2 / len(self.phases))


class _Lobes:
    """A smooth random function of the angle, of mean 0 and variance 1: Fourier terms that fall with their order."""

    def __init__(self, rng: np.random.RandomState, highest: int) -> None:
        falling = 1 / np.arange(LOWEST_LOBE, highest + 1)
        parts = rng.normal(size=(2, len(falling))) * (falling / math.sqrt(falling @ falling))
        self.terms = parts[0] + 1j * parts[1]

    def __call__(self, directions: Floats) -> Floats:
        """Give the field (...) in unit directions (2, ...)."""
        turn = np.empty(directions.shape[1:], dtype=np.complex128)
        turn.real, turn.imag = directions
        total = self.terms[-1] * turn
        for term in self.terms[-2::-1]:  # Horner
            total += term
            total *= turn
        for _ in range(LOWEST_LOBE - 1):
            total *= turn
        return total.real


class _Bumps:
    """What `_Lobes` is on the circle, on the sphere: plane waves without their parts of the orders 0, 1 and 2."""

    def __init__(self, rng: np.random.RandomState, highest: int) -> None:
        self.waves = PlaneWaves(rng, 3, 4 * math.pi / (LOWEST_LOBE + highest))
        directions = _sphere(128)
        field = self.waves(directions)
        self.low_orders = np.linalg.lstsq(_low_orders(directions).T, field, rcond=None)[0]  # (9,)
        self.deviation = float(self._remainder(directions, field).std())

    def __call__(self, directions: Floats) -> Floats:
        """Give the field (...) in unit directions (3, ...)."""
        return self._remainder(directions, self.waves(directions)) / self.deviation

    def _remainder(self, directions: Floats, field: Floats) -> Floats:
        rest: Floats = field - np.tensordot(self.low_orders, _low_orders(directions), axes=1)
        return rest


def _low_orders(directions: Floats) -> Floats:
    """Give functions (9, ...) of directions (3, ...) that span the spherical harmonics of the orders 0, 1 and 2."""
    x, y, z = directions
    return np.stack([x, y, z, x * x, y * y, z * z, x * y, y * z, z * x])


def _sphere(count: int) -> Floats:
    """Spread directions (3, count) evenly, on a spiral by the golden angle."""
    height = (2 * np.arange(count) + 1) / count - 1
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    return np.stack([np.cos(turn) * np.sqrt(1 - height**2), np.sin(turn) * np.sqrt(1 - height**2), height])


class StarConvex:
    """A body drawn at random: an ellipsoid of given size and eccentricity, with a rim that is rough by given measure.

    Args:
        rng: for all that is left to chance.
        dims: 2 or 3.
        radius: of the circle or ball of the same volume, in voxels.
        eccentricity: of the ellipse, from 0 (circle) to below 1; in 3D of that through longest and shortest axis.
        roughness: standard deviation of the rim's distance from the ellipsoid's, relative to it.
        lobes: highest number of bumps around the rim, at least 3; many small ones make a body spiculated.
        long_axis: direction (D,) of the longest axis, of any length; by default any.

    Example:
        >>> body = StarConvex(np.random.RandomState(0), 2, 9.0, eccentricity=0.6)
        >>> bool(0.9 < body.mask().sum() / (np.pi * 81) < 1.1)
        True
    """

    def __init__(
        self,
        rng: np.random.RandomState,
        dims: int,
        radius: float,
        *,
        eccentricity: float = 0.0,
        roughness: float = 0.0,
        lobes: int = 6,
        long_axis: Floats | None = None,
    ) -> None:
        self.turn = _frame(rng.normal(size=dims) if long_axis is None else long_axis, rng)  # first row: longest axis
        shrink = np.zeros(dims)
        shrink[-1] = 0.5 * math.log(1 - eccentricity**2)
        if dims == 3:
            shrink[1] = rng.uniform() * shrink[-1]
        # a rim whose logarithm is normal with deviation s has a mean volume exp(D^2 s^2 / 2) times the ellipsoid's
        self.axes = radius * np.exp(shrink - shrink.mean() - 0.5 * dims * roughness**2)
        self.radius, self.roughness = radius, roughness
        self.field = _Lobes(rng, lobes) if dims == 2 else _Bumps(rng, lobes)

    def mask(self) -> Mask:
        """Give the body as one connected region in a box that it fills, (*box)."""
        matrix = self.turn / self.axes[:, None]  # to the ball of radius 1
        reach = np.floor(self._extents() * math.exp(LARGEST_FIELD * self.roughness)).astype(int)
        dims = len(reach)
        offsets = np.zeros((dims, *[1] * dims))
        for axis, n in enumerate(reach):
            along = np.arange(-n, n + 1).reshape([-1 if k == axis else 1 for k in range(dims)])
            offsets = offsets + np.multiply.outer(matrix[:, axis], along)
        inside = rim_distance(offsets, self._rim) <= 1
        return largest_piece(inside[tight_box(inside)])

    def fit_into(self, size: tuple[int, ...]) -> None:
        """Shrink the body as far as needed for its ellipsoid to fit into a box.

        Args:
            size: sides of the box, in voxels.
        """
        factor = min(1.0, float((0.5 * np.array(size) / self._extents()).min()))
        self.axes = self.axes * factor
        self.radius *= factor

    def _extents(self) -> Floats:
        """Give half the sides (D,) of the box around the ellipsoid."""
        return np.sqrt((self.turn**2 * self.axes[:, None] ** 2).sum(axis=0))

    def _rim(self, directions: Floats) -> Floats:
        return np.exp(self.roughness * np.minimum(self.field(directions), LARGEST_FIELD))


def rim_distance(offsets: Floats, profile: Callable[[Floats], Floats]) -> Floats:
    """Measure how far points lie from the centre of a star-convex body.

    Args:
        offsets: (D, ...) from the centre to the points.
        profile: gives the distance of the rim (...) in unit directions (D, ...).

    Returns:
        Distance (...) relative to that of the rim: about 0 at the centre, 1 at the rim.

    Example:
        >>> rim_distance(np.array([[0.0, 3.0], [0.0, 4.0]]), lambda directions: np.full(2, 10.0))
        array([1.e-10, 5.e-01])
    """
    length = np.maximum(np.sqrt((offsets * offsets).sum(axis=0)), 1e-9)
    distance: Floats = length / profile(offsets / length)
    return distance


def _frame(first: Floats, rng: np.random.RandomState) -> Floats:
    """Give orthonormal rows (D, D), the first of them along a vector (D,), the others at random."""
    dims = len(first)
    if dims == 2:
        y, x = first / math.hypot(*first)
        return np.array([[y, x], [-x, y]])
    rows: Floats = np.linalg.qr(np.column_stack([first, rng.normal(size=(dims, dims - 1))]))[0].T
    return rows
