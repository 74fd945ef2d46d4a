"""Measures of generated images and of segmentations."""

from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance
from monai_genaug.metrics.overlap import BoundedHausdorffDistance, hausdorff_distance

__all__ = [
    "BoundedHausdorffDistance",
    "densest_patch",
    "halve",
    "halve_all_ways",
    "hausdorff_distance",
    "nearest_distance",
]
