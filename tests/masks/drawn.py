"""Drawn label maps for tests of the bank."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_genaug.masks.placement import Canvas


def ball(radius: int, dims: int = 2) -> np.ndarray:
    axes = np.indices((2 * radius + 1,) * dims) - radius
    return (axes**2).sum(0) <= radius**2


def nuclei(
    seed: int, size: tuple[int, ...] = (96, 96), count: int = 12, radius: int = 4, touching: float = 0.0
) -> np.ndarray:
    """Instance map (1, *size) of balls whose radii differ by one voxel at most."""
    rng = np.random.RandomState(seed)
    canvas = Canvas(np.zeros(size, np.int64))
    for value in range(1, count + 1):
        shape = ball(radius + rng.randint(-1, 2), len(size))
        canvas.place(shape, value, rng, touch=rng.uniform() < touching, tries=200)
    return canvas.values[None].astype(np.int32)


def class_map(seed: int, counts: tuple[int, ...], size: tuple[int, ...] = (96, 96)) -> np.ndarray:
    """Class map (1, *size) with so many balls of each class 1, 2, ...; those of a class have one size."""
    rng = np.random.RandomState(seed)
    canvas = Canvas(np.zeros(size, np.int64))
    for value, count in enumerate(counts, start=1):
        for _ in range(count):
            canvas.place(ball(2 + value, len(size)), value, rng, tries=200)
    return canvas.values[None].astype(np.uint8)


def regions(label: np.ndarray) -> int:
    """Number of connected regions, diagonals included."""
    return ndimage.label(label, structure=np.ones((3,) * label.ndim))[1]


def areas(label: np.ndarray) -> np.ndarray:
    return np.unique(label[label > 0], return_counts=True)[1]


def touching_share(label: np.ndarray) -> float:
    """Share of the instances with a voxel of another one beside them."""
    values = [value for value in np.unique(label) if value]
    beside = [label[ndimage.binary_dilation(label == v, np.ones((3,) * label.ndim)) & (label != v)] for v in values]
    return float(np.mean([(around > 0).any() for around in beside]))
