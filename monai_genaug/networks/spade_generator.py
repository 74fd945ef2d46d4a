"""The SPADE generator: a condition and noise scale and shift normalised features at every resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from monai.networks.blocks.spade_norm import SPADE
from monai.networks.layers.factories import Conv, Pool
from monai.networks.nets.spade_network import SPADENetResBlock
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least, check_choice, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable
from monai_genaug.networks.initialisation import init_normal
from monai_genaug.networks.style import noise_inputs

MAX_FEATURE_FACTOR = 8  # features double up to 8 times those at full resolution
MAX_LEVELS = 8


class SPADEResNet(Rebuildable, nn.Module):
    """Residual blocks from coarse to fine, whose norms take scale and shift of each voxel from the condition.

    Park et al. 2019, "Semantic Image Synthesis with Spatially-Adaptive Normalization", figures 3 and 4, with MONAI's
    blocks. Three things differ. It starts from the condition at the lowest resolution, as the paper's network without
    a style encoder does, so that it takes any size and aspect. Noise and style are channels beside the condition in
    every norm and at the start (Schonfeld et al. 2021, "You Only Need Adversarial Supervision for Semantic Image
    Synthesis", section 3.2): constant maps modulate the whole image, smooth maps its objects, white maps their texture.
    And lower resolutions see the mean of condition and noise, not every other voxel, so that thin boundaries are not
    lost; white noise is scaled to stay standard normal. Spectral normalisation is left out.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels K of the condition.
        out_channels: channels C of the image.
        levels: number of doublings, 1 to 8; spatial sizes must be multiples of ``2**levels``.
        base_features: features at full resolution; they double with each level, up to 8 times as many. The paper's
            network has 64, more than is quick on a CPU.
        hidden_features: features between the condition and the scale and shift made of it; the paper's has 128.
        norm: ``"batch"`` or ``"instance"``: what is scaled and shifted, without weights of its own.
        latent_channels: noise maps that are constant over space.
        smooth_channels: noise maps that vary slowly over space.
        noise_channels: noise maps of white noise.
        style_bank: styles that are kept to draw from, see `StyleBank`; 0: the network takes no style. A style comes in
            as the maps that are constant over space do.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> network = SPADEResNet(2, in_channels=1, out_channels=3, levels=3, base_features=4)
        >>> network(torch.zeros(1, 1, 16, 24)).shape
        torch.Size([1, 3, 16, 24])
    """

    if TYPE_CHECKING:  # TorchScript reads annotations at run time
        gain: Tensor

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        levels: int = 4,
        base_features: int = 16,
        hidden_features: int = 32,
        norm: str = "batch",
        latent_channels: int = 4,
        smooth_channels: int = 4,
        noise_channels: int = 4,
        style_bank: int = 0,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        check_choice("norm", norm, ("batch", "instance"))
        if not 1 <= levels <= MAX_LEVELS:
            raise ValueError(f"levels is {levels}, expected 1 to {MAX_LEVELS}.")
        check_at_least(
            1,
            in_channels=in_channels,
            out_channels=out_channels,
            base_features=base_features,
            hidden_features=hidden_features,
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.noise, self.styles = noise_inputs(
            latent_channels, smooth_channels, noise_channels, style_bank=style_bank, image_channels=out_channels
        )
        self.noise_channels = self.noise.channels
        self.stride = 2**levels
        self.least_size = 2 * self.stride  # norms need more than one voxel at the lowest resolution

        seen = in_channels + self.noise.channels
        features = [base_features * min(2**level, MAX_FEATURE_FACTOR) for level in range(levels + 1)]
        self.levels = levels
        self.halve = Pool[Pool.AVG, spatial_dims](2)
        gain = torch.ones(1, seen, *(1,) * spatial_dims)
        gain[:, seen - noise_channels :] = 2.0 ** (spatial_dims / 2)  # a mean of n numbers has 1/sqrt(n) of their std
        self.register_buffer("gain", gain, persistent=False)

        self.first = Conv[Conv.CONV, spatial_dims](seen, features[-1], kernel_size=3, padding=1)
        self.blocks = nn.ModuleList(
            _ResidualBlock(spatial_dims, features[level], features[max(level - 1, 0)], seen, hidden_features, norm)
            for level in range(levels, -1, -1)
        )
        self.last = Conv[Conv.CONV, spatial_dims](features[0], out_channels, kernel_size=3, padding=1)
        self.apply(init_normal)

    def forward(self, condition: Tensor, noise: Tensor | None = None) -> Tensor:
        """Make an image from a condition and noise maps.

        Args:
            condition: (B, K, *S), in [0, 1], S multiples of `stride`, at least `least_size`.
            noise: (B, noise.channels, *S), standard normal, as `NoiseMaps.draw` gives it; its mean 0 if left out.

        Returns:
            Image (B, C, *S) in [-1, 1].
        """
        if noise is None:
            noise = condition.new_zeros([condition.shape[0], self.noise_channels] + list(condition.shape[2:]))
        maps = [torch.cat((condition, noise), dim=1)]
        for _ in range(self.levels):
            maps.append(self.halve(maps[-1]) * self.gain)  # (B, K + N, *S / 2**i)
        h = self.first(maps[-1])
        for block in self.blocks:
            h = block(h, maps.pop())  # (B, F_i, *S / 2**i)
            if len(maps) > 0:
                h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
        return torch.tanh(self.last(functional.leaky_relu(h, 0.2)))


class _ResidualBlock(SPADENetResBlock):
    """MONAI's block, whose norms scale and shift by what the convolutions give, as in the paper.

    MONAI 1.6.1 normalises scale and shift over space once more, which takes out whatever is constant, such as a style,
    and fails where there is one voxel.
    """

    __constants__ = ("learned_shortcut",)  # lets TorchScript leave out a shortcut that is not there

    def __init__(self, spatial_dims: int, inputs: int, outputs: int, seen: int, hidden: int, norm: str) -> None:
        super().__init__(spatial_dims, inputs, outputs, seen, hidden, norm=(norm, {"affine": False}))
        for part in list(self.modules()):
            if isinstance(part, SPADE):
                part.mlp_gamma, part.mlp_beta = part.mlp_gamma.conv, part.mlp_beta.conv
