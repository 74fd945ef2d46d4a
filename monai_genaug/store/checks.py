"""Checks of masks before the first image is made of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from monai.transforms import Randomizable

from monai_genaug._rng import derive_seed
from monai_genaug.data import check_label_map, read_array
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.masks.sampler import MaskSampler, read_map
from monai_genaug.store.masks import MaskSource
from monai_genaug.synthesis import sample_masks

logger = logging.getLogger(__name__)
TRIES = 32  # maps that a sampler may draw until one holds an object


def check_masks(
    entries: Iterable[Mapping[str, Any]], generator: ConditionalGenerator, sampler: Randomizable | None = None
) -> None:
    """Read every mask and refuse what the generator cannot take, before the first image is made.

    Args:
        entries: of `list_masks`.
        generator: that is to take them.
        sampler: that makes new masks of them first, if there is one; what it makes is not checked here.

    Raises:
        ValueError: naming the file, if it cannot be read or its dimensions, channels or values do not fit, or
            it looks like an image.
    """
    for source in dict.fromkeys(entry["label"] for entry in entries):
        array = read_array(source)[0]
        label = torch.tensor(array)
        try:
            if sampler is None:
                generator.encode(label[None])
            elif isinstance(sampler, MaskSampler):
                sampler.check_values(read_map(label))
        except ValueError as error:
            taker = "generator" if sampler is None else "sampler"
            raise ValueError(f"{source} is no mask for this {taker}: {error}") from error
        check_label_map(label, name=str(source))
        if array.min() > 0:
            logger.warning("%s has no background: is it an image, and no mask?", source)


def check_drawn(source: MaskSource, sampler: Randomizable) -> None:
    """Draw masks out of nothing until one holds an object, and refuse a sampler that makes none.

    Args:
        source: of empty labels.
        sampler: that is to fill them.

    Raises:
        ValueError: if none of the masks holds an object.
    """
    for number in range(TRIES):
        if sample_masks(sampler, source.draw(number).label[None], [derive_seed(source.seed, "trial", number)]).any():
            return
    raise ValueError(
        f"{type(sampler).__name__} made no object in {TRIES} empty masks, expected some: give --masks for a sampler "
        "that changes masks, or a sampler that draws objects, such as ProceduralNuclei."
    )
