"""Objects of label maps, with their shapes and if wanted their pixels, in a few flat arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_genaug.masks.instances import Mask

Pixels = NDArray[np.float32]
MARGIN = 2  # voxels of an image that are kept around an object, so that seams can be blended
PIXEL_LEVELS = 65535


@dataclass(frozen=True, eq=False)
class ObjectStore:
    """N objects of M label maps, in the order of the maps.

    Args:
        instances: whether the maps number objects; else they hold classes.
        boxes: (N, D) sides of each object's box in voxels, int32; 0 where the shape is not kept.
        areas: (N,) voxels, int64.
        classes: (N,) values of a class map, int64; 1 for instances.
        bits: (bytes,) uint8: the kept shapes, eight voxels a byte.
        sizes: (M, D) of each map, int32.
        counts: (M,) objects of each map, int64.
        touching: (M,) share of each map's objects that touch another one, diagonals included.
        cut: (M,) share of each map's objects that its border cuts.
        channels: of the pixels, 0 without.
        pixels: (values,) uint16: of each kept object (channels, box + 2 MARGIN), 65535 for the intensity 1.
    """

    instances: bool
    boxes: NDArray[np.int32]
    areas: NDArray[np.int64]
    classes: NDArray[np.int64]
    bits: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    counts: NDArray[np.int64]
    touching: NDArray[np.float64]
    cut: NDArray[np.float64]
    channels: int
    pixels: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.areas)

    @property
    def dims(self) -> int:
        """Spatial dimensions."""
        return self.sizes.shape[1]

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Index of each map's first object, and N, (M + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def kept(self) -> Mask:
        """Whether each object's shape is kept, (N,)."""
        return self.boxes.min(axis=1) > 0

    @cached_property
    def bit_ends(self) -> NDArray[np.int64]:
        """Where each object's bytes end in `bits`, (N,)."""
        return np.cumsum(-(-self.boxes.astype(np.int64).prod(axis=1) // 8))

    @cached_property
    def pixel_ends(self) -> NDArray[np.int64]:
        """Where each object's values end in `pixels`, (N,)."""
        voxels = (self.boxes.astype(np.int64) + 2 * MARGIN).prod(axis=1)
        return np.cumsum(np.where(self.kept, self.channels * voxels, 0))

    @cached_property
    def digest(self) -> str:
        """Sixteen letters that tell one content from another, alike in every process."""
        digest = hashlib.blake2b(digest_size=8)
        for name, value in self.arrays().items():
            digest.update(f"{name}:{value.dtype.str}:{value.shape};".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Give all fields by name, as arrays."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    def shape(self, index: int) -> Mask:
        """Give a kept object's voxels in its box, (*box) bool."""
        box = self.boxes[index]
        count, end = int(box.prod()), int(self.bit_ends[index])
        bits = np.unpackbits(self.bits[end - -(-count // 8) : end], count=count)
        return bits.view(np.bool_).reshape(box)

    def crop(self, index: int) -> Pixels:
        """Give a kept object's pixels and those around it, (channels, *(box + 2 MARGIN)), in [0, 1]."""
        box = self.boxes[index] + 2 * MARGIN
        end = int(self.pixel_ends[index])
        levels = self.pixels[end - self.channels * int(box.prod()) : end]
        return levels.reshape(self.channels, *box).astype(np.float32) / np.float32(PIXEL_LEVELS)
