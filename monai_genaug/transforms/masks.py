"""Mask samplers in a MONAI dictionary chain."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from monai.utils.enums import TransformBackends

from monai_genaug._tensors import as_plain_tensor
from monai_genaug.synthesis import sample_masks
from monai_genaug.transforms.array import check_pair, to_tensor, with_meta
from monai_genaug.transforms.seeded import SeededTransform


class SampleMaskd(SeededTransform, MapTransform):
    """Replace label maps by new ones of a mask sampler, with a given probability.

    It is for chains that make no image, or make it later from the label; an image of the old label would no longer fit.
    The new label is a function of the old one and a seed, which is drawn anew for each sample; all keys get the same.

    Args:
        keys: of the labels (1, *S).
        sampler: makes a new label, such as `LabelDeformation` or `InstanceBank`.
        prob: probability that a sample's labels are replaced.
        allow_missing_keys: leave samples without a label as they are.

    Raises:
        ValueError: if `prob` is out of its range or `sampler` is none, and on call, if a label does not fit it.
        KeyError: on call, if a label is missing.

    Example:
        >>> import torch
        >>> from monai_genaug.masks import LabelDeformation
        >>> sample = SampleMaskd("label", sampler=LabelDeformation(rotate=0, scale=(1, 1), elastic=0, flip=1))
        >>> sample({"label": torch.tensor([[[0, 1], [2, 3]]])})["label"].as_tensor()
        tensor([[[3, 2],
                 [1, 0]]])
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012  # MONAI's convention

    def __init__(
        self,
        keys: KeysCollection = "label",
        *,
        sampler: Randomizable,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        SeededTransform.__init__(self, prob)
        if not (isinstance(sampler, Randomizable) and callable(sampler)):
            raise ValueError(
                f"sampler is a {type(sampler).__name__}, expected a callable monai.transforms.Randomizable such as "
                "monai_genaug.masks.LabelDeformation()."
            )
        self.sampler = sampler

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give the sample with its labels replaced, or as they came."""
        sample = dict(data)
        self.randomize()
        for key in self.key_iterator(sample):
            label = to_tensor(sample[key])
            check_pair(None, label)
            if self._do_transform:
                new = sample_masks(self.sampler, as_plain_tensor(label)[None], [self.seed])[0]
                label = with_meta(new, label)
            sample[key] = label
        return sample


SampleMaskD = SampleMaskDict = SampleMaskd
