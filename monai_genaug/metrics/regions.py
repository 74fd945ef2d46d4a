"""Regions that an image's own threshold finds."""

from __future__ import annotations

import torch
from torch import Tensor


def find_regions(image: Tensor, *, nuclei: str = "bright") -> Tensor:
    """Find the nuclei of an image by its own Otsu threshold (Otsu 1979), of the mean of its channels.

    Args:
        image: (C, Y, X) in [0, 1].
        nuclei: ``"bright"``: what lies above the threshold; ``"dark"``: likewise in the negative.

    Returns:
        (1, Y, X), bool; empty for an image of one value.

    Example:
        >>> find_regions(torch.tensor([[[0.1, 0.9], [0.8, 0.2]]]))
        tensor([[[False,  True],
                 [ True, False]]])
    """
    from skimage.filters import threshold_otsu

    grey = image.float().mean(dim=0, keepdim=True).numpy()
    grey = grey if nuclei == "bright" else 1.0 - grey
    return torch.from_numpy(grey > threshold_otsu(grey))
