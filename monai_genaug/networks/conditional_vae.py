"""The network of conditional variational autoencoders: prior, decoder and posterior, all of them convolutional."""

from __future__ import annotations

import math

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable
from monai_genaug.networks.noise import NoiseMaps

MAX_FEATURE_FACTOR = 8  # features double up to 8 times those at full resolution
MAX_LEVELS = 8
LOG_STD_RANGE = 3.0  # of latents, either way, so that neither sampling nor the KL divergence explodes
FIRST_LOG_STD = -2.0  # of the posterior: latents must tell something before the decoder learns to ignore them
FIRST_WIDTH = 1.5  # of images' deviations, before their bounds: wide, as first means are far off


class ConditionalVAE(Rebuildable, nn.Module):
    """Decoder p(x|z, c), prior p(z|c) and posterior q(z|x, c), with latents z that are maps.

    Kingma & Welling 2014, "Auto-Encoding Variational Bayes"; with a condition c and a prior that is learned, Sohn et
    al. 2015, "Learning Structured Output Representation using Deep Conditional Generative Models". Latents are maps of
    a coarse resolution, so that it takes any size; what the whole image has in common, such as its stain, comes as
    further latents that are constant over space, drawn once an image. The decoder sees the condition at every
    resolution as the mean of what a voxel covers, so that boundaries stay sharp.

    The decoder gives a standard deviation beside the mean, learned with it (Rybkin et al. 2021, "Simple and Effective
    VAE Training with Calibrated Decoders"): the likelihood sets by itself how much the latents must tell. Theirs is one
    number for all images; here each voxel has its own, since microscopes and scanners are noisier where it is bright,
    and noise of one strength would put grain on an empty background. How the two are trained so that the mean does not
    suffer: `monai_genaug.training.EvidenceLoss`. A soft bound from below, as theirs, keeps the likelihood of constant
    areas finite; another at 1, half of the images' range, is as much as a deviation can be. Group norms treat each
    image by itself, so that latents of posterior and prior need no common statistics and one volume is batch enough;
    brightness and contrast, which they take out, pass beside them.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels K of the condition.
        out_channels: channels C of the image.
        levels: number of halvings, 1 to 8; spatial sizes must be multiples of ``2**levels``.
        base_features: features at full resolution; they double with each level, up to 8 times as many.
        latent_channels: latent maps Z at the lowest resolution.
        global_channels: latents G that are constant over space; 0 for none.
        norm_groups: groups of the group norms, of which all features are multiples.
        least_deviation: below which no voxel's standard deviation falls, images in [-1, 1], above 0.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> network = ConditionalVAE(2, in_channels=1, out_channels=3, levels=2, base_features=4)
        >>> network(torch.zeros(1, 1, 16, 24)).shape
        torch.Size([1, 3, 16, 24])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        levels: int = 3,
        base_features: int = 16,
        latent_channels: int = 8,
        global_channels: int = 4,
        norm_groups: int = 4,
        least_deviation: float = 0.02,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        if not 1 <= levels <= MAX_LEVELS:
            raise ValueError(f"levels is {levels}, expected 1 to {MAX_LEVELS}.")
        check_at_least(1, in_channels=in_channels, out_channels=out_channels, base_features=base_features)
        check_at_least(1, latent_channels=latent_channels, norm_groups=norm_groups)
        check_at_least(0, global_channels=global_channels)
        if base_features % norm_groups:
            raise ValueError(f"base_features is {base_features}, expected a multiple of norm_groups={norm_groups}.")
        if not 0 < least_deviation < 1:
            raise ValueError(f"least_deviation is {least_deviation}, expected a number above 0 and below 1.")
        self.in_channels, self.out_channels, self.levels = in_channels, out_channels, levels
        self.stride = 2**levels
        self.least_size = 2 * self.stride  # a group norm needs more than one value
        self.noise = NoiseMaps(global_channels, 0, latent_channels)
        self.noise_channels = self.noise.channels
        self.least_log_deviation = math.log(least_deviation)

        features = [base_features * min(2**level, MAX_FEATURE_FACTOR) for level in range(levels + 1)]
        self.halve = Pool[Pool.AVG, spatial_dims](2)
        self.prior = _Encoder(spatial_dims, in_channels, features[1:], latent_channels, global_channels, norm_groups)
        self.blocks = nn.ModuleList(
            _Block(
                spatial_dims,
                in_channels + (features[level] if level < levels else self.noise_channels),
                features[max(level - 1, 0)],
                norm_groups,
            )
            for level in range(levels, -1, -1)
        )
        self.last = Conv[Conv.CONV, spatial_dims](features[0], 2 * out_channels, kernel_size=3, padding=1)
        self.posterior = _Encoder(
            spatial_dims, in_channels + out_channels, features[1:], latent_channels, global_channels, norm_groups
        )
        self.posterior.sharpen(FIRST_LOG_STD)
        with torch.no_grad():
            self.last.bias[out_channels:] += FIRST_WIDTH

    def forward(self, condition: Tensor, noise: Tensor | None = None) -> Tensor:
        """Make the mean image of latents that are drawn from the prior.

        Args:
            condition: (B, K, *S), in [0, 1], S multiples of `stride`, at least `least_size`.
            noise: (B, G + Z, *S / stride), standard normal, as `noise` gives it at that size; its mean 0 if left out.

        Returns:
            Image (B, C, *S) in [-1, 1].
        """
        return self.observe(condition, noise)[0]

    def observe(self, condition: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Draw latents from the prior and decode them.

        Args:
            condition: as of `forward`.
            noise: as of `forward`.

        Returns:
            Mean in [-1, 1] and log standard deviation of each voxel, (B, C, *S) both.
        """
        mean, log_std = self.prior(condition)
        latent = mean if noise is None else mean + log_std.exp() * noise
        return self.decode(latent, condition)

    def decode(self, latent: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean in [-1, 1] and log standard deviation of each voxel, (B, C, *S) both, of latents and a condition.

        Args:
            latent: (B, G + Z, *S / stride), the first G constant over space.
            condition: (B, K, *S).
        """
        maps = [condition]
        for _ in range(self.levels):
            maps.append(self.halve(maps[-1]))  # (B, K, *S / 2**i)
        h = latent
        for block in self.blocks:
            h = block(torch.cat((h, maps.pop()), dim=1))  # (B, F_i, *S / 2**i)
            if len(maps) > 0:
                h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
        mean, raw = self.last(h).chunk(2, dim=1)
        return torch.tanh(mean), self.least_log_deviation * torch.sigmoid(-raw)


class _Encoder(nn.Module):
    """Gives mean and log standard deviation of latents (B, G + Z, *S / 2**levels), the first G constant over space."""

    def __init__(
        self, spatial_dims: int, in_channels: int, features: list[int], local: int, overall: int, norm_groups: int
    ) -> None:
        super().__init__()
        self.down = nn.Sequential()
        for before, after in zip([in_channels, *features], features, strict=False):
            halving = Conv[Conv.CONV, spatial_dims](before, after, kernel_size=4, stride=2, padding=1)
            self.down.extend((halving, nn.SiLU()))
        self.down.apply(_init_conv)
        self.last = _Block(spatial_dims, features[-1], features[-1], norm_groups)
        self.local = Conv[Conv.CONV, spatial_dims](features[-1], 2 * local, kernel_size=1)
        self.overall = nn.Linear(features[-1], 2 * overall) if overall else None
        self.log_std_range = LOG_STD_RANGE  # TorchScript sees no globals

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.last(self.down(x))  # (B, F, *S / 2**levels)
        mean, raw = self.local(h).chunk(2, dim=1)  # (B, Z, *S / 2**levels)
        if self.overall is not None:
            constant = self.overall(h.flatten(2).mean(2)).reshape([h.shape[0], -1] + [1] * (h.ndim - 2))
            constant = constant.expand([-1, -1] + list(h.shape[2:]))
            constant_mean, constant_raw = constant.chunk(2, dim=1)  # (B, G, *S / 2**levels)
            mean, raw = torch.cat((constant_mean, mean), dim=1), torch.cat((constant_raw, raw), dim=1)
        return mean, self.log_std_range * torch.tanh(raw / self.log_std_range)

    def sharpen(self, log_std: float) -> None:
        """Add to the log standard deviation that first weights give."""
        with torch.no_grad():
            for head in (self.local, self.overall):
                if head is not None:
                    head.bias[len(head.bias) // 2 :] += log_std


class _Block(nn.Module):
    """A convolution, and a second one beside it, after a group norm."""

    def __init__(self, spatial_dims: int, inputs: int, outputs: int, norm_groups: int) -> None:
        super().__init__()
        self.first = Conv[Conv.CONV, spatial_dims](inputs, outputs, kernel_size=3, padding=1)
        self.norm = nn.GroupNorm(norm_groups, outputs)
        self.second = Conv[Conv.CONV, spatial_dims](outputs, outputs, kernel_size=3, padding=1)
        self.apply(_init_conv)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return functional.silu(h + self.second(functional.silu(self.norm(h))))


def _init_conv(module: nn.Module) -> None:
    """Draw weights of a convolution so that features keep their scale (He et al. 2015)."""
    if isinstance(module, nn.modules.conv._ConvNd):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
