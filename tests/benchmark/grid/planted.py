"""Augmentations whose effect is known beforehand."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform, RandomizableTransform

from monai_genaug.data import load_items


class OtherCases(RandomizableTransform, MapTransform):
    """Replaces a crop by one of other labelled cases with its true label: what the best of generators could do."""

    def __init__(self, keys: Any, entries: Sequence[Mapping[str, str]], prob: float) -> None:
        RandomizableTransform.__init__(self, prob)
        MapTransform.__init__(self, keys)
        self.items = load_items(entries)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        sample = dict(data)
        self.randomize(None)
        draws = self.R.random_sample(3)
        if not self._do_transform:
            return sample
        item = self.items[int(draws[0] * len(self.items))]
        size, sides = sample["image"].shape[1:], item["image"].shape[1:]
        low = [int(draw * (side - length + 1)) for draw, side, length in zip(draws[1:], sides, size, strict=True)]
        window = (slice(None), *(slice(start, start + length) for start, length in zip(low, size, strict=True)))
        flip = [axis for axis in (1, 2) if self.R.random_sample() < 0.5]
        for key in ("image", "label"):
            sample[key] = item[key][window].flip(flip).to(sample[key].dtype)
        return sample


class Noise(RandomizableTransform, MapTransform):
    """Replaces an image by noise, and keeps its label."""

    def __init__(self, keys: Any, prob: float) -> None:
        RandomizableTransform.__init__(self, prob)
        MapTransform.__init__(self, keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        sample = dict(data)
        self.randomize(None)
        if self._do_transform:
            noise = self.R.random_sample(tuple(sample["image"].shape)).astype(np.float32)
            sample["image"] = torch.from_numpy(noise)
        return sample
