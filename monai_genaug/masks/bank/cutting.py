"""Cutting objects out of label maps and images."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug.masks.bank.store import MARGIN, PIXEL_LEVELS, ObjectStore
from monai_genaug.masks.instances import Mask, grow, largest_piece, number_objects, tight_box, warn_of_nested
from monai_genaug.masks.sampler import Labels, label_to_tensor, read_map

ENOUGH = 10  # whole objects of a class, with which those that the border cuts are not needed
CUT_SHARE = 0.5  # of a whole object's usual area: what the border cuts smaller is not kept
SPLIT_SHARE = 0.05  # of an object's largest piece: smaller ones do not count as pieces


class _Cut(NamedTuple):
    """One object as it is cut out."""

    value: int
    shape: Mask
    at_border: bool
    touches: bool
    pieces: int
    pixels: NDArray[np.uint16] | None


def cut_objects(
    labels: Iterable[NDArray[Any] | Tensor], images: Iterable[NDArray[Any] | Tensor] | None, *, instances: bool
) -> ObjectStore:
    """Cut every object out of label maps.

    Shapes that the border of a map cuts are kept only of classes with fewer than ten whole objects, and only where half
    of a whole one's area is left, or of the largest where there is no whole one.

    Args:
        labels: (1, *S) each, 2D or 3D, whole numbers >= 0.
        images: (C, *S) each, in [0, 1], for their pixels; None for shapes alone.
        instances: whether each value is an object; False: each connected piece of a value is one (diagonals included).

    Returns:
        The objects.

    Raises:
        ValueError: if there is no object, maps differ in dimensions, or images do not fit them.

    Example:
        >>> label = np.zeros((1, 8, 8), np.uint8)
        >>> label[0, 2:4, 3:6] = 1
        >>> objects = cut_objects([label], None, instances=True)
        >>> len(objects), objects.areas.tolist(), objects.shape(0).shape
        (1, [6], (2, 3))
    """
    channels = 0
    sizes: list[tuple[int, ...]] = []
    counts: list[int] = []
    cuts: list[_Cut] = []
    maps: list[Labels] = []
    pairs = zip(labels, repeat(None)) if images is None else zip(labels, images, strict=True)
    for number, (label, image) in enumerate(pairs):
        values = read_map(label, name=f"labels[{number}]")
        if sizes and values.ndim != len(sizes[0]):
            raise ValueError(
                f"labels[{number}] is {values.ndim}D, labels[0] is {len(sizes[0])}D, expected all 2D or all 3D: keep "
                "planes and volumes apart."
            )
        levels = None if image is None else _check_levels(image, values.shape, number, channels)
        found = list(_cut_map(values, levels, instances))
        channels = 0 if levels is None else len(levels)
        maps.append(values)
        sizes.append(values.shape)
        counts.append(len(found))
        cuts += found
    if not instances:
        warn_of_nested(maps)
    if not cuts:
        raise ValueError(
            f"labels hold no object in {len(sizes)} maps, expected at least one value above 0: pass labels in which "
            "objects are marked."
        )
    if instances and np.mean([cut.pieces > 1 for cut in cuts]) > 0.5:
        warnings.warn(
            "most values lie in several pieces, of which the largest is taken as the object: pass instances=False "
            "(--classes or --binary on the command line) if values are classes or foreground.",
            stacklevel=3,
        )
    return _pack(cuts, instances, channels, sizes=sizes, counts=counts)


def find_boxes(index: NDArray[np.int64]) -> list[tuple[slice, ...]]:
    """Give the box of each object of a numbered map.

    Example:
        >>> find_boxes(np.array([[1, 0, 2, 2]]))
        [(slice(0, 1, None), slice(0, 1, None)), (slice(0, 1, None), slice(2, 4, None))]
    """
    from scipy import ndimage

    return list(ndimage.find_objects(index))


def _cut_map(values: Labels, levels: NDArray[np.uint16] | None, instances: bool) -> Iterator[_Cut]:
    """Cut the objects out of one map (*S), and their pixels out of its image (C, *S)."""
    index, found = number_objects(values, instances=instances)
    size = values.shape
    for number, box in enumerate(find_boxes(index), start=1):
        wide = tuple(slice(max(b.start - 1, 0), b.stop + 1) for b in box)
        own = index[wide] == number
        touches = bool((grow(own) & (index[wide] > 0) & ~own).any())
        shape, pieces = _main_piece(index[box] == number)
        tight = tight_box(shape)
        place = tuple(slice(b.start + t.start, b.start + t.stop) for b, t in zip(box, tight, strict=True))
        at_border = any(n > 1 and (b.start == 0 or b.stop == n) for b, n in zip(place, size, strict=True))
        pixels = None if levels is None else _cut_pixels(levels, place)
        yield _Cut(1 if instances else int(found[number - 1]), shape[tight], at_border, touches, pieces, pixels)


def _main_piece(mask: Mask) -> tuple[Mask, int]:
    """Give the largest piece of an object, and how many pieces of notable size it has."""
    largest = largest_piece(mask)
    rest = mask & ~largest
    second = np.count_nonzero(largest_piece(rest)) if rest.any() else 0
    return largest, 1 + int(second > SPLIT_SHARE * np.count_nonzero(largest))


def _cut_pixels(levels: NDArray[np.uint16], box: tuple[slice, ...]) -> NDArray[np.uint16]:
    """Cut a box and what is around it out of an image (C, *S); beyond the border its last voxels go on."""
    index = [
        np.clip(np.arange(b.start - MARGIN, b.stop + MARGIN), 0, n - 1)
        for b, n in zip(box, levels.shape[1:], strict=True)
    ]
    return levels[np.ix_(np.arange(len(levels)), *index)]


def _pack(
    cuts: list[_Cut], instances: bool, channels: int, *, sizes: list[tuple[int, ...]], counts: list[int]
) -> ObjectStore:
    """Write objects into flat arrays, without the shapes of those that are cut where there are enough whole ones."""
    classes = np.array([cut.value for cut in cuts], dtype=np.int64)
    whole = np.array([not cut.at_border for cut in cuts])
    scarce = [value for value in np.unique(classes) if np.count_nonzero(whole & (classes == value)) < ENOUGH]
    areas = np.array([np.count_nonzero(cut.shape) for cut in cuts], dtype=np.int64)
    keep = whole.copy()
    for value in scarce:
        own = classes == value
        typical = np.median(areas[own & whole]) if (own & whole).any() else areas[own].max()
        keep |= own & (areas >= CUT_SHARE * typical)  # slivers would pass for whole objects
    kept = [cut for cut, stays in zip(cuts, keep, strict=True) if stays]
    boxes = np.array([cut.shape.shape for cut in cuts], dtype=np.int32)
    pixels = [cut.pixels.ravel() for cut in kept if cut.pixels is not None]
    flags = np.array([(cut.touches, cut.at_border) for cut in cuts])
    map_of = np.repeat(np.arange(len(counts)), counts)
    touching, at_border = (np.bincount(map_of, flag, len(counts)) / np.maximum(counts, 1) for flag in flags.T)
    return ObjectStore(
        instances=instances,
        boxes=np.where(keep[:, None], boxes, 0).astype(np.int32),
        areas=areas,
        classes=classes,
        bits=np.concatenate([np.packbits(cut.shape) for cut in kept]),
        sizes=np.array(sizes, dtype=np.int32),
        counts=np.array(counts, dtype=np.int64),
        touching=touching,
        cut=at_border,
        channels=channels,
        pixels=np.concatenate(pixels) if pixels else np.zeros(0, np.uint16),
    )


def _check_levels(
    image: NDArray[Any] | Tensor, size: tuple[int, ...], number: int, channels: int
) -> NDArray[np.uint16]:
    """Give an image (C, *S) in [0, 1] as whole levels."""
    if tuple(image.shape[1:]) != size or 0 in image.shape or channels not in {0, image.shape[0]}:
        raise ValueError(
            f"images[{number}] has shape {tuple(image.shape)}, expected ({channels or 'C'}, *{size}) to fit its label "
            "and the other images: load both with EnsureChannelFirst and use one kind of image."
        )
    values = label_to_tensor(image).to(torch.float32)
    lowest, highest = (bound.item() for bound in values.aminmax())
    if not (lowest >= -0.05 and highest <= 1.05):  # False for NaN
        raise ValueError(
            f"images[{number}] goes from {lowest:g} to {highest:g}, expected intensities in [0, 1]: scale it with "
            "monai_genaug.data.items.scale_to_unit."
        )
    return (values.clamp(0.0, 1.0) * PIXEL_LEVELS).round().to(torch.int32).numpy().astype(np.uint16)
