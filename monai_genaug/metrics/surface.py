"""How much of the surface of a mask lies where it should."""

from __future__ import annotations

from monai.metrics import compute_surface_dice
from torch import Tensor

from monai_genaug._checks import check_at_least, check_label
from monai_genaug._tensors import as_plain_tensor


def normalized_surface_distance(y_pred: Tensor, y: Tensor, *, tolerance: float) -> Tensor:
    """Give the share of two masks' surfaces that lies within a tolerance of the other's.

    Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for radiotherapy", JMIR 2021, where it
    is called surface Dice. A surface is, as in MONAI's function, which this one uses, the voxels of a mask with a
    neighbour outside of it (diagonals do not count, and beyond the image is outside). Each counts as one, whereas the
    paper weights them by their area. Where both masks are empty, MONAI's gives NaN.

    Args:
        y_pred: (B, C, *S), 2D or 3D, 0 or 1.
        y: (B, C, *S), 0 or 1.
        tolerance: greatest distance that is accepted, voxels, >= 0.

    Returns:
        (B, C), in [0, 1]; 1 where both masks are empty, 0 where one of them is.

    Raises:
        ValueError: if the shapes differ or are not (B, C, *S), a mask is not binary, or the tolerance is negative.

    Example:
        >>> import torch
        >>> found, wanted = torch.tensor([[1.0, 1, 0, 0, 0]]), torch.tensor([[0.0, 1, 1, 1, 1]])
        >>> normalized_surface_distance(found[None, None], wanted[None, None], tolerance=1)
        tensor([[0.6667]])
    """
    check_at_least(0, tolerance=tolerance)
    if y_pred.shape != y.shape or y.ndim not in (4, 5):
        raise ValueError(
            f"masks have shapes {tuple(y_pred.shape)} and {tuple(y.shape)}, expected two equal ones (B, C, *S) of 2 or "
            "3 spatial dimensions."
        )
    masks = {"y_pred": as_plain_tensor(y_pred), "y": as_plain_tensor(y)}
    found, wanted = (_check_binary(mask, name) for name, mask in masks.items())
    axes = tuple(range(2, y.ndim))
    has_found, has_wanted = (mask.any(dim=axes).cpu() for mask in (found, wanted))
    shares = (has_found == has_wanted).float()
    for row, channel in (has_found & has_wanted).nonzero().tolist():
        pair = (mask[row, channel][None, None] for mask in (found, wanted))
        shares[row, channel] = compute_surface_dice(*pair, [float(tolerance)], include_background=True).item()
    return shares


def _check_binary(mask: Tensor, name: str) -> Tensor:
    """Give a mask of 0 and 1 as bool; raise where it holds anything else."""
    whole = check_label(mask, name=name)
    if whole.numel() and int(whole.max()) > 1:
        raise ValueError(f"{name} holds {int(whole.max())}, expected 0 and 1: give each value a channel of its own.")
    return whole.bool()
