"""MONAI transforms that put synthetic pairs into a training chain, and the like for whole batches."""

from monai_genaug.transforms.array import GenerativeAugment
from monai_genaug.transforms.batch import GenerativePrepareBatch, augment_batch
from monai_genaug.transforms.dictionary import GenerativeAugmentD, GenerativeAugmentd, GenerativeAugmentDict
from monai_genaug.transforms.masks import SampleMaskD, SampleMaskd, SampleMaskDict
from monai_genaug.transforms.paste import CopyPasteD, CopyPasted, CopyPasteDict

__all__ = [
    "CopyPasteD",
    "CopyPasteDict",
    "CopyPasted",
    "GenerativeAugment",
    "GenerativeAugmentD",
    "GenerativeAugmentDict",
    "GenerativeAugmentd",
    "GenerativePrepareBatch",
    "SampleMaskD",
    "SampleMaskDict",
    "SampleMaskd",
    "augment_batch",
]
