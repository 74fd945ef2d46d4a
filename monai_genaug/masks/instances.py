"""Objects in a label map, one connected region each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
SLIVER_SHARE = 0.05
ENCLOSED = 0.8  # of what is around an object, from which it lies inside of others
PIECES = 3  # of one value, which no object lies in


def separate_instances(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each connected piece of a value a value of its own.

    The largest piece keeps the value, pieces under 1/20 of the largest become background, and the others take the
    smallest values that are not in use.

    Args:
        label: instance label map (*S), whole numbers >= 0, 0 = background.

    Returns:
        New label map (*S), int64, in which each value but 0 is one region (diagonal neighbours count).

    Example:
        >>> separate_instances(np.array([[7, 7, 0, 7, 0, 1]]))
        array([[7, 7, 0, 2, 0, 1]])
    """
    from scipy import ndimage

    foreground = label > 0
    present, order = np.unique(label[foreground], return_inverse=True)
    index = np.zeros(label.shape, dtype=np.int64)
    index[foreground] = order + 1  # 1..len(present), so that the boxes below are few
    separated = index.copy()
    neighbours = np.ones((3,) * label.ndim)
    used = 1 + len(present)
    for value, box in enumerate(ndimage.find_objects(index), start=1):
        pieces, count = ndimage.label(index[box] == value, structure=neighbours)
        if count == 1:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        largest = int(sizes.argmax())
        new = sizes >= SLIVER_SHARE * sizes[largest]
        new[largest] = False
        renamed = np.zeros(count + 1, dtype=np.int64)
        renamed[1:][new] = np.arange(used, used + new.sum())
        renamed[1 + largest] = value
        used += int(new.sum())
        separated[box] = np.where(pieces > 0, renamed[pieces], separated[box])
    free = np.setdiff1d(np.arange(1, used), present)[: used - 1 - len(present)]
    return np.concatenate([[0], present, free])[separated]


def grow(mask: Mask) -> Mask:
    """Add the voxels next to a mask (*S), diagonals included.

    Example:
        >>> grow(np.array([[0, 0, 1, 0]], bool)).astype(int)
        array([[0, 1, 1, 1]])
    """
    for axis in range(mask.ndim):
        grown = mask.copy()
        low: list[slice] = [slice(None)] * mask.ndim
        high = low.copy()
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        grown[tuple(low)] |= mask[tuple(high)]
        grown[tuple(high)] |= mask[tuple(low)]
        mask = grown
    return mask


def largest_piece(mask: Mask) -> Mask:
    """Keep the largest connected piece of a mask (*S), diagonal neighbours counted.

    Example:
        >>> largest_piece(np.array([[1, 0, 1, 1]], bool)).astype(int)
        array([[0, 0, 1, 1]])
    """
    from scipy import ndimage

    pieces, count = ndimage.label(mask, structure=np.ones((3,) * mask.ndim))
    return mask if count < 2 else pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()


def number_objects(values: NDArray[np.int64], *, instances: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the objects of a map.

    Args:
        values: (*S), 0 = background.
        instances: whether each value is an object; else each connected piece of a value is one.

    Returns:
        Map (*S) of 0 and 1..n, and the value of each object (n,).

    Example:
        >>> number_objects(np.array([[7, 0, 7, 9]]), instances=False)
        (array([[1, 0, 2, 3]]), array([7, 7, 9]))
    """
    from scipy import ndimage

    foreground = values > 0
    present, order = np.unique(values[foreground], return_inverse=True)
    index = np.zeros(values.shape, dtype=np.int64)
    if instances:
        index[foreground] = order + 1
        return index, present
    counts, before = [], 0
    for value in present:
        pieces, count = ndimage.label(values == value, structure=np.ones((3,) * values.ndim))
        index += np.where(pieces > 0, pieces + before, 0)
        counts.append(count)
        before += count
    return index, np.repeat(present, counts)


def tight_box(mask: Mask) -> tuple[slice, ...]:
    """Give the smallest box that holds all voxels of a mask, of which there is one at least.

    Example:
        >>> tight_box(np.array([[False, False, False], [False, True, True]]))
        (slice(1, 2, None), slice(1, 3, None))
    """
    box = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(box)


def is_foreground(values: NDArray[np.int64]) -> bool:
    """Tell whether a map holds no objects but foreground: 0 and 1 alone, and 1 in three pieces or more.

    Pieces under 1/20 of the largest do not count, as cropping may cut them off an object.

    Example:
        >>> is_foreground(np.array([[1, 0, 1, 0, 1]])), is_foreground(np.array([[1, 0, 2, 0, 1]]))
        (True, False)
    """
    from scipy import ndimage

    if values.max(initial=0) != 1:
        return False
    pieces, _ = ndimage.label(values, structure=np.ones((3,) * values.ndim))
    sizes = np.bincount(pieces.ravel())[1:]
    return int((sizes >= SLIVER_SHARE * sizes.max()).sum()) >= PIECES


def warn_of_nested(maps: Iterable[NDArray[np.int64]]) -> None:
    """Warn of classes that mostly lie inside others, such as a core in its oedema: their objects are taken apart.

    Args:
        maps: class maps (*S).
    """
    from scipy import ndimage

    shares: dict[int, list[bool]] = {}
    for values in maps:
        index, classes = number_objects(values, instances=False)
        for number, (value, box) in enumerate(zip(classes.tolist(), ndimage.find_objects(index), strict=True), start=1):
            wide = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)
            piece = index[wide] == number
            around = values[wide][grow(piece) & ~piece]
            others = (around > 0).mean() if around.size else 0.0
            shares.setdefault(value, []).append(bool(others > ENCLOSED))
    nested = [value for value, inside in shares.items() if 2 * sum(inside) > len(inside)]
    if nested:
        warnings.warn(
            f"class {', '.join(map(str, nested))} mostly lies inside of others: each class is taken for objects of its "
            "own, and new maps hold them apart. Join such classes into one before, or draw nothing but whole labels "
            "(LabelDeformation).",
            stacklevel=4,
        )
