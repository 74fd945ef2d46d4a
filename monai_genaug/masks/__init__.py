"""Label maps: how generators see them, and where new ones come from."""

from monai_genaug.masks.bank import InstanceBank, load_bank
from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.digest import digest_sampler
from monai_genaug.masks.encodings import BinaryEncoding, InstanceEncoding, LabelEncoding, OneHotEncoding
from monai_genaug.masks.procedural import (
    LesionClass,
    Population,
    ProceduralLesions,
    ProceduralNuclei,
    load_lesions,
    load_procedural,
)
from monai_genaug.masks.sampler import MaskSampler
from monai_genaug.masks.statistics import ks_distance, measure_labels

__all__ = [
    "BinaryEncoding",
    "InstanceBank",
    "InstanceEncoding",
    "LabelDeformation",
    "LabelEncoding",
    "LesionClass",
    "MaskSampler",
    "OneHotEncoding",
    "Population",
    "ProceduralLesions",
    "ProceduralNuclei",
    "digest_sampler",
    "ks_distance",
    "load_bank",
    "load_lesions",
    "load_procedural",
    "measure_labels",
]
