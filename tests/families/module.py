from __future__ import annotations

from functools import partial

import torch
from torch import nn

from monai_genaug import ConditionalGenerator, ModuleGenerator
from monai_genaug.masks import LabelEncoding


class NoisyConv(nn.Module):
    """A user's network that takes noise as second argument."""

    def __init__(self, dims: int, inputs: int, channels: int) -> None:
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.conv = conv(inputs + 1, channels, 3, padding=1)

    def forward(self, condition: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.conv(torch.cat((condition, noise), 1)))


class DropoutConv(nn.Module):
    """A user's network that draws from the global generator even in eval mode."""

    def __init__(self, dims: int, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = (nn.Conv2d if dims == 2 else nn.Conv3d)(inputs, channels, 3, padding=1)

    def forward(self, condition: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.conv(condition + torch.rand_like(condition)))


def build(
    dims: int, encoding: LabelEncoding, channels: int, *, network: type[nn.Module], **kwargs
) -> ConditionalGenerator:
    inner = network(dims, encoding.channels, channels)
    return ModuleGenerator(inner, spatial_dims=dims, image_channels=channels, encoding=encoding, **kwargs)


FAMILIES = {
    "module_noise": partial(build, network=NoisyConv, noise_channels=1),
    "module_draws": partial(build, network=DropoutConv, draws_noise=True),
}
