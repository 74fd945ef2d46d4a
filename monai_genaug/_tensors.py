"""Tensors without MONAI's bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


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
