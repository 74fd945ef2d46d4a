"""Measures of generated images and of segmentations."""

from monai_genaug.metrics.boundary import BoundaryShift, boundary_shift
from monai_genaug.metrics.cycle import hidden_information
from monai_genaug.metrics.instances import InstanceScores, score_instances, separate_objects
from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance
from monai_genaug.metrics.overlap import BoundedHausdorffDistance, hausdorff_distance
from monai_genaug.metrics.surface import normalized_surface_distance

__all__ = [
    "BoundaryShift",
    "BoundedHausdorffDistance",
    "InstanceScores",
    "boundary_shift",
    "densest_patch",
    "halve",
    "halve_all_ways",
    "hausdorff_distance",
    "hidden_information",
    "nearest_distance",
    "normalized_surface_distance",
    "score_instances",
    "separate_objects",
]
