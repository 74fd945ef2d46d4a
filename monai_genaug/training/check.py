"""Whether data and configuration fit, found out before the first epoch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from monai_genaug.data import DatalistSummary, describe_datalist
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.masks.encodings import BinaryEncoding, OneHotEncoding
from monai_genaug.training.discriminators import least_crop

logger = logging.getLogger(__name__)
MOST_CLASSES = 8


def check_training_data(
    entries: Sequence[Mapping[str, Any]],
    generator: ConditionalGenerator,
    *,
    crop_size: int,
    discriminator_layers: int | None = None,
    limit: int | None = 200,
) -> DatalistSummary:
    """Read images and labels, log what they are like, and refuse what the configuration does not fit.

    Args:
        entries: of `load_datalist`.
        generator: that is to be trained.
        crop_size: side of the crops, pixels.
        discriminator_layers: of the `patch_discriminator` that sees the crops; None: there is no such.
        limit: read at most so many images, evenly spread; None reads all.

    Returns:
        What the data is like.

    Raises:
        ValueError: if channels, dimensions, label values or sizes do not fit; it names the setting to change.
    """
    found = check_images(
        entries,
        spatial_dims=generator.spatial_dims,
        image_channels=generator.image_channels,
        crop_size=crop_size,
        stride=generator.stride,
        limit=limit,
    )
    _check_crop(crop_size, generator, discriminator_layers)
    _check_labels(found, generator)
    return found


def check_unpaired_data(
    images: Sequence[Mapping[str, Any]],
    masks: Sequence[Mapping[str, Any]],
    generator: ConditionalGenerator,
    *,
    crop_size: int,
    discriminator_layers: int | None = None,
    limit: int | None = 200,
) -> None:
    """Check two lists that do not belong together, as `check_training_data` does one.

    Args:
        images: entries with an image.
        masks: entries with a label; there may be none, where a mask sampler makes them of nothing.
        generator: that is to be trained.
        crop_size: side of the crops, pixels.
        discriminator_layers: of the `patch_discriminator` that sees the crops; None: there is no such.
        limit: read at most so many of each, evenly spread; None reads all.

    Raises:
        ValueError: if channels, dimensions, label values or sizes do not fit; it names the setting to change.
    """
    if shared := {str(entry["image"]) for entry in images} & {str(entry["label"]) for entry in masks}:
        raise ValueError(
            f"{min(shared)} is listed as an image and as a mask, expected label maps beside the images: set masks_dir "
            "to a folder of label maps, or to null and mask_sampler to one that draws them of nothing."
        )
    check_images(
        images,
        spatial_dims=generator.spatial_dims,
        image_channels=generator.image_channels,
        crop_size=crop_size,
        stride=generator.stride,
        limit=limit,
        labelled=False,
    )
    _check_crop(crop_size, generator, discriminator_layers)
    if not masks:
        logger.info("there are no masks, all are made by the mask sampler.")
        return
    found = describe_datalist(masks, limit, image_key="label")
    logger.info("%d masks: %dD, %s, up to %d.", found.n, found.spatial_dims, found.label_kind, found.label_max)
    if found.spatial_dims != generator.spatial_dims:
        raise ValueError(
            f"masks have {found.spatial_dims} dimensions, images {generator.spatial_dims}: expected equal dimensions."
        )
    if found.label_max == 0:
        raise ValueError("all masks are empty, expected foreground: check that they are masks with values above 0.")
    _check_labels(found, generator)


def check_unlabelled_images(
    images: Sequence[Mapping[str, Any]], generator: ConditionalGenerator, *, limit: int | None = 200
) -> None:
    """Read images that are trained on beside pairs, and refuse what is not of the pairs' kind.

    Args:
        images: entries with an image; there may be none.
        generator: that is to be trained, and whose pairs were checked.
        limit: read at most so many, evenly spread; None reads all.

    Raises:
        ValueError: if channels or dimensions do not fit, or all images are constant.
    """
    if not images:
        return
    found = describe_datalist(images, limit, label_key=None)
    _log_images("unlabelled images", found)
    for what, has, wanted in (
        ("dimensions", found.spatial_dims, generator.spatial_dims),
        ("channels", found.channels, generator.image_channels),
    ):
        if has != wanted:
            raise ValueError(
                f"unlabelled images have {has} {what}, the images of the pairs {wanted}: set unlabelled_dir to images "
                "of the same kind."
            )
    _check_contrast("unlabelled images", found)


def check_images(
    entries: Sequence[Mapping[str, Any]],
    *,
    spatial_dims: int,
    image_channels: int,
    crop_size: int,
    stride: int,
    limit: int | None = 200,
    labelled: bool = True,
) -> DatalistSummary:
    """Read images and labels, log what they are like, and refuse what a network does not fit, whatever its classes.

    Args:
        entries: of `load_datalist`.
        spatial_dims: 2 or 3.
        image_channels: channels that the network takes or makes.
        crop_size: side of the crops, pixels.
        stride: of which crop sizes must be a multiple.
        limit: read at most so many images, evenly spread; None reads all.
        labelled: whether each has a label that shall be read too.

    Returns:
        What the data is like.

    Raises:
        ValueError: if channels, dimensions or sizes do not fit; it names the setting to change.
    """
    found = describe_datalist(entries, limit, label_key="label" if labelled else None)
    _log_images("training images", found, f"; labels: {found.label_kind}, up to {found.label_max}" if labelled else "")
    if found.spatial_dims != spatial_dims:
        raise ValueError(
            f"images have {found.spatial_dims} dimensions, the configuration spatial_dims={spatial_dims}: "
            f"set spatial_dims={found.spatial_dims}."
        )
    if found.channels != image_channels:
        raise ValueError(
            f"images have {found.channels} channels, the configuration image_channels={image_channels}: "
            f"set image_channels={found.channels}."
        )
    if crop_size < 1 or crop_size % stride:
        raise ValueError(
            f"crop_size is {crop_size}, expected a multiple of {stride}, the network's stride: set "
            f"crop_size={max(1, round(crop_size / stride)) * stride}."
        )
    _check_contrast("images", found)
    if labelled and found.label_max == 0:
        raise ValueError("all labels are empty, expected foreground: check that they are masks with values above 0.")
    if max(found.size_max) < crop_size:
        warnings.warn(
            f"all images are smaller than crop_size={crop_size} and will be mirrored at their borders: set a "
            f"crop_size of at most {max(found.size_max)}.",
            stacklevel=2,
        )
    return found


def _log_images(what: str, found: DatalistSummary, labels: str = "") -> None:
    sizes = " to ".join("x".join(map(str, size)) for size in sorted({found.size_min, found.size_max}))
    logger.info(
        "%d %s: %dD, %d channel(s), size %s, type %s, intensities %g to %g%s.",
        found.n,
        what,
        found.spatial_dims,
        found.channels,
        sizes,
        "/".join(found.dtypes),
        *found.intensity,
        labels,
    )


def _check_contrast(what: str, found: DatalistSummary) -> None:
    if found.intensity[0] == found.intensity[1]:
        raise ValueError(
            f"all {what} hold the value {found.intensity[0]:g} alone: check that images and labels are not mixed up."
        )


def _check_crop(crop_size: int, generator: ConditionalGenerator, discriminator_layers: int | None) -> None:
    """Refuse crops of which the halvings of the networks leave nothing."""
    of_discriminator = 1 if discriminator_layers is None else least_crop(discriminator_layers)
    least = max(generator.least_size, of_discriminator)
    if crop_size < least:
        fitting = -(-least // generator.stride) * generator.stride
        fewer = ", or fewer discriminator_layers" if of_discriminator > generator.least_size else ""
        raise ValueError(
            f"crop_size is {crop_size}, expected at least {least}, as the networks halve it several times: set "
            f"crop_size={fitting}{fewer}."
        )


def _check_labels(found: DatalistSummary, generator: ConditionalGenerator) -> None:
    classes = found.label_max
    if isinstance(generator.encoding, OneHotEncoding) and classes > generator.condition_channels:
        raise ValueError(
            f"labels go up to {classes}, the configuration has condition_channels={generator.condition_channels} "
            f"classes: set condition_channels={classes}, or encoding=@binary if values are instances."
        )
    if isinstance(generator.encoding, BinaryEncoding) and found.label_kind == "classes" and classes <= MOST_CLASSES:
        warnings.warn(
            f"labels look like {classes} classes; the generator will see foreground and background only. If they are "
            f"classes, set encoding=@one_hot and condition_channels={classes}.",
            stacklevel=3,
        )
