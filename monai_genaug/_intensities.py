"""Intensities of a chain's images: what they must be, and how they go back into their type."""

from __future__ import annotations

import math

import torch
from torch import Tensor

OUTSIDE = 0.05  # of value_range, by which intensities may lie outside it


def check_intensities(images: Tensor, value_range: tuple[float, float], *, transform: str) -> None:
    """Raise ValueError for images that are not finite, or that lie outside the range they are said to have.

    Args:
        images: of any shape.
        value_range: intensities (low, high) of the chain that stand for 0 and 1.
        transform: what the error calls the transform that gets them.

    Example:
        >>> check_intensities(torch.rand(1, 8, 8), (0.0, 1.0), transform="CopyPasted")
    """
    if images.dtype == torch.bool or images.dtype.is_complex:
        raise ValueError(f"image has type {images.dtype}, expected real intensities: convert with CastToTyped.")
    if not images.numel():
        return
    low, high = value_range
    values = images.float()
    lowest, highest = (bound.item() for bound in values.aminmax())  # NaN if any value is
    if not math.isfinite(lowest + highest):
        raise ValueError("image holds NaN or Inf, expected finite intensities: clean it before this transform.")
    margin = OUTSIDE * (high - low)
    if lowest >= low - margin and highest <= high + margin:
        return
    shown = values > lowest  # padding and empty background say nothing
    outside = shown & ((values < low - margin) | (values > high + margin))
    share = outside.sum().item() / max(1, shown.sum().item())
    far = shown & ((values < low - 5 * margin) | (values > high + 5 * margin))
    if share > 0.5 or far.sum().item() > 0.05 * shown.sum().item():  # z-normalised images, or scaled to [-1, 1]
        raise ValueError(
            f"{share:.0%} of the image lies outside value_range=({low:g}, {high:g}), its values go from {lowest:g} "
            f"to {highest:g}: put {transform} after the scaling to a fixed range and before z-normalisation "
            "(NormalizeIntensityd), or pass the value_range that the image has at this place."
        )


def to_dtype(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Round and clip before a cast to whole numbers, which else cuts off and wraps around.

    Example:
        >>> to_dtype(torch.tensor([-3.0, 1.6, 400.0]), torch.uint8)
        tensor([  0,   2, 255], dtype=torch.uint8)
    """
    if dtype.is_floating_point:
        return image.to(dtype)
    limits = torch.iinfo(dtype)
    return image.round().clamp(limits.min, limits.max).to(dtype)
