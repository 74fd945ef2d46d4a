"""Label maps: how generators see them, and where new ones come from."""

from monai_genaug.masks.bank import InstanceBank, load_bank
from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.digest import digest_sampler
from monai_genaug.masks.encodings import BinaryEncoding, InstanceEncoding, LabelEncoding, OneHotEncoding
from monai_genaug.masks.procedural import ProceduralNuclei, load_procedural
from monai_genaug.masks.sampler import MaskSampler

__all__ = [
    "BinaryEncoding",
    "InstanceBank",
    "InstanceEncoding",
    "LabelDeformation",
    "LabelEncoding",
    "MaskSampler",
    "OneHotEncoding",
    "ProceduralNuclei",
    "digest_sampler",
    "load_bank",
    "load_procedural",
]
