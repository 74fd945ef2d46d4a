"""How much the images differ that are made from one mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from torch import Tensor

from monai_genaug.metrics.paired import multiscale_structural_similarity, structural_similarity


def sample_diversity(images: Sequence[Tensor] | Tensor) -> float:
    """Measure how much samples of one mask differ: 1 - the mean MS-SSIM of all pairs of them.

    Odena et al. 2017 (arXiv:1610.09585) measure the diversity of a class by the MS-SSIM of pairs of its samples. What
    is fixed by the mask, and a background that never changes, lower the figure: compare it with other generators for
    the same masks. Noise raises it as well as true variety does.

    Args:
        images: at least two (C, *S) in [0, 1] of one shape, 2D or 3D.

    Returns:
        0 for equal images, towards 1 for images that share nothing. Of images with a side below 22 voxels, which are
        too small for MS-SSIM, 1 - SSIM, which reaches 2 for negatives of each other.

    Raises:
        ValueError: for fewer than two images, or as `score_images`.

    Example:
        >>> import torch
        >>> image = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(0))
        >>> abs(round(sample_diversity([image, image]), 3)), sample_diversity([image, 1 - image])
        (0.0, 1.0)
    """
    if len(images) < 2:
        raise ValueError(f"there are {len(images)} images, expected at least two of one mask: draw more seeds.")
    pairs = list(combinations(images, 2))
    return 1.0 - math.fsum(_similarity(a, b) for a, b in pairs) / len(pairs)


def _similarity(a: Tensor, b: Tensor) -> float:
    """MS-SSIM, or SSIM where that does not fit."""
    value = multiscale_structural_similarity(a, b)
    return structural_similarity(a, b) if math.isnan(value) else value
