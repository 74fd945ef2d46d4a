"""The ResNet generator of CycleGAN with noise beside what it translates."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv, Norm
from torch import Tensor, nn

from monai_genaug._checks import check_at_least, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable
from monai_genaug.networks.initialisation import init_normal
from monai_genaug.networks.style import noise_inputs


class ResNetGenerator(Rebuildable, nn.Module):
    """Residual blocks at a quarter of the resolution, with reflection padding and instance norm, as in CycleGAN.

    Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", appendix 7.2:
    64 features, 9 blocks for images of 256x256 and larger, 6 for 128x128. Two things differ. Upsampling repeats voxels
    before an ordinary convolution (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). And noise comes in,
    see `NoiseMaps`: smooth and white maps beside the input; the maps that are constant over space, which instance norm
    would take out again, scale and shift the features after it (adaptive instance norm, Huang & Belongie 2017).

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of what is translated.
        out_channels: channels of what comes out.
        blocks: number of residual blocks.
        base_features: features at full resolution; there are 4 times as many in the blocks.
        latent_channels: noise maps that are constant over space.
        smooth_channels: noise maps that vary slowly over space.
        noise_channels: noise maps of white noise.
        style_bank: styles that are kept to draw from, see `StyleBank`; 0: the network takes no style. A style comes in
            as the maps that are constant over space do.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> network = ResNetGenerator(2, in_channels=1, out_channels=3, blocks=1, base_features=4)
        >>> network(torch.zeros(1, 1, 16, 24)).shape
        torch.Size([1, 3, 16, 24])
    """

    stride = 4
    least_size = 8  # reflection by 3 voxels needs 4, instance norm more than one voxel in the blocks

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        blocks: int = 9,
        base_features: int = 64,
        latent_channels: int = 4,
        smooth_channels: int = 4,
        noise_channels: int = 4,
        style_bank: int = 0,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        check_at_least(
            1, in_channels=in_channels, out_channels=out_channels, blocks=blocks, base_features=base_features
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.noise, self.styles = noise_inputs(
            latent_channels, smooth_channels, noise_channels, style_bank=style_bank, image_channels=out_channels
        )
        self.noise_channels, self.latents = self.noise.channels, self.noise.style + latent_channels

        f = base_features
        first = in_channels + smooth_channels + noise_channels
        self.first = _ConvNorm(spatial_dims, first, f, kernel_size=7)
        self.down = nn.ModuleList(_ConvNorm(spatial_dims, n, 2 * n, kernel_size=3, stride=2) for n in (f, 2 * f))
        self.blocks = nn.ModuleList(_ResidualBlock(spatial_dims, 4 * f, self.latents) for _ in range(blocks))
        self.up = nn.ModuleList(_ConvNorm(spatial_dims, 2 * n, n, kernel_size=3) for n in (2 * f, f))
        self.last = _conv(spatial_dims, f, out_channels, kernel_size=7, bias=True)
        self.apply(init_normal)

    def forward(self, condition: Tensor, noise: Tensor | None = None) -> Tensor:
        """Translate.

        Args:
            condition: (B, in_channels, *S), in [0, 1], S multiples of 4, at least 8.
            noise: (B, noise.channels, *S), standard normal, as `NoiseMaps.draw` gives it; its mean 0 if left out.

        Returns:
            (B, out_channels, *S) in [-1, 1].
        """
        if noise is None:
            noise = condition.new_zeros([condition.shape[0], self.noise_channels] + list(condition.shape[2:]))
        z = noise[:, : self.latents].flatten(2)[..., 0]  # (B, latents), constant over space
        h = self.first(torch.cat((condition, noise[:, self.latents :]), dim=1))  # (B, F, *S)
        for layer in self.down:
            h = layer(h)  # (B, 4 F, *S/4) in the end
        for block in self.blocks:
            h = block(h, z)
        for layer in self.up:
            h = layer(nn.functional.interpolate(h, scale_factor=2.0, mode="nearest"))
        return torch.tanh(self.last(h))


class _ConvNorm(nn.Module):
    """Convolution with reflected borders, instance norm, ReLU."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1):
        super().__init__()
        self.conv = _conv(spatial_dims, in_channels, out_channels, kernel_size=kernel_size, stride=stride)
        self.norm = Norm["instance", spatial_dims](out_channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class _ResidualBlock(nn.Module):
    """Two convolutions beside the identity; noise scales and shifts what the first norm gives."""

    def __init__(self, spatial_dims: int, channels: int, latents: int):
        super().__init__()
        self.conv_a = _conv(spatial_dims, channels, channels, kernel_size=3)
        self.norm_a = Norm["instance", spatial_dims](channels, affine=True)
        self.style = nn.Linear(latents, 2 * channels) if latents else None
        self.conv_b = _conv(spatial_dims, channels, channels, kernel_size=3)
        self.norm_b = Norm["instance", spatial_dims](channels, affine=True)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = self.norm_a(self.conv_a(x))
        if self.style is not None:
            scale, shift = self.style(z).reshape([h.shape[0], -1] + [1] * (h.ndim - 2)).chunk(2, dim=1)
            h = h * (1.0 + scale) + shift
        return x + self.norm_b(self.conv_b(torch.relu(h)))


def _conv(
    spatial_dims: int, in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1, bias: bool = False
) -> nn.Module:
    return Conv[Conv.CONV, spatial_dims](
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        padding_mode="reflect",
        bias=bias,
    )
