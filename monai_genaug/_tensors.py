"""Tensors without MONAI's bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def as_plain_tensor(tensor: Tensor) -> Tensor:
    """Take the plain tensor out of a MONAI MetaTensor, whose bookkeeping slows networks down.

    Example:
        >>> import torch
        >>> type(as_plain_tensor(torch.zeros(1))).__name__
        'Tensor'
    """
    return tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor


def take_from_batch(
    batch: Mapping[str, Any], keys: Sequence[str], device: str | torch.device | None, non_blocking: bool, **kwargs: Any
) -> list[Tensor]:
    """Take tensors out of a batch, plain and on a device, for MONAI's `prepare_batch`.

    Args:
        batch: a loader's.
        keys: of the tensors.
        device: where they go.
        non_blocking: as for `Tensor.to`.
        kwargs: more of these.

    Example:
        >>> import torch
        >>> take_from_batch({"a": torch.ones(1), "b": 2}, ["a"], "cpu", False)
        [tensor([1.])]
    """
    return [as_plain_tensor(batch[key]).to(device=device, non_blocking=non_blocking, **kwargs) for key in keys]


def pad_to_multiple(image: Tensor, stride: int, least_size: int = 1) -> Tensor:
    """Repeat the last values of (B, K, *S) at the far end of each axis until its size is a multiple of `stride`.

    Args:
        image: (B, K, *S).
        stride: of which sizes become multiples.
        least_size: below which no size is left.

    Example:
        >>> import torch
        >>> pad_to_multiple(torch.ones(1, 1, 5, 8), 4).shape
        torch.Size([1, 1, 8, 8])
    """
    sizes = [max(size, least_size) for size in image.shape[2:]]
    wanted = [size + -size % stride for size in sizes]
    missing = zip(reversed(image.shape[2:]), reversed(wanted), strict=True)
    pad = [amount for size, goal in missing for amount in (0, goal - size)]
    return functional.pad(image, pad, mode="replicate") if any(pad) else image
