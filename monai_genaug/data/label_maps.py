"""What tells a label map from an image that was taken for one."""

from __future__ import annotations

import os
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_label
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data.arrays import read_array

FEW = 8  # values that any label map may have, however they lie
FEW_IN_JPEG = 2
LONELY = 0.1  # share of a value's voxels, from which on it is scattered


def read_label_map(source: str | os.PathLike[str]) -> Tensor:
    """Read a label map.

    Args:
        source: what `read_array` reads.

    Returns:
        (1, *S), int64.

    Raises:
        FileNotFoundError: if the source does not exist.
        ValueError: if it cannot be read, has several channels, or holds what `check_label_map` refuses.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     read_label_map(write_array(f"{folder}/label.png", np.array([[[0, 700]]], np.uint16)))
        tensor([[[  0, 700]]])
    """
    return take_label_map(read_array(source)[0], name=str(source))


def take_label_map(array: NDArray[Any], *, name: str) -> Tensor:
    """Give what was read from a file as a label map.

    Args:
        array: of `read_array`.
        name: what errors call it.

    Returns:
        (1, *S), int64.

    Raises:
        ValueError: for several channels, or what `check_label_map` refuses.

    Example:
        >>> take_label_map(np.array([[[0, 700]]], np.uint16), name="a.png")
        tensor([[[  0, 700]]])
    """
    if array.shape[0] != 1:
        raise ValueError(
            f"{name} has {array.shape[0]} channels, expected one: save label maps as one grey channel; if it is an "
            "image, check that images and labels are not mixed up."
        )
    numbers = torch.from_numpy(array.astype(np.float64 if array.dtype.kind == "f" else np.int64))
    return check_label_map(numbers, name=name)


def check_label_map(label: Tensor, *, name: str = "label") -> Tensor:
    """Return a label map as int64; raise where its values are no label values, or lie as those of an image do.

    Objects and classes are regions: hardly a voxel is without a neighbour of its own value. In an image, and in what
    JPEG leaves around the edges of a mask, most values are scattered over single voxels.

    Args:
        label: (1, *S), any real type.
        name: what the error calls it; in a JPEG file, fewer values are enough to give it away.

    Returns:
        (1, *S), int64.

    Raises:
        ValueError: for values that are not whole, finite and >= 0, and for an image.

    Example:
        >>> check_label_map(torch.arange(400).reshape(1, 20, 20) % 23)
        Traceback (most recent call last):
            ...
        ValueError: label holds 22 values, most of them scattered over single pixels, ...
    """
    whole = check_label(as_plain_tensor(label), name=name)
    values = _number(whole[0].cpu().numpy())
    counts = np.bincount(values.ravel())[1:]
    repeated = counts > 1  # a single voxel may be an object
    few = FEW_IN_JPEG if name.lower().endswith((".jpg", ".jpeg")) else FEW
    if repeated.sum() <= few:
        return whole
    lonely = np.bincount(values[_stand_alone(values)], minlength=len(counts) + 1)[1:]
    if (lonely[repeated] > LONELY * counts[repeated]).mean() > 0.5:
        raise ValueError(
            f"{name} holds {np.count_nonzero(counts)} values, most of them scattered over single pixels, expected "
            "objects or classes: it looks like an image, or a mask that was saved as JPEG: save masks as PNG, TIFF or "
            "NIfTI."
        )
    return whole


def _number(values: NDArray[Any]) -> NDArray[Any]:
    """Give values >= 0 that are no larger than can be counted with little memory, 0 for 0."""
    if not values.size or values.max() < values.size:
        return values
    present, order = np.unique(values, return_inverse=True)
    return order.reshape(values.shape) + int(present[0] != 0)


def _stand_alone(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which voxels have no neighbour of their own value, diagonal ones included."""
    alone = np.ones(values.shape, bool)
    for step in product((-1, 0, 1), repeat=values.ndim):
        if step > (0,) * values.ndim:  # each pair of neighbours once
            along = list(zip(step, values.shape, strict=True))
            here = tuple(slice(max(0, -by), size - max(0, by)) for by, size in along)
            there = tuple(slice(max(0, by), size - max(0, -by)) for by, size in along)
            differ = values[here] != values[there]
            alone[here] &= differ
            alone[there] &= differ
    return alone
