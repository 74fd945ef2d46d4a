"""Generative augmentation of one image and its label."""

from __future__ import annotations

import os
from typing import TypedDict

import numpy as np
import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta
from monai.transforms import Randomizable
from monai.utils.enums import TransformBackends
from torch import Tensor

from monai_genaug._checks import check_range
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.handle import GeneratorHandle, LiveHandle, as_handle
from monai_genaug.synthesis import Accept, synthesize
from monai_genaug.transforms.seeded import SeededTransform

META_KEY = "genaug"


class GenaugMeta(TypedDict):
    """What a sample's metadata say under ``"genaug"``; the same keys and types for every sample."""

    applied: bool
    generator: str
    digest: str
    seed: int


class GenerativeAugment(SeededTransform):
    """Replace an image, and with a mask sampler its label, by a synthetic pair, with a given probability.

    Args:
        generator: a folder that training wrote, the name of a shipped bundle, a `GeneratorHandle`, or a live
            `ConditionalGenerator` (which cannot be sent to spawned workers).
        prob: probability that a sample is replaced.
        mask_sampler: makes a new label before the image is made from it, such as `LabelDeformation`; None keeps labels.
        accept: see `synthesize`; where no try is accepted the real pair stays.
        value_range: intensities (low, high) of the chain at this place that stand for the generator's 0 and 1.
        device: where the network of a folder or bundle runs; a handle or a live generator has its own.

    Raises:
        ValueError: if an argument is out of its range.
        FileNotFoundError: if there is no such generator.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> augment = GenerativeAugment(generator, prob=1.0).set_random_state(seed=0)
        >>> image, label = augment(torch.rand(1, 2, 2), torch.tensor([[[0, 1], [1, 0]]]))
        >>> image.as_tensor(), image.meta["genaug"]["applied"]
        (tensor([[[0., 1.],
                 [1., 0.]]]), True)
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012  # MONAI's convention

    def __init__(
        self,
        generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator,
        prob: float = 0.1,
        *,
        mask_sampler: Randomizable | None = None,
        accept: Accept | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__(prob)
        if mask_sampler is not None and not (isinstance(mask_sampler, Randomizable) and callable(mask_sampler)):
            raise ValueError(
                f"mask_sampler is a {type(mask_sampler).__name__}, expected a callable monai.transforms.Randomizable "
                "such as monai_genaug.masks.LabelDeformation()."
            )
        self.handle: GeneratorHandle | LiveHandle = as_handle(generator, device)
        self.mask_sampler = mask_sampler
        self.accept = accept
        self.value_range = check_range("value_range", value_range)

    def __call__(
        self, image: NdarrayOrTensor | None, label: NdarrayOrTensor, randomize: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Give the pair, synthetic or as it came.

        Args:
            image: (C, *S) in the chain's intensities; None: it is made from the label, whatever `prob` is.
            label: (1, *S), whole numbers >= 0, 0 = background.
            randomize: draw anew, or use what was drawn before.

        Returns:
            Image and label with the types, affines and metadata that they came with.

        Raises:
            ValueError: if shapes, label values, channels or intensities do not fit the generator.
        """
        if randomize:
            self.randomize()
        return self.apply(image, label, self.seed if self._do_transform or image is None else None)

    def apply(self, image: NdarrayOrTensor | None, label: NdarrayOrTensor, seed: int | None) -> tuple[Tensor, Tensor]:
        """Give the pair of a seed, or for None the pair as it came; nothing is drawn here."""
        old_label = to_tensor(label)
        old_image = None if image is None else to_tensor(image)
        check_pair(old_image, old_label)
        meta: GenaugMeta = {"applied": False, "generator": self.handle.name, "digest": self.handle.digest, "seed": -1}
        meta = getattr(old_image, "meta", {}).get(META_KEY, meta)  # an earlier transform may have applied
        if seed is None:
            assert old_image is not None  # __call__ makes a missing image whatever was drawn
            return with_meta(old_image, old_image, meta), old_label
        images, labels, accepted = synthesize(
            self.handle.load(),
            as_plain_tensor(old_label)[None],
            [seed],
            images=None if old_image is None else as_plain_tensor(old_image)[None],
            mask_sampler=self.mask_sampler,
            accept=self.accept,
            value_range=self.value_range,
        )
        if accepted[0]:
            meta = {"applied": True, "generator": self.handle.name, "digest": self.handle.digest, "seed": seed}
        elif old_image is None:
            raise ValueError(
                f"no image that `accept` takes could be made from the label with {self.handle.name}, and there is no "
                "real image to keep: loosen accept, or leave such labels out."
            )
        new_label = with_meta(labels[0], old_label) if self.mask_sampler is not None else old_label
        return with_meta(images[0], old_label if old_image is None else old_image, meta), new_label


def to_tensor(array: NdarrayOrTensor) -> Tensor:
    """Give a tensor of the same type; a MetaTensor where MONAI tracks metadata.

    Example:
        >>> to_tensor(np.zeros((1, 2), dtype=np.uint16)).dtype
        torch.uint16
    """
    tensor = array if isinstance(array, Tensor) else torch.as_tensor(np.asarray(array))
    return MetaTensor(tensor) if get_track_meta() and not isinstance(tensor, MetaTensor) else tensor


def with_meta(tensor: Tensor, source: Tensor, meta: GenaugMeta | None = None) -> Tensor:
    """Give a tensor the affine, metadata and history of another, and our own entry; `source` stays as it is."""
    if not isinstance(source, MetaTensor):
        return tensor
    entries = dict(source.meta)
    if meta is not None:
        entries[META_KEY] = meta
    return MetaTensor(as_plain_tensor(tensor), meta=entries, applied_operations=list(source.applied_operations))


def check_pair(image: Tensor | None, label: Tensor) -> None:
    """Refuse a label without its one channel, and an image of another size than its label."""
    if label.ndim < 3 or label.shape[0] != 1:
        raise ValueError(
            f"label has shape {tuple(label.shape)}, expected (1, *S): add the channel with EnsureChannelFirstd, and "
            "turn one-hot labels into one map with AsDiscreted(argmax=True)."
        )
    if image is not None and image.shape[1:] != label.shape[1:]:
        raise ValueError(
            f"image has shape {tuple(image.shape)} and label {tuple(label.shape)}, expected (C, *S) and (1, *S) with "
            "the same S: load both with EnsureChannelFirstd and crop or resample them together."
        )
