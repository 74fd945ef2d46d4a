"""What the training of a segmentation network needs beside MONAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from monai.engines import PrepareBatch
from torch import Tensor

from monai_genaug._tensors import as_plain_tensor


def foreground(label: Tensor) -> Tensor:
    """Make a target of a label map: 1.0 where it is not background.

    Args:
        label: (B, 1, *S), whole numbers >= 0.

    Returns:
        (B, 1, *S), float32, 0 or 1.

    Example:
        >>> foreground(torch.tensor([0, 2, 700]))
        tensor([0., 1., 1.])
    """
    return (label > 0).float()


class ForegroundPrepareBatch(PrepareBatch):
    """Takes image and foreground out of a batch with label maps, for MONAI's trainers and evaluators.

    Example:
        >>> batch = {"image": torch.rand(1, 1, 1, 2), "label": torch.tensor([[[[0, 3]]]])}
        >>> ForegroundPrepareBatch()(batch, device="cpu")[1]
        tensor([[[[0., 1.]]]])
    """

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Give image (B, C, *S) and foreground (B, 1, *S) on the device."""
        image, label = (
            as_plain_tensor(batchdata[key]).to(device=device, non_blocking=non_blocking, **kwargs)
            for key in ("image", "label")
        )
        return image, foreground(label)
