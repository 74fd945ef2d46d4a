"""Batches of random crops for training generators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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

from monai_genaug._rng import derive_seed
from monai_genaug.data.items import KEYS
from monai_genaug.training.settings import Pix2PixSettings


class CropLoader:
    """Gives the batches of one epoch: random crops, flipped and (in 2D) turned, image and label alike.

    What an epoch holds depends on (seed, epoch) alone, so that a resumed training sees what an unbroken one would.

    Args:
        items: each ``{"image": (C, *S), "label": (1, *S)}``.
        settings: crop size, batch size and iterations of an epoch.
        seed: of order, crops and flips.

    Example:
        >>> item = {"image": torch.rand(1, 20, 20), "label": torch.ones(1, 20, 20)}
        >>> loader = CropLoader([item], Pix2PixSettings(crop_size=16, batch_size=2, iterations_per_epoch=3), seed=0)
        >>> [batch["image"].shape for batch in loader][-1], len(loader)
        (torch.Size([2, 1, 16, 16]), 3)
    """

    def __init__(self, items: Sequence[Mapping[str, Tensor]], settings: Pix2PixSettings, *, seed: int) -> None:
        self.dataset = Dataset(list(items), _crop_chain(settings))
        self.settings, self.seed, self.epoch = settings, seed, 1

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is iterated over next, from 1."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Give the number of batches of an epoch."""
        return self.settings.iterations_per_epoch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Give the batches of the epoch that was set."""
        rng = torch.Generator().manual_seed(derive_seed(self.seed, "order", self.epoch))
        self.dataset.transform.set_random_state(derive_seed(self.seed, "crops", self.epoch) % 2**32)
        draws = len(self) * self.settings.batch_size
        order = RandomSampler(range(len(self.dataset)), num_samples=draws, generator=rng)
        return iter(DataLoader(self.dataset, self.settings.batch_size, sampler=order, generator=rng))


def random_crops(crop_size: int, spatial_dims: int) -> list[Transform]:
    """Give the steps that cut a random crop, flip it and (in 2D) turn it by quarters, image and label alike.

    Args:
        crop_size: side of the crop, pixels; smaller images are mirrored at their borders first.
        spatial_dims: 2 or 3.

    Example:
        >>> sample = {"image": torch.rand(1, 9, 30), "label": torch.ones(1, 9, 30)}
        >>> Compose(random_crops(16, 2))(sample)["image"].shape
        torch.Size([1, 16, 16])
    """
    size = (crop_size,) * spatial_dims
    turns: list[Transform] = [RandRotate90d(KEYS, prob=0.5, max_k=3)] if spatial_dims == 2 else []
    return [
        SpatialPadd(KEYS, spatial_size=size, mode="symmetric"),
        RandSpatialCropd(KEYS, size, random_size=False),
        *(RandFlipd(KEYS, prob=0.5, spatial_axis=axis) for axis in range(spatial_dims)),
        *turns,
    ]


def _crop_chain(settings: Pix2PixSettings) -> Compose:
    steps = random_crops(settings.crop_size, settings.spatial_dims)
    if settings.jitter:
        linear = {2: "bilinear", 3: "trilinear"}[settings.spatial_dims]
        steps.insert(0, Zoomd(KEYS, zoom=286 / 256, mode=(linear, "nearest"), keep_size=False))
    return Compose([*steps, EnsureTyped(KEYS, dtype=torch.float32, track_meta=False)])
