"""Scores of a segmenter on whole test images: pixels, surfaces and objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from monai_genaug.benchmark.segmentation import Segmenter
from monai_genaug.metrics import (
    dice_and_jaccard,
    hausdorff_distance,
    normalized_surface_distance,
    score_instances,
    separate_objects,
)

SCORES = {  # by which what is higher is better, or lower
    "dice": "higher",
    "jaccard": "higher",
    "hausdorff95": "lower",
    "surface_distance": "higher",
    "f1": "higher",
    "aggregated_jaccard": "higher",
}


def score_masks(
    predicted: Tensor, label: Tensor, *, instances: bool = True, tolerance: float = 2.0
) -> dict[str, float]:
    """Compare a predicted foreground with a label map; all are defined where either is empty.

    Args:
        predicted: (1, *S), bool.
        label: (1, *S), whole numbers >= 0.
        instances: whether each value of the label is an object; else each connected piece of its foreground is one.
        tolerance: of the normalised surface distance, voxels.

    Returns:
        Dice, Jaccard, 95 % Hausdorff distance (voxels), normalised surface distance, and of the connected pieces of the
        prediction against the objects: F1 at an IoU of 0.5, and the aggregated Jaccard index.

    Example:
        >>> import torch
        >>> label = torch.tensor([[[1, 1, 0, 2]]])
        >>> scores = score_masks(label > 1, label)
        >>> scores["dice"], round(scores["f1"], 3)
        (0.5, 0.667)
    """
    y_pred, y = predicted[None] > 0, label[None] > 0
    objects = np.asarray(label[0].cpu()) if instances else separate_objects(y[0, 0].cpu().numpy())
    found = score_instances(separate_objects(y_pred[0, 0].cpu().numpy()), objects)
    return {
        **dice_and_jaccard(predicted, label),
        "hausdorff95": float(hausdorff_distance(y_pred, y)),
        "surface_distance": float(normalized_surface_distance(y_pred, y, tolerance=tolerance)),
        "f1": found.f1,
        "aggregated_jaccard": found.aggregated_jaccard,
    }


def score_segmenter(
    segmenter: Segmenter, items: Sequence[dict[str, Any]], *, instances: bool, tolerance: float
) -> dict[str, list[float]]:
    """Score a segmenter on test images; gives a list by measure, in the order of the images.

    Args:
        segmenter: of `train_segmenter`.
        items: of `load_items`.
        instances: see `score_masks`.
        tolerance: see `score_masks`.
    """
    rows = [
        score_masks(segmenter.predict(item["image"]), item["label"], instances=instances, tolerance=tolerance)
        for item in items
    ]
    return {name: [row[name] for row in rows] for name in SCORES}
