"""What a cycle hides in its translations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def hidden_information(to_image: Callable[[Tensor], Tensor], condition: Tensor, image: Tensor) -> Tensor:
    """Tell how much of the way back from image to mask to image hangs on what rounding the mask takes away.

    A cycle may hand an image on in faint patterns of its translation (Chu et al. 2017, "CycleGAN, a Master of
    Steganography"). The image is made once from the condition as it is and once from the condition rounded to 0 and 1,
    as masks are when a generator is used.

    Args:
        to_image: makes images (B, C, *S) from conditions, each time with equal noise.
        condition: (B, K, *S) in [0, 1], read off `image` by the other network.
        image: (B, C, *S) in the range of `to_image`.

    Returns:
        (B,), the share of the error after rounding that there was not before: 0 for a cycle that hides nothing, towards
        1 for one whose masks are a code; negative where rounding helps.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> code = torch.tensor([[[0.0, 0.4, 0.6, 1.0]]])
        >>> hidden_information(lambda condition: condition, code, code)
        tensor([1.])
        >>> hidden_information(lambda condition: condition.round(), code, code)
        tensor([0.])
    """
    if condition.shape[2:] != image.shape[2:] or len(condition) != len(image):
        raise ValueError(
            f"condition has shape {tuple(condition.shape)}, image {tuple(image.shape)}, expected (B, K, *S) and "
            "(B, C, *S) with equal B and S: read the condition off the same images."
        )
    exact, rounded = (
        (to_image(part) - image).abs().flatten(1).mean(dim=1) for part in (condition, (condition > 0.5).float())
    )
    return (rounded - exact) / torch.maximum(rounded, exact).clamp_min(1e-12)
