"""Tensors without MONAI's bookkeeping."""

from __future__ import annotations

from torch import Tensor


def as_plain_tensor(tensor: Tensor) -> Tensor:
    """Take the plain tensor out of a MONAI MetaTensor, whose bookkeeping slows networks down.

    Example:
        >>> import torch
        >>> type(as_plain_tensor(torch.zeros(1))).__name__
        'Tensor'
    """
    return tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
