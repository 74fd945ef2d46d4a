"""Shapes that were never drawn, by numbers that are fitted to labels or given."""

from monai_genaug.masks.procedural.lesion_classes import LesionClass
from monai_genaug.masks.procedural.lesions import ProceduralLesions, load_lesions
from monai_genaug.masks.procedural.nuclei import ProceduralNuclei, load_procedural
from monai_genaug.masks.procedural.populations import Population

__all__ = [
    "LesionClass",
    "Population",
    "ProceduralLesions",
    "ProceduralNuclei",
    "load_lesions",
    "load_procedural",
]
