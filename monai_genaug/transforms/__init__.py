"""MONAI transforms that put synthetic pairs into a training chain."""

from monai_genaug.transforms.array import GenerativeAugment
from monai_genaug.transforms.dictionary import GenerativeAugmentD, GenerativeAugmentd, GenerativeAugmentDict

__all__ = ["GenerativeAugment", "GenerativeAugmentD", "GenerativeAugmentDict", "GenerativeAugmentd"]
