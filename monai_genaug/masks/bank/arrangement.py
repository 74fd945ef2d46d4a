"""Putting the objects of a layout into a label map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_genaug.masks.bank.cutting import find_boxes
from monai_genaug.masks.bank.layouts import Layout
from monai_genaug.masks.bank.store import ObjectStore
from monai_genaug.masks.bank.warps import Warp, copy_shape
from monai_genaug.masks.instances import number_objects
from monai_genaug.masks.placement import Canvas
from monai_genaug.masks.sampler import Labels


class Placement(NamedTuple):
    """An object in a map.

    Args:
        source: index of the object in the bank.
        number: its voxels' value in the map.
        corner: voxel of the map at which the copy's box begins; it may lie outside.
        low: first voxel of the copy's box in the grid of `warp_points`.
        sides: of the copy's box.
        warp: how the copy differs from the object.
    """

    source: int
    number: int
    corner: tuple[int, ...]
    low: tuple[int, ...]
    sides: tuple[int, ...]
    warp: Warp


def arrange(store: ObjectStore, values: Labels, layout: Layout) -> tuple[Labels, list[Placement]]:
    """Put a layout's objects where a map has room for them.

    Args:
        store: of the objects.
        values: (*S), what is there before; it is left as it is.
        layout: what to put there.

    Returns:
        A map with the new objects numbered from its highest value on, and where they are.
    """
    canvas = Canvas(values)
    rng = np.random.RandomState(layout.seed)
    classes = _note_neighbours(canvas, store.instances) if layout.touch.any() and values.any() else []
    number = int(values.max()) + 1
    placed: list[Placement] = []
    for index, warp, touch, cut in zip(
        layout.objects.tolist(), layout.warps, layout.touch.tolist(), layout.cut.tolist(), strict=True
    ):
        copy = copy_shape(store.shape(index), warp)
        centers = partial(_draw_centers, rng, copy.mask.shape, values.shape, cut)
        own = int(store.classes[index])
        partners = None if store.instances else [k for k, other in enumerate(classes) if other != own]
        name = number + len(placed)
        if canvas.place(copy.mask, name, rng, touch=touch, partners=partners, draw_centers=centers):
            sides = copy.mask.shape
            corner = np.rint(canvas.objects[-1][0] + 0.5 - 0.5 * np.array(sides)).astype(int)
            placed.append(Placement(index, name, tuple(corner.tolist()), copy.low, sides, copy.warp))
            classes.append(own)
    return canvas.finish(), placed


def name_objects(store: ObjectStore, values: Labels, numbered: Labels, placed: Sequence[Placement]) -> Labels:
    """Give the new objects of an arranged map their class, or as instances the smallest numbers that are free.

    Args:
        store: of the objects.
        values: (*S), the map before.
        numbered: (*S), the map of `arrange`.
        placed: the objects of `arrange`.

    Returns:
        The map with its final values.
    """
    if not placed:
        return numbered
    if store.instances:
        used = np.unique(values) if values.any() else np.zeros(1, np.int64)
        names = np.setdiff1d(np.arange(1, len(used) + len(placed) + 1), used)[: len(placed)]
    else:
        names = store.classes[[place.source for place in placed]]
    first = placed[0].number
    new = numbered >= first
    named = numbered.copy()
    named[new] = names[numbered[new] - first]
    return named


def _draw_centers(
    rng: np.random.RandomState, sides: tuple[int, ...], size: tuple[int, ...], cut: bool, count: int
) -> NDArray[np.float64]:
    """Draw places (count, D) for a box, uniform over those where the border of the map cuts it, or does not."""
    half, whole = 0.5 * np.array(sides), np.array(size)
    if not cut:
        return rng.uniform(np.minimum(half, whole - half), np.maximum(half, whole - half), (count, len(size)))
    centers = rng.uniform(-half, whole + half, (8 * count, len(size)))
    at_border = ((centers < half - 0.5) | (centers > whole - half + 0.5)).any(axis=1)  # places are rounded
    return centers[np.argsort(~at_border, kind="stable")[:count]]


def _note_neighbours(canvas: Canvas, instances: bool) -> list[int]:
    """Tell a canvas of the objects that its map holds already, and give their values."""
    if not canvas.values.any():
        return []
    index, values = number_objects(canvas.values, instances=instances)
    for box in find_boxes(index):
        center = np.array([0.5 * (part.start + part.stop - 1) for part in box])
        canvas.objects.append((center, 0.5 * float(np.mean([part.stop - part.start for part in box]))))
    return [int(value) for value in values]
