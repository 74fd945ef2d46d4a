"""Patches that are looked for in other images, and the place where one is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance, orientations

Window = tuple[slice, ...]
LEAST_SIDE = 8  # of a patch: what is smaller is like many other places


class Patch(NamedTuple):
    """The part of an image with most detail, at half the resolution, and where it lies at the full one."""

    values: Tensor  # (C, *P)
    window: Window  # of (*S)


def patch_side(images: Sequence[Tensor], *, longest: int) -> int:
    """Choose the side of patches, in voxels of the half resolution: three quarters of the shortest side, or `longest`.

    Args:
        images: (C, *S), all that take part.
        longest: greatest side.

    Returns:
        The side; 0 where images are too small.

    Example:
        >>> patch_side([torch.zeros(1, 64, 80)], longest=32), patch_side([torch.zeros(1, 16, 80)], longest=32)
        (23, 0)
    """
    shortest = min(min(image.shape[1:]) for image in images)
    side = min(longest, (shortest - 1) // 2 * 3 // 4)
    return side if side >= LEAST_SIDE else 0


def random_window(image: Tensor, size: Sequence[int], *, seed: int) -> Window:
    """Choose a window at random.

    Args:
        image: (C, *S).
        size: of the window, cut down to S.
        seed: of its place.

    Returns:
        The window.

    Example:
        >>> random_window(torch.zeros(1, 8, 40), (16, 40), seed=0)
        (slice(0, 8, None), slice(0, 40, None))
    """
    rng = np.random.default_rng(seed)
    sides = [min(side, length) for side, length in zip(image.shape[1:], size, strict=True)]
    starts = [int(rng.integers(0, side - length + 1)) for side, length in zip(image.shape[1:], sides, strict=True)]
    return tuple(slice(start, start + length) for start, length in zip(starts, sides, strict=True))


def most_detailed_patch(image: Tensor, side: int, *, within: Sequence[int], seed: int) -> Patch:
    """Crop the patch in which neighbouring voxels differ most, of a part of the image.

    The more places there are to choose from, the more detail the patch has, and the farther it is from any other image.
    Hence patches can be compared only if they come from parts of one size.

    Args:
        image: (C, *S) in [0, 1].
        side: in voxels of the half resolution.
        within: size of the part, which lies at random.
        seed: of its place.

    Returns:
        The patch.

    Example:
        >>> image = torch.zeros(1, 40, 40)
        >>> image[0, 20:36, 20:36] = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
        >>> most_detailed_patch(image, 8, within=(40, 40), seed=0).window
        (slice(20, 36, None), slice(20, 36, None))
    """
    part = random_window(image, within, seed=seed)
    half = halve(cut(image, part))
    detail = torch.zeros(1, *half.shape[1:])
    for axis in range(1, half.ndim):
        steps = half.diff(dim=axis).abs().sum(dim=0, keepdim=True)
        for start in (0, 1):  # a step belongs to the voxels on both of its sides
            detail.narrow(axis, start, steps.shape[axis]).add_(steps)
    grid = torch.meshgrid(*(torch.arange(side) for side in half.shape[1:]), indexing="ij")
    place = densest_patch(torch.stack(grid), detail, side).flatten(1)[:, 0].tolist()
    inside = tuple(slice(start, start + side) for start in place)
    starts = [side.start + 2 * start for side, start in zip(part, place, strict=True)]
    return Patch(cut(half, inside), tuple(slice(start, start + 2 * side) for start in starts))


def cut(image: Tensor, window: Window) -> Tensor:
    """Cut a window (*P) out of an image (C, *S).

    Example:
        >>> cut(torch.arange(6.0).reshape(1, 2, 3), (slice(0, 1), slice(1, 3)))
        tensor([[[1., 2.]]])
    """
    return image[(slice(None),) + window]


def find_place(patch: Tensor, image: Tensor) -> Window | None:
    """Find the window of an image that is most like a patch, by halving the part in which it is looked for.

    Args:
        patch: (C, *P), of the half resolution.
        image: (C, *S), of the full one.

    Returns:
        The window, in voxels of `image`, twice the patch wide; None where the image is too flat.

    Example:
        >>> image = torch.rand(1, 40, 50, generator=torch.Generator().manual_seed(0))
        >>> find_place(halve(image[:, 11:27, 20:36]).flip(1), image)
        (slice(11, 27, None), slice(20, 36, None))
    """
    offsets = list(product((0, 1), repeat=image.ndim - 1))
    ways = halve_all_ways(image)
    best = min(range(len(ways)), key=lambda number: _distance(patch, ways[number]))
    part = ways[best]
    if not math.isfinite(_distance(patch, part)):
        return None
    size, starts = patch.shape[1:], [0] * (image.ndim - 1)
    while any(side > length for side, length in zip(part.shape[1:], size, strict=True)):
        axis = max(range(len(size)), key=lambda number: part.shape[number + 1] - size[number])
        places = part.shape[axis + 1] - size[axis] + 1
        first = part.narrow(axis + 1, 0, places // 2 + size[axis] - 1)
        second = part.narrow(axis + 1, places // 2, part.shape[axis + 1] - places // 2)
        if _distance(patch, second) < _distance(patch, first):
            part, starts[axis] = second, starts[axis] + places // 2
        else:
            part = first
    begin = [2 * start + offset for start, offset in zip(starts, offsets[best], strict=True)]
    return tuple(slice(start, start + 2 * length) for start, length in zip(begin, size, strict=True))


def turn_alike(window: Tensor, patch: Tensor) -> Tensor:
    """Turn or mirror a window so that it is most like a patch of its shape.

    Args:
        window: (C, *P), all P equal.
        patch: (C, *P).

    Returns:
        (C, *P).

    Example:
        >>> patch = torch.arange(9.0).reshape(1, 3, 3)
        >>> torch.equal(turn_alike(torch.rot90(patch, 1, (1, 2)), patch), patch)
        True
    """
    wanted = patch - patch.mean()
    return max((turned[0] for turned in orientations(window[None])), key=lambda turned: float((turned * wanted).sum()))


def _distance(patch: Tensor, part: Tensor) -> float:
    """Distance to the most similar place, infinite where everything is too flat."""
    value = nearest_distance(patch[None], [part]).item()
    return math.inf if math.isnan(value) else value
