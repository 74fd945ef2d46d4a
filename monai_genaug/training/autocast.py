"""Mixed precision for MONAI's `SupervisedTrainer` on any device."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor, nn


class AutocastInferer(Inferer):
    """Calls a network in bfloat16 where its device has it, and gives float32; MONAI's own `amp` is for CUDA alone.

    bfloat16 has the range of float32, so that gradients need no scaling.

    Args:
        device: of the training.
        amp: False to call the network in float32.

    Example:
        >>> AutocastInferer("cpu", amp=True)(torch.ones(1, 2), nn.Linear(2, 1)).dtype
        torch.float32
    """

    def __init__(self, device: str | torch.device, amp: bool = False) -> None:
        super().__init__()
        self.device_type, self.amp = torch.device(device).type, amp

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """Give what the network gives; if that is a tensor, float32."""
        with torch.autocast(self.device_type, dtype=torch.bfloat16, enabled=self.amp):
            predicted = network(inputs, *args, **kwargs)
        return predicted.float() if isinstance(predicted, Tensor) else predicted
