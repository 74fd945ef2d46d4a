from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug.training.autocast import AutocastInferer


class Spy(nn.Linear):
    """Remembers the type in which it computed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = super().forward(x)
        self.seen = made.dtype
        return made


@pytest.mark.parametrize(("amp", "seen"), [(True, torch.bfloat16), (False, torch.float32)], ids=["on", "off"])
def test_networks_compute_in_bfloat16_if_asked_and_losses_get_float32(amp, seen):
    network = Spy(3, 2)
    predicted = AutocastInferer("cpu", amp=amp)(torch.rand(1, 3), network)
    assert network.seen == seen
    assert predicted.dtype == torch.float32
    predicted.sum().backward()
    assert network.weight.grad.dtype == torch.float32


def test_what_is_no_tensor_passes_as_it_is():
    class Pair(nn.Module):
        def forward(self, x: torch.Tensor, add: float) -> dict[str, torch.Tensor]:
            return {"one": x + add, "two": x}

    made = AutocastInferer("cpu")(torch.zeros(1), Pair(), add=2.0)
    assert made["one"].item() == 2.0
