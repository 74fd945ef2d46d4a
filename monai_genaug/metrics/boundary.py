"""How far the outline of a mask lies from that of another, and on which side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class BoundaryShift(NamedTuple):
    """Distance of outlines.

    Args:
        signed: mean over the found outline, voxels; above 0 where it lies outside of the expected one.
        absolute: mean of the absolute distance, voxels.
    """

    signed: float
    absolute: float


def boundary_shift(found: ArrayLike, expected: ArrayLike) -> BoundaryShift:
    """Measure whether objects are found larger or smaller than they should be, by how many voxels.

    Each voxel of the found outline, inside and outside of it, is looked up in the signed distance to the expected
    outline. Nuclei that are missing altogether do not count here: look at Dice as well.

    Args:
        found: mask (*S) or (1, *S), foreground > 0.
        expected: of the same shape.

    Returns:
        Mean signed and absolute distance; NaN if one of the masks has no outline.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> expected, found = np.zeros((2, 12, 12))
        >>> expected[4:8, 4:8], found[3:9, 3:9] = 1, 1
        >>> round(boundary_shift(found, expected).signed, 1)
        1.1
    """
    from scipy import ndimage

    inside, wanted = (np.asarray(mask) > 0 for mask in (found, expected))
    if inside.shape != wanted.shape:
        raise ValueError(f"the masks have the shapes {inside.shape} and {wanted.shape}, expected equal ones.")
    inside, wanted = np.squeeze(inside), np.squeeze(wanted)
    outline = _outline(inside)
    if not outline.any() or not _outline(wanted).any():
        return BoundaryShift(float("nan"), float("nan"))
    distance = ndimage.distance_transform_edt(~wanted) - ndimage.distance_transform_edt(wanted)
    distance -= 0.5 * np.sign(distance)  # from the faces between voxels
    there = distance[outline]
    return BoundaryShift(float(there.mean()), float(np.abs(there).mean()))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the voxels on both sides of the faces between a mask and its surroundings."""
    outline = np.zeros_like(mask)
    for axis in range(mask.ndim):
        length = mask.shape[axis] - 1
        low, high = (
            tuple(np.s_[start : start + length] if a == axis else np.s_[:] for a in range(mask.ndim))
            for start in (0, 1)
        )
        differs = mask[low] != mask[high]
        outline[low] |= differs
        outline[high] |= differs
    return outline
