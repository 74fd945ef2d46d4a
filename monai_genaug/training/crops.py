"""Batches of random crops for training generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from monai.data import Dataset
from monai.transforms import (
    Compose,
    EnsureTyped,
    RandFlipd,
    RandRotate90d,
    RandSpatialCropd,
    SpatialPadd,
    Transform,
    Zoomd,
)
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from monai_genaug.training.settings import Pix2PixSettings

KEYS = ("image", "label")


def crop_loader(
    items: Sequence[Mapping[str, Tensor]], settings: Pix2PixSettings, *, seed: int
) -> DataLoader[dict[str, Tensor]]:
    """Give batches of random crops, flipped and (in 2D) turned, image and label alike, as many as training takes."""
    size = (settings.crop_size,) * settings.spatial_dims
    steps: list[Transform] = []
    if settings.jitter:
        linear = {2: "bilinear", 3: "trilinear"}[settings.spatial_dims]
        steps.append(Zoomd(KEYS, zoom=286 / 256, mode=(linear, "nearest"), keep_size=False))
    steps += [SpatialPadd(KEYS, spatial_size=size, mode="symmetric"), RandSpatialCropd(KEYS, size, random_size=False)]
    steps += [RandFlipd(KEYS, prob=0.5, spatial_axis=axis) for axis in range(settings.spatial_dims)]
    if settings.spatial_dims == 2:
        steps.append(RandRotate90d(KEYS, prob=0.5, max_k=3))
    chain = Compose([*steps, EnsureTyped(KEYS, dtype=torch.float32, track_meta=False)])
    chain.set_random_state(seed % 2**32)
    draws = settings.iterations * settings.batch_size
    order = RandomSampler(range(len(items)), num_samples=draws, generator=torch.Generator().manual_seed(seed))
    return DataLoader(Dataset(list(items), chain), batch_size=settings.batch_size, sampler=order)
