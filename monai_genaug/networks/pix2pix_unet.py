"""The U-Net generator of Pix2Pix with noise maps beside the condition."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv, Dropout, Norm
from torch import Tensor, nn

from monai_genaug._checks import check_at_least, check_choice, check_probability, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable
from monai_genaug.networks.initialisation import init_normal
from monai_genaug.networks.style import noise_inputs

MAX_FEATURE_FACTOR = 8  # Isola et al. 2017, appendix 6.1.1: features double up to 8 times the first layer's
MAX_LEVELS = 12  # images of 4096 pixels a side and more
DROPOUT_BLOCKS = 3  # the innermost decoder blocks that have dropout, ibid.


class Pix2PixUNet(Rebuildable, nn.Module):
    """U-Net of 4x4 stride-2 convolutions with skip connections, as in Pix2Pix.

    Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", appendix 6.1.1. The paper's
    256x256 network has 8 levels and 64 features. Its noise comes from dropout alone and is soon ignored; here it comes
    as further input maps, see `NoiseMaps`.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels K of the condition.
        out_channels: channels C of the image.
        levels: number of halvings, 2 to 12; spatial sizes must be multiples of ``2**levels``.
        base_features: features of the first level.
        norm: ``"batch"`` or ``"instance"``; there is none in the first level, nor in the innermost, where a map may be
            one pixel.
        dropout: probability in the three innermost decoder blocks, in training only.
        latent_channels: noise maps that are constant over space.
        smooth_channels: noise maps that vary slowly over space.
        noise_channels: noise maps of white noise.
        style_bank: styles that are kept to draw from, see `StyleBank`; 0: the network takes no style.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> network = Pix2PixUNet(2, in_channels=1, out_channels=3, levels=4, base_features=8)
        >>> network(torch.zeros(1, 1, 32, 32), network.noise.draw(torch.zeros(1, 1, 32, 32))).shape
        torch.Size([1, 3, 32, 32])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        levels: int = 8,
        base_features: int = 64,
        norm: str = "batch",
        dropout: float = 0.5,
        latent_channels: int = 4,
        smooth_channels: int = 4,
        noise_channels: int = 4,
        style_bank: int = 0,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        check_choice("norm", norm, ("batch", "instance"))
        if not 2 <= levels <= MAX_LEVELS:
            raise ValueError(f"levels is {levels}, expected 2 to {MAX_LEVELS}.")
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, base_features=base_features)
        check_probability("dropout", dropout)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.noise, self.styles = noise_inputs(
            latent_channels, smooth_channels, noise_channels, style_bank=style_bank, image_channels=out_channels
        )
        self.noise_channels = self.noise.channels
        self.stride, self.least_size = 2**levels, 1

        features = [base_features * min(2**level, MAX_FEATURE_FACTOR) for level in range(levels)]
        inputs = [in_channels + self.noise.channels, *features[:-1]]
        self.down = nn.ModuleList(
            _down_block(spatial_dims, inputs[level], features[level], norm if 0 < level < levels - 1 else None)
            for level in range(levels)
        )
        self.up = nn.ModuleList()
        for level in range(levels - 1, 0, -1):
            skip = 0 if level == levels - 1 else features[level]
            rate = dropout if levels - 1 - level < DROPOUT_BLOCKS else 0.0
            self.up.append(_up_block(spatial_dims, features[level] + skip, features[level - 1], norm, rate))
        last = Conv[Conv.CONVTRANS, spatial_dims](2 * features[0], out_channels, kernel_size=4, stride=2, padding=1)
        self.last = nn.Sequential(nn.ReLU(), last, nn.Tanh())
        self.apply(init_normal)

    def forward(self, condition: Tensor, noise: Tensor | None = None) -> Tensor:
        """Make an image from a condition and noise maps.

        Args:
            condition: (B, K, *S), in [0, 1], S multiples of `stride`.
            noise: (B, noise.channels, *S), standard normal, as `NoiseMaps.draw` gives it; its mean 0 if left out.

        Returns:
            Image (B, C, *S) in [-1, 1].
        """
        if noise is None:
            noise = condition.new_zeros([condition.shape[0], self.noise_channels] + list(condition.shape[2:]))
        h = torch.cat((condition, noise), dim=1)
        skips = []
        for block in self.down:
            h = block(h)  # (B, F_i, *S / 2**i)
            skips.append(h)
        skips.pop()
        for block in self.up:
            h = torch.cat((block(h), skips.pop()), dim=1)  # (B, 2 F_i, *S / 2**i)
        return self.last(h)


def _down_block(spatial_dims: int, in_channels: int, out_channels: int, norm: str | None) -> nn.Sequential:
    conv = Conv[Conv.CONV, spatial_dims](
        in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=norm != "batch"
    )
    layers: list[nn.Module] = [conv]
    if norm is not None:
        layers.append(_norm(norm, spatial_dims, out_channels))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2))


def _up_block(spatial_dims: int, in_channels: int, out_channels: int, norm: str, dropout: float) -> nn.Sequential:
    conv = Conv[Conv.CONVTRANS, spatial_dims](
        in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=norm != "batch"
    )
    layers = [nn.ReLU(), conv, _norm(norm, spatial_dims, out_channels)]
    if dropout > 0:
        layers.append(Dropout[Dropout.DROPOUT, spatial_dims](dropout))
    return nn.Sequential(*layers)


def _norm(norm: str, spatial_dims: int, features: int) -> nn.Module:
    return Norm[norm, spatial_dims](features, affine=True)
