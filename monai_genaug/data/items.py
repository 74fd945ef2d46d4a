"""Images and labels of a data list in memory, with intensities in [0, 1]."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from monai.transforms import (
    EnsureChannelFirstd,
    LoadImaged,
    MapTransform,
    ScaleIntensityRange,
    ScaleIntensityRangePercentiles,
)
from monai.utils import convert_to_dst_type
from torch import Tensor

from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data.arrays import strip_suffix
from monai_genaug.data.label_maps import check_label_map
from monai_genaug.data.reader import AnyImageReader
from monai_genaug.data.splits import group_of

Item = dict[str, Any]
KEYS = ("image", "label")


def load_items(entries: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Load the images and labels of one split, all of one kind, and scale the images by `scale_to_unit`.

    Args:
        entries: of `load_datalist`, or an ordinary list of MONAI: paths under image and label, perhaps a group.

    Returns:
        For each entry ``{"image": (C, *S) float32 in [0, 1], "label": (1, *S) int64, "group": str, "name": str}``;
        the group is that of `group_of`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file cannot be read, an image holds NaN or Inf, a label is no label map of one channel and
            its image's size, or the images differ in channels or dimensions.

    Example:
        >>> import tempfile
        >>> from monai_genaug.data import load_datalist
        >>> from monai_genaug.phantoms import write_nuclei_dataset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = write_nuclei_dataset(folder, counts={"training": 1}, spatial_size=(32, 48))
        ...     [item] = load_items(load_datalist(file, fractions=(1, 0, 0))["training"])
        >>> item["image"].shape, item["label"].dtype, item["name"]
        (torch.Size([1, 32, 48]), torch.int64, 'training_000')
    """
    steps = (
        LoadImaged(KEYS, reader=AnyImageReader(), dtype=None),
        EnsureChannelFirstd(KEYS),
        CheckPaird(KEYS),
        ScaleToUnitd(KEYS[0]),
    )  # no Compose: it would hide errors in its own
    items: list[Item] = []
    for entry in entries:
        if not entry.keys() >= set(KEYS):
            raise ValueError(
                f"an item has the keys {sorted(entry)}, expected image and label: name one of its images `image` in "
                "the data list."
            )
        sample: dict[Any, Any] = {key: entry[key] for key in KEYS}
        for step in steps:
            sample = step(sample)
        image, label = as_plain_tensor(sample["image"]), as_plain_tensor(sample["label"])
        if items and (image.ndim, image.shape[0]) != (items[0]["image"].ndim, items[0]["image"].shape[0]):
            raise ValueError(
                f"{entry['image']} has the shape {tuple(image.shape)}, {items[0]['name']} has "
                f"{tuple(items[0]['image'].shape)}, expected equal channels and dimensions: use one kind of image."
            )
        name = strip_suffix(Path(entry["image"]).name)
        items.append({"image": image, "label": label, "group": group_of(entry), "name": name})
    return items


class CheckPaird(MapTransform):
    """Checks that a label is a label map of one channel and its image's size, and makes it int64.

    Args:
        keys: of the image and of the label.

    Raises:
        ValueError: from the call, if it is not.

    Example:
        >>> pair = {"image": torch.rand(1, 2, 2), "label": torch.ones(1, 2, 2)}
        >>> CheckPaird(["image", "label"])(pair)["label"].dtype
        torch.int64
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give the sample with its label as int64."""
        sample = dict(data)
        image, label = (sample[key] for key in self.keys)
        names = [_source(part, key) for part, key in zip((image, label), self.keys, strict=True)]
        if tuple(label.shape) != (1, *image.shape[1:]):
            raise ValueError(
                f"{names[1]} has the shape {tuple(label.shape)}, expected {(1, *image.shape[1:])} to fit "
                f"{names[0]}: export both on one grid, the label as one channel."
            )
        check_label_map(label, name=names[1])
        sample[self.keys[1]] = label.to(torch.int64)
        return sample


class ScaleToUnitd(MapTransform):
    """Scales images to [0, 1] by `scale_to_unit`, as the images were scaled that generators are trained on.

    Args:
        keys: of the images.

    Example:
        >>> ScaleToUnitd("image")({"image": torch.arange(3.0).reshape(1, 1, 3)})["image"].flatten()
        tensor([0.0000, 0.5000, 1.0000])
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give the sample with its images scaled."""
        sample = dict(data)
        for key in self.key_iterator(sample):
            scaled = scale_to_unit(as_plain_tensor(sample[key]), name=_source(sample[key], key))
            sample[key] = convert_to_dst_type(scaled, dst=sample[key], dtype=torch.float32)[0]
        return sample


def _source(image: Tensor, key: Hashable) -> str:
    """Name an image by its file, if it knows it."""
    return str(getattr(image, "meta", {}).get("filename_or_obj", key))


def scale_to_unit(image: Tensor, *, name: str = "image") -> Tensor:
    """Scale an image to [0, 1].

    8-bit colour keeps its fixed range, since stain colour carries meaning; in everything else each channel is scaled by
    its percentiles 0.1 and 99.9, since exposure differs from image to image.

    Args:
        image: (C, *S), any real type.
        name: what the error calls it.

    Returns:
        (C, *S), float32 in [0, 1]; a constant channel becomes 0.

    Raises:
        ValueError: for NaN or Inf.

    Example:
        >>> scale_to_unit(torch.tensor([[[0]], [[51]], [[255]]], dtype=torch.uint8)).flatten()
        tensor([0.0000, 0.2000, 1.0000])
    """
    values = image.float()
    if not torch.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or Inf, expected finite intensities: mend the file or leave it out.")
    if image.dtype == torch.uint8 and image.shape[0] == 3:
        scale = ScaleIntensityRange(0.0, 255.0, 0.0, 1.0)
    else:
        scale = ScaleIntensityRangePercentiles(0.1, 99.9, 0.0, 1.0, channel_wise=True)
    return as_plain_tensor(torch.as_tensor(scale(values))).clamp(0.0, 1.0)
