"""Putting shapes into a label map, one by one, without overlap; some of them touch."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from monai_genaug.masks.instances import Mask, grow, largest_piece
from monai_genaug.masks.sampler import Labels

logger = logging.getLogger(__name__)
TRIES = 40  # places that are tried for one shape
LEAST_SHARE = 0.1  # of a shape must lie in the map


class Canvas:
    """A label map that is filled with objects which never overlap.

    Objects that do not touch are at least one voxel of background apart, diagonals included. A shape that finds no
    place is left out, and `finish` logs how many were.

    Args:
        values: label map (*S) of what is there before, 0 = background; it is copied.

    Example:
        >>> canvas = Canvas(np.zeros((16, 16), np.int64))
        >>> rng = np.random.RandomState(0)
        >>> canvas.place(np.ones((3, 3), bool), 1, rng), canvas.place(np.ones((64, 64), bool), 2, rng)
        (True, False)
        >>> np.unique(canvas.values).tolist(), canvas.given_up
        ([0, 1], 1)
    """

    def __init__(self, values: Labels) -> None:
        self.values = values.copy()  # (*S)
        self.near = grow(values > 0)  # (*S), objects and the voxels around them
        self.objects: list[tuple[NDArray[np.float64], float]] = []  # centre and radius of what was placed
        self.given_up = 0

    @property
    def size(self) -> tuple[int, ...]:
        """Spatial size of the map."""
        return self.values.shape

    def place(
        self,
        shape: Mask,
        value: int,
        rng: np.random.RandomState,
        *,
        touch: bool = False,
        partners: Sequence[int] | None = None,
        draw_centers: Callable[[int], NDArray[np.float64]] | None = None,
        tries: int = TRIES,
    ) -> bool:
        """Put a shape where there is room, or give it up.

        Args:
            shape: (*box), True where the object is; the border of the map may cut it.
            value: what its voxels become.
            rng: for places.
            touch: put it at an object that was placed before, with no voxel between; ignored for the first.
            partners: indices of `objects` at which it may be put; by default all.
            draw_centers: gives n places (n, D) to try in turn, in voxels; by default uniform over the map, and over
                its surroundings as far as the shape reaches in.
            tries: places that are tried.

        Returns:
            Whether it was placed.
        """
        at = range(len(self.objects)) if partners is None else partners
        if touch and at:
            corners = (self._corner_at_neighbour(shape, at, rng) for _ in range(tries))
        else:
            touch = False
            centers = self._draw_centers(shape, tries, rng) if draw_centers is None else draw_centers(tries)
            corners = (tuple(corner) for corner in np.rint(centers - 0.5 * np.array(shape.shape)).astype(int).tolist())
        for corner in corners:
            if corner is not None and self.put(shape, value, corner, touch=touch):
                return True
        self.given_up += 1
        return False

    def put(self, shape: Mask, value: int, corner: Sequence[int], *, touch: bool = False) -> bool:
        """Put a shape with its first voxel at `corner`, if nothing is in its way and enough of it lies in the map.

        Args:
            shape: (*box).
            value: what its voxels become.
            corner: voxel of the map, also outside of it.
            touch: whether it may touch others.

        Returns:
            Whether it was put there.
        """
        window = self._window(shape, corner)
        if window is None:
            return False
        box, part = window
        inside = shape[part]
        taken = self.values[box] > 0 if touch else self.near[box]
        count = np.count_nonzero(inside)
        if count < max(1, LEAST_SHARE * np.count_nonzero(shape)) or (taken & inside).any():
            return False
        if inside.shape != shape.shape:  # the border may cut a bent shape into pieces
            inside = largest_piece(inside)
        self.values[box][inside] = value
        self._mark(inside, box)
        center = np.array(corner) + 0.5 * np.array(shape.shape) - 0.5
        self.objects.append((center, 0.5 * float(np.mean(shape.shape))))
        return True

    def finish(self) -> Labels:
        """Give the map, and log how many shapes found no place."""
        if self.given_up:
            total = self.given_up + len(self.objects)
            logger.debug("%d of %d shapes found no place in a map of %s", self.given_up, total, self.size)
        return self.values

    def _draw_centers(self, shape: Mask, count: int, rng: np.random.RandomState) -> NDArray[np.float64]:
        margin = 0.5 * np.minimum(shape.shape, self.size)
        return rng.uniform(-margin, np.array(self.size) + margin, (count, len(self.size)))

    def _corner_at_neighbour(
        self, shape: Mask, partners: Sequence[int], rng: np.random.RandomState
    ) -> tuple[int, ...] | None:
        """Move a shape from an object outward in a random direction, to where they just do not overlap."""
        center, radius = self.objects[partners[rng.randint(len(partners))]]
        direction = rng.normal(size=len(self.size))
        direction /= np.linalg.norm(direction)
        half = 0.5 * np.array(shape.shape)
        start = center + 0.5 - half
        low, high = 0.0, radius * math.sqrt(len(self.size)) + float(np.linalg.norm(half)) + 1.0
        while high - low > 0.5:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._overlaps(shape, start + middle * direction) else (low, middle)
        corner = tuple(np.rint(start + high * direction).astype(int).tolist())
        window = self._window(shape, corner)
        touches = window is not None and bool((self.near[window[0]] & shape[window[1]]).any())
        return corner if touches else None

    def _overlaps(self, shape: Mask, start: NDArray[np.float64]) -> bool:
        window = self._window(shape, np.rint(start).astype(int).tolist())
        return window is not None and bool((self.values[window[0]] > 0)[shape[window[1]]].any())

    def _window(self, shape: Mask, corner: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
        """Give the part of the map that a shape covers, and the part of the shape that lies in the map."""
        box, part = [], []
        for first, side, length in zip(corner, shape.shape, self.size, strict=True):
            low, high = max(first, 0), min(first + side, length)
            if low >= high:
                return None
            box.append(slice(low, high))
            part.append(slice(low - first, high - first))
        return tuple(box), tuple(part)

    def _mark(self, inside: Mask, box: tuple[slice, ...]) -> None:
        """Note the voxels of an object and those around them."""
        framed = np.zeros([side + 2 for side in inside.shape], dtype=bool)
        framed[(slice(1, -1),) * inside.ndim] = inside
        grown = grow(framed)
        wide, part = [], []
        for span, length in zip(box, self.size, strict=True):
            low, high = max(span.start - 1, 0), min(span.stop + 1, length)
            wide.append(slice(low, high))
            part.append(slice(low - span.start + 1, high - span.start + 1))
        self.near[tuple(wide)] |= grown[tuple(part)]
