"""Metrics of segmentations that are defined where masks are empty too."""

from __future__ import annotations

import math
from typing import Any

import torch
from monai.metrics import (
    CumulativeIterationMetric,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
    do_metric_reduction,
)
from torch import Tensor


class BoundedHausdorffDistance(CumulativeIterationMetric):
    """Hausdorff distance that is 0 where both masks are empty, and the image's diagonal where one of them is.

    MONAI's gives NaN and infinity there, and leaves such images out of its mean, so that a network which finds nothing
    would look better than one that finds a little.

    Args:
        percentile: of the surface distances, in [0, 100]; 95 leaves out the worst 5 %.
        reduction: as in MONAI's metrics.

    Example:
        >>> metric = BoundedHausdorffDistance()
        >>> _ = metric(torch.zeros(1, 1, 3, 4), torch.ones(1, 1, 3, 4))
        >>> metric.aggregate()
        tensor([5.])
    """

    def __init__(self, percentile: float = 95.0, reduction: str = "mean") -> None:
        super().__init__()
        self.percentile, self.reduction = percentile, reduction

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Tensor:
        """Give the distances (B, C) in pixels of binarised masks (B, C, *S)."""
        if y is None or y_pred.shape != y.shape:
            raise ValueError(
                f"masks have shapes {tuple(y_pred.shape)} and {None if y is None else tuple(y.shape)}, expected two "
                "equal ones (B, C, *S)."
            )
        return hausdorff_distance(y_pred, y, percentile=self.percentile)

    def aggregate(self, reduction: str | None = None) -> Tensor:
        """Give the mean (or what `reduction` says) over all images so far."""
        return do_metric_reduction(self.get_buffer(), reduction or self.reduction)[0]


def hausdorff_distance(y_pred: Tensor, y: Tensor, *, percentile: float = 95.0) -> Tensor:
    """Give the percentile of the symmetric surface distances, bounded as in `BoundedHausdorffDistance`.

    Args:
        y_pred: (B, C, *S), 0 or 1.
        y: (B, C, *S), 0 or 1.
        percentile: in [0, 100].

    Returns:
        (B, C), pixels.

    Example:
        >>> hausdorff_distance(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
        tensor([[0.]])
    """
    distances = torch.zeros(y.shape[:2])
    axes = tuple(range(2, y.ndim))
    found, wanted = (mask.bool().any(dim=axes) for mask in (y_pred, y))
    distances[(found != wanted).cpu()] = math.sqrt(sum(side**2 for side in y.shape[2:]))
    both = (found & wanted).cpu()
    for row in both.any(dim=1).nonzero().flatten().tolist():
        values = compute_hausdorff_distance(
            y_pred[row : row + 1], y[row : row + 1], include_background=True, percentile=percentile
        )[0].cpu()
        distances[row] = torch.where(both[row], values.to(distances.dtype), distances[row])
    return distances


def dice_and_jaccard(predicted: Tensor, label: Tensor) -> dict[str, float]:
    """Give Dice and Jaccard of two masks; both are 1 where neither has foreground, and 0 where one has none.

    Args:
        predicted: (1, *S), foreground > 0.
        label: (1, *S), foreground > 0.

    Example:
        >>> dice_and_jaccard(torch.tensor([[[1, 1, 0]]]), torch.tensor([[[0, 3, 0]]]))
        {'dice': 0.6666666865348816, 'jaccard': 0.5}
    """
    pair = ((predicted > 0)[None], (label > 0)[None])
    return {
        "dice": float(compute_dice(*pair, include_background=True, ignore_empty=False)),
        "jaccard": float(compute_iou(*pair, include_background=True, ignore_empty=False)),
    }
