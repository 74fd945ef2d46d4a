"""Generative augmentation in a MONAI dictionary chain."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform

from monai_genaug._checks import check_probability
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.handle import GeneratorHandle
from monai_genaug.synthesis import Accept
from monai_genaug.transforms.array import GenerativeAugment


class GenerativeAugmentd(RandomizableTransform, MapTransform):
    """Dictionary version of `GenerativeAugment`: replaces image and label in place, with a given probability.

    It belongs after the scaling of intensities to a fixed range, before z-normalisation and before instances are made
    binary; after a multi-crop each crop draws its own. The image's metadata tell under ``"genaug"`` what was done.

    Args:
        keys: key of the image; one key.
        label_key: key of the label (1, *S).
        generator: see `GenerativeAugment`.
        prob: probability that a sample is replaced.
        mask_sampler: see `GenerativeAugment`.
        accept: see `GenerativeAugment`.
        value_range: see `GenerativeAugment`.
        device: see `GenerativeAugment`.
        allow_missing_keys: leave samples without a label as they are; an image that is missing is made from its label
            in either case.

    Raises:
        ValueError: if an argument is out of its range, or there is more than one image key.
        FileNotFoundError: if there is no such generator.
        KeyError: on call, if the label is missing.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> augment = GenerativeAugmentd("image", "label", generator=generator, prob=1.0).set_random_state(seed=0)
        >>> augment({"label": torch.tensor([[[0, 4], [4, 0]]])})["image"].as_tensor()
        tensor([[[0., 1.],
                 [1., 0.]]])
    """

    backend = GenerativeAugment.backend

    def __init__(
        self,
        keys: KeysCollection = "image",
        label_key: Hashable = "label",
        *,
        generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator,
        prob: float = 0.1,
        mask_sampler: Randomizable | None = None,
        accept: Accept | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        device: str | torch.device = "cpu",
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(
                f"keys is {self.keys}, expected one image key: join the channels of several images before with "
                "ConcatItemsd(keys=..., name='image')."
            )
        self.augment = GenerativeAugment(
            generator, prob, mask_sampler=mask_sampler, accept=accept, value_range=value_range, device=device
        )
        RandomizableTransform.__init__(self, prob)
        self.label_key = label_key

    @property
    def prob(self) -> float:
        """Probability that a sample is replaced; may be set between epochs."""
        return self.augment.prob

    @prob.setter
    def prob(self, value: float) -> None:
        self.augment.prob = check_probability("prob", value)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> GenerativeAugmentd:
        """Set the random state, as for every MONAI transform."""
        super().set_random_state(seed, state)
        self.augment.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give the sample with image and label replaced, or as they came."""
        sample = dict(data)
        key = self.keys[0]
        self.augment.randomize()  # drawn for every sample, so that the next ones do not depend on this one's keys
        if self.label_key not in sample:
            if self.allow_missing_keys:
                return sample
            raise KeyError(
                f"the sample has no label key {self.label_key!r}, it has {sorted(map(str, sample))}: set label_key, or "
                "allow_missing_keys=True to leave unlabelled samples as they are."
            )
        sample[key], sample[self.label_key] = self.augment(sample.get(key), sample[self.label_key], randomize=False)
        return sample


GenerativeAugmentD = GenerativeAugmentDict = GenerativeAugmentd
