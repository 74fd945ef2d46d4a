"""Measures of generated images."""

from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance

__all__ = ["densest_patch", "halve", "halve_all_ways", "nearest_distance"]
