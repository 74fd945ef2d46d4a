"""MONAI transforms that put synthetic pairs into a training chain, and the like for whole batches."""

from monai_genaug.transforms.array import GenerativeAugment
from monai_genaug.transforms.batch import GenerativePrepareBatch
from monai_genaug.transforms.dictionary import GenerativeAugmentD, GenerativeAugmentd, GenerativeAugmentDict

__all__ = [
    "GenerativeAugment",
    "GenerativeAugmentD",
    "GenerativeAugmentDict",
    "GenerativeAugmentd",
    "GenerativePrepareBatch",
]
