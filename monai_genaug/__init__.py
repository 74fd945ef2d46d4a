"""Generative data augmentation for medical image segmentation, inside MONAI pipelines."""

from monai_genaug.generators import (
    ConditionalGenerator,
    GeneratorHandle,
    ModuleGenerator,
    load_generator,
    save_generator,
)
from monai_genaug.synthesis import Synthesis, synthesize
from monai_genaug.transforms import GenerativeAugment, GenerativeAugmentD, GenerativeAugmentd, GenerativeAugmentDict

__version__ = "0.1.0"

__all__ = [
    "ConditionalGenerator",
    "GenerativeAugment",
    "GenerativeAugmentD",
    "GenerativeAugmentDict",
    "GenerativeAugmentd",
    "GeneratorHandle",
    "ModuleGenerator",
    "Synthesis",
    "__version__",
    "load_generator",
    "save_generator",
    "synthesize",
]
