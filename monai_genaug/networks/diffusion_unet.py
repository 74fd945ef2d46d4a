"""The U-Net of diffusion and rectified flow, with the condition beside the noisy image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks import Convolution
from monai.networks.nets.diffusion_model_unet import (
    DiffusionUNetResnetBlock,
    DownBlock,
    UpBlock,
    get_timestep_embedding,
    zero_module,
)
from torch import Tensor, nn

from monai_genaug._checks import check_at_least, check_probability, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable

TIME_SCALE = 1000.0  # times go to [0, 1000], the range that the frequencies of their embedding are made for
TIME_FACTOR = 4  # features of the embedded time, as a multiple of the first level's; Ho et al. 2020


class DiffusionUNet(Rebuildable, nn.Module):
    """U-Net with embedded time that sees a noisy image, the condition and whether the condition is given.

    It has the blocks, and the names of weights, of MONAI's `DiffusionModelUNet` (Rombach et al. 2022), but no
    attention, whose cost grows with the square of the number of pixels. The condition comes as further input maps, as
    in Saharia et al. 2022, "Palette". One more map is 1 where the condition is given and 0 where it is withheld, so
    that an empty mask and none at all are two things.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels K of the condition.
        out_channels: channels C of the image.
        channels: features of each level, two levels or more; spatial sizes must be multiples of ``2**(levels - 1)``.
        res_blocks: residual blocks of each level on the way down; there is one more on the way up.
        norm_groups: groups of the group norms, of which all features are multiples.
        condition_dropout: probability that a row's condition is withheld, in training only, for guidance.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> network = DiffusionUNet(2, in_channels=1, out_channels=3, channels=(8, 16), norm_groups=4)
        >>> mask, x, time = torch.zeros(2, 1, 8, 8), torch.randn(2, 3, 8, 8), torch.tensor([0.1, 1.0])
        >>> network(mask, x, time).shape, network(mask, x, time, known=False).shape
        (torch.Size([2, 3, 8, 8]), torch.Size([2, 3, 8, 8]))
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        channels: Sequence[int] = (32, 64, 128),
        res_blocks: int = 1,
        norm_groups: int = 8,
        condition_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        check_at_least(1, in_channels=in_channels, out_channels=out_channels)
        check_at_least(1, res_blocks=res_blocks, norm_groups=norm_groups)
        if len(channels) < 2 or any(features < 2 or features % norm_groups for features in channels):
            raise ValueError(
                f"channels is {list(channels)}, expected 2 levels or more, each a multiple of "
                f"norm_groups={norm_groups} and at least 2."
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.condition_dropout = check_probability("condition_dropout", condition_dropout)
        self.stride = 2 ** (len(channels) - 1)
        self.least_size = 2 * self.stride  # a group norm needs more than one value

        self.skips = res_blocks + 1  # that each level on the way up takes
        first, last = channels[0], channels[-1]
        times = TIME_FACTOR * first
        self.time_features, self.time_scale = first, TIME_SCALE
        common = {"spatial_dims": spatial_dims, "temb_channels": times, "norm_num_groups": norm_groups}
        self.conv_in = Convolution(spatial_dims, out_channels + in_channels + 1, first, conv_only=True)
        self.time_embed = nn.Sequential(nn.Linear(first, times), nn.SiLU(), nn.Linear(times, times))
        self.down_blocks = nn.ModuleList(
            DownBlock(
                in_channels=before,
                out_channels=features,
                num_res_blocks=res_blocks,
                add_downsample=level < len(channels) - 1,
                **common,
            )
            for level, (before, features) in enumerate(zip((first, *channels), channels, strict=False))
        )
        self.middle_block = nn.ModuleDict(
            {name: DiffusionUNetResnetBlock(in_channels=last, **common) for name in ("resnet_1", "resnet_2")}
        )
        self.up_blocks = nn.ModuleList(
            _up_block(
                in_channels=channels[max(level - 1, 0)],
                prev_output_channel=channels[min(level + 1, len(channels) - 1)],
                out_channels=channels[level],
                num_res_blocks=self.skips,
                add_upsample=level > 0,
                **common,
            )
            for level in reversed(range(len(channels)))
        )
        self.out = nn.Sequential(
            nn.GroupNorm(norm_groups, first, eps=1e-6),
            nn.SiLU(),
            zero_module(Convolution(spatial_dims, first, out_channels, conv_only=True)),
        )

    def forward(
        self, condition: Tensor, x: Tensor | None = None, time: Tensor | None = None, known: bool = True
    ) -> Tensor:
        """Predict what the training's target was at a noisy image.

        Args:
            condition: (B, K, *S) in [0, 1], S multiples of `stride` and at least `least_size`.
            x: noisy image (B, C, *S); the mean 0 of noise if left out.
            time: (B,), from 0, an image without noise, to 1, noise alone; 1 if left out.
            known: False to withhold the condition.

        Returns:
            Prediction (B, C, *S), without bounds.
        """
        if x is None:
            x = condition.new_zeros([condition.shape[0], self.out_channels] + list(condition.shape[2:]))
        if time is None:
            time = condition.new_ones([condition.shape[0]])
        embedded = get_timestep_embedding(self.time_scale * time, self.time_features)
        embedded = self.time_embed(embedded.to(x))
        h = self.conv_in(torch.cat([x] + self._show(condition, known), dim=1))
        skips = [h]
        for block in self.down_blocks:
            h, levels = block(h, embedded)  # (B, F_i, *S / 2**i)
            skips.extend(levels)
        for block in self.middle_block.values():
            h = block(h, embedded)
        for block in self.up_blocks:
            h = block(h, skips[-self.skips :], embedded)  # twice *S
            skips = skips[: -self.skips]
        predicted: Tensor = self.out(h)
        return predicted

    def _show(self, condition: Tensor, known: bool) -> list[Tensor]:
        """Give the condition (B, K, *S), 0 in rows where it is withheld, and a map (B, 1, *S) of where it is not."""
        given = condition.new_full([condition.shape[0]] + [1] * (condition.ndim - 1), float(known))
        if self.training and self.condition_dropout > 0:
            given = given * (torch.rand_like(given) >= self.condition_dropout)
        return [condition * given, given.expand([-1, -1] + list(condition.shape[2:]))]


class _Upsample(nn.ModuleDict):
    """The parts of MONAI's `WrappedUpsample`, whose forward TorchScript cannot read."""

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """Give x (B, F, *S) at twice its resolution."""
        for part in self.values():
            x = part(x)
        return x


def _up_block(**settings: Any) -> nn.Module:
    block = UpBlock(**settings)
    if block.upsampler is not None:
        block.upsampler = _Upsample(dict(block.upsampler.named_children()))
    return block
