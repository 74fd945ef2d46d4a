"""Measures of generated images and of segmentations."""

from monai_genaug.metrics.boundary import BoundaryShift, boundary_shift
from monai_genaug.metrics.cycle import hidden_information
from monai_genaug.metrics.distribution import frechet_distance, kernel_distance, maximum_mean_discrepancy
from monai_genaug.metrics.diversity import sample_diversity
from monai_genaug.metrics.features import RandomFeatures, extract_features, load_extractor
from monai_genaug.metrics.instances import InstanceScores, score_instances, separate_objects
from monai_genaug.metrics.intensity import intensity_distances
from monai_genaug.metrics.manifold import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    nearest_neighbour_accuracy,
    precision_recall,
)
from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance
from monai_genaug.metrics.overlap import BoundedHausdorffDistance, dice_and_jaccard, hausdorff_distance
from monai_genaug.metrics.paired import (
    multiscale_structural_similarity,
    normalized_squared_error,
    perceptual_distance,
    score_images,
    structural_similarity,
    universal_quality_index,
    visual_information_fidelity,
)
from monai_genaug.metrics.resampling import SubsampleInterval, subsample_interval
from monai_genaug.metrics.separability import inception_score, mode_score, real_synthetic_auc
from monai_genaug.metrics.surface import normalized_surface_distance

__all__ = [
    "BoundaryShift",
    "BoundedHausdorffDistance",
    "DensityCoverage",
    "InstanceScores",
    "PrecisionRecall",
    "RandomFeatures",
    "SubsampleInterval",
    "boundary_shift",
    "densest_patch",
    "density_coverage",
    "dice_and_jaccard",
    "extract_features",
    "frechet_distance",
    "halve",
    "halve_all_ways",
    "hausdorff_distance",
    "hidden_information",
    "inception_score",
    "intensity_distances",
    "kernel_distance",
    "load_extractor",
    "maximum_mean_discrepancy",
    "mode_score",
    "multiscale_structural_similarity",
    "nearest_distance",
    "nearest_neighbour_accuracy",
    "normalized_squared_error",
    "normalized_surface_distance",
    "perceptual_distance",
    "precision_recall",
    "real_synthetic_auc",
    "sample_diversity",
    "score_images",
    "score_instances",
    "separate_objects",
    "structural_similarity",
    "subsample_interval",
    "universal_quality_index",
    "visual_information_fidelity",
]
