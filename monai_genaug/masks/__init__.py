"""Label maps: how generators see them, and where new ones come from."""

from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.digest import digest_sampler
from monai_genaug.masks.encodings import BinaryEncoding, InstanceEncoding, LabelEncoding, OneHotEncoding
from monai_genaug.masks.sampler import MaskSampler

__all__ = [
    "BinaryEncoding",
    "InstanceEncoding",
    "LabelDeformation",
    "LabelEncoding",
    "MaskSampler",
    "OneHotEncoding",
    "digest_sampler",
]
