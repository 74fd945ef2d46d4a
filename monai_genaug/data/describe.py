"""A summary of what a data list really holds, from reading its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from monai_genaug.data._errors import FormatError
from monai_genaug.data.arrays import read_array
from monai_genaug.data.label_maps import read_label_map


@dataclass(frozen=True)
class DatalistSummary:
    """What images and labels of a data list have in common, and how far they spread.

    Attributes:
        n: number of items.
        n_read: number of items that were read.
        spatial_dims: 2 or 3.
        channels: number of image channels.
        size_min: smallest length along each spatial axis, in pixels.
        size_max: largest length along each spatial axis, in pixels.
        dtypes: types of the images.
        intensity: lowest and highest intensity.
        label_max: largest label value.
        label_kind: a guess: "binary", "classes" or "instances".
    """

    n: int
    n_read: int
    spatial_dims: int
    channels: int
    size_min: tuple[int, ...]
    size_max: tuple[int, ...]
    dtypes: tuple[str, ...]
    intensity: tuple[float, float]
    label_max: int
    label_kind: str


def describe_datalist(
    items: Sequence[Mapping[str, Any]],
    limit: int | None = 50,
    *,
    image_key: str = "image",
    label_key: str | None = "label",
) -> DatalistSummary:
    """Read images and labels of a data list and summarise them.

    Labels are guessed to be instances where values go beyond 2, nearly every value is one connected object, and images
    differ in their number of values.

    Args:
        items: ``{"image", "label", ...}``, as `load_datalist` gives them.
        limit: read at most so many items, evenly spread over the list; None reads all.
        image_key: which entry of an item is its image.
        label_key: which entry of an item is its label; None: it has none, and label_max is 0.

    Returns:
        The summary.

    Raises:
        ValueError: for an empty list, images that differ in channels or dimensions, labels that differ from their
            image in size or are no label maps, and intensities that are not finite.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     image = write_array(f"{folder}/image.png", np.full((3, 4, 6), 9, np.uint8))
        ...     label = write_array(f"{folder}/label.png", np.eye(4, 6, dtype=np.uint8)[None])
        ...     summary = describe_datalist([{"image": image, "label": label}])
        >>> summary.channels, summary.size_max, summary.intensity, summary.label_kind
        (3, (4, 6), (9.0, 9.0), 'binary')
    """
    if not items:
        raise ValueError("the data list is empty, expected at least one item: check where it comes from.")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}, expected at least 1, or None to read all.")
    chosen = np.unique(np.linspace(0, len(items) - 1, min(len(items), limit or len(items))).round().astype(int))
    facts = [_read_facts(items[index], image_key, label_key) for index in chosen]
    first = facts[0]
    for fact in facts:
        if (fact.channels, len(fact.size)) != (first.channels, len(first.size)):
            raise FormatError(
                f"{fact.source} has {fact.channels} channels and {len(fact.size)} dimensions, but {first.source} has "
                f"{first.channels} and {len(first.size)}: make lists of one kind."
            )
    sizes = np.array([fact.size for fact in facts])
    return DatalistSummary(
        n=len(items),
        n_read=len(facts),
        spatial_dims=len(first.size),
        channels=first.channels,
        size_min=tuple(sizes.min(axis=0).tolist()),
        size_max=tuple(sizes.max(axis=0).tolist()),
        dtypes=tuple(sorted({fact.dtype for fact in facts})),
        intensity=(min(fact.low for fact in facts), max(fact.high for fact in facts)),
        label_max=max(max(fact.values, default=0) for fact in facts),
        label_kind=_guess_kind(facts),
    )


class _Facts(NamedTuple):
    """What one image and its label hold."""

    source: str
    channels: int
    size: tuple[int, ...]
    dtype: str
    low: float
    high: float
    values: list[int]  # of the label, without 0
    single: int  # how many of them form one connected object


def _read_facts(item: Mapping[str, Any], image_key: str, label_key: str | None) -> _Facts:
    """Read and check one item."""
    if not {image_key, label_key or image_key} <= item.keys():
        raise ValueError(
            f"an item has the keys {sorted(item)}, expected {image_key!r} and {label_key!r}: pass image_key, label_key."
        )
    image = read_array(item[image_key])[0]
    whole = np.zeros((1, 1), np.int64) if label_key is None else _read_label(item, image, image_key, label_key)
    if not np.isfinite(image).all():
        raise FormatError(f"{item[image_key]} holds NaN or infinite intensities: mask or replace them first.")
    values = np.unique(whole)
    return _Facts(
        source=str(item[image_key]),
        channels=image.shape[0],
        size=image.shape[1:],
        dtype=image.dtype.name,
        low=float(image.min()),
        high=float(image.max()),
        values=values[values > 0].tolist(),
        single=_count_single_objects(whole),
    )


def _read_label(item: Mapping[str, Any], image: np.ndarray, image_key: str, label_key: str) -> np.ndarray:
    """Read and check the label of an image."""
    label = read_label_map(item[label_key]).numpy()
    if label.shape[1:] != image.shape[1:]:
        raise FormatError(
            f"{item[label_key]} has shape {label.shape}, expected {(1, *image.shape[1:])} as its image "
            f"{item[image_key]}: save labels in the size of their image."
        )
    return label[0]


def _count_single_objects(label: np.ndarray) -> int:
    """Number of label values that form one connected object each."""
    from scipy import ndimage

    present, order = np.unique(label, return_inverse=True)  # small numbers, so that the boxes below are few
    label = order.reshape(label.shape) + int(present[0] != 0)
    boxes = ndimage.find_objects(label)
    neighbours = np.ones((3,) * label.ndim)
    return sum(
        ndimage.label(label[box] == value, structure=neighbours)[1] == 1
        for value, box in enumerate(boxes, start=1)
        if box is not None
    )


def _guess_kind(facts: Sequence[_Facts]) -> str:
    """Whether label values look like a mask, classes or instances."""
    kinds = {value for fact in facts for value in fact.values}
    if len(kinds) <= 1:
        return "binary"
    counts = [len(fact.values) for fact in facts]
    mostly_single = sum(fact.single for fact in facts) >= 0.9 * sum(counts)
    varied = len(set(counts)) > 1 or len(facts) == 1
    return "instances" if len(kinds) > 2 and mostly_single and varied else "classes"
