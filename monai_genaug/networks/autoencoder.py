"""The first stage of latent diffusion: an autoencoder that gives latents the scale which diffusion expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from monai.networks.nets import AutoencoderKL
from torch import Tensor, nn

from monai_genaug._checks import check_at_least, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable


class Reconstruction(NamedTuple):
    """What an autoencoder is trained with.

    Args:
        image: (B, C, *S), made of latents that were drawn from the posterior.
        mean: of the posterior, (B, Z, *S / stride), without shift and scale.
        log_variance: of the posterior, of that shape.
    """

    image: Tensor
    mean: Tensor
    log_variance: Tensor


class KLAutoencoder(Rebuildable, nn.Module):
    """Encodes images as latents of a lower resolution and decodes these (Rombach et al. 2022, section 3.1).

    It has the blocks, and the names of weights, of MONAI's `AutoencoderKL`, but no attention, whose cost grows with the
    square of the number of voxels. Latents are shifted and scaled so that those of the training images have the mean 0
    in each channel and altogether the standard deviation 1, as the noise that is added to them (section 4.3.2 there
    scales alone). Shift and scale are buffers, 0 and 1 until `monai_genaug.training.fit_scale` measures them.

    MONAI's forward gives smaller images back where sizes are no multiples of the stride; here that is an error.

    Args:
        spatial_dims: 2 or 3.
        image_channels: channels C of the images.
        channels: features of each level, two levels or more; latents have ``1 / 2**(levels - 1)`` of the resolution.
        latent_channels: channels Z of the latents.
        res_blocks: residual blocks of each level, on the way down and on the way up.
        norm_groups: groups of the group norms, of which all features are multiples.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> autoencoder = KLAutoencoder(2, image_channels=1, channels=(8, 16, 16), latent_channels=4, norm_groups=4)
        >>> latents = autoencoder.encode(torch.zeros(1, 1, 16, 24))
        >>> latents.shape, autoencoder.decode(latents).shape
        (torch.Size([1, 4, 4, 6]), torch.Size([1, 1, 16, 24]))
    """

    if TYPE_CHECKING:  # TorchScript reads annotations at run time
        shift: Tensor
        scale: Tensor

    def __init__(
        self,
        spatial_dims: int,
        image_channels: int,
        *,
        channels: Sequence[int] = (16, 32, 64),
        latent_channels: int = 4,
        res_blocks: int = 1,
        norm_groups: int = 8,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        check_at_least(1, image_channels=image_channels, latent_channels=latent_channels)
        check_at_least(1, res_blocks=res_blocks, norm_groups=norm_groups)
        if len(channels) < 2 or any(features < 2 or features % norm_groups for features in channels):
            raise ValueError(
                f"channels is {list(channels)}, expected 2 levels or more, each a multiple of "
                f"norm_groups={norm_groups} and at least 2."
            )
        self.image_channels, self.latent_channels = image_channels, latent_channels
        self.stride = 2 ** (len(channels) - 1)
        self.least_size = 2 * self.stride  # a group norm needs more than one value

        theirs = AutoencoderKL(
            spatial_dims,
            in_channels=image_channels,
            out_channels=image_channels,
            num_res_blocks=res_blocks,
            channels=channels,
            attention_levels=(False,) * len(channels),
            latent_channels=latent_channels,
            norm_num_groups=norm_groups,
            with_encoder_nonlocal_attn=False,
            with_decoder_nonlocal_attn=False,
        )
        self.encoder, self.decoder = theirs.encoder, theirs.decoder  # TorchScript cannot read the whole
        self.quant_conv_mu, self.quant_conv_log_sigma = theirs.quant_conv_mu, theirs.quant_conv_log_sigma
        self.post_quant_conv = theirs.post_quant_conv
        self.register_buffer("shift", torch.zeros(1, latent_channels, *(1,) * spatial_dims))
        self.register_buffer("scale", torch.ones(()))

    def posterior(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and logarithm of the variance (B, Z, *S / stride) of latents, without shift and scale.

        Args:
            image: (B, C, *S) in [-1, 1], S multiples of `stride` and at least `least_size`.

        Raises:
            ValueError: if its sizes are no multiples of the stride.
        """
        for size in image.shape[2:]:
            if size % self.stride != 0:
                raise ValueError(
                    f"the image has a side of {size}, expected multiples of {self.stride}: crop or pad it to such."
                )
        h = self.encoder(image)
        return self.quant_conv_mu(h), self.quant_conv_log_sigma(h).clamp(-30.0, 20.0)  # as in MONAI's

    def encode(self, image: Tensor) -> Tensor:
        """Give the latents (B, Z, *S / stride), means of the posterior, of images (B, C, *S) in [-1, 1]."""
        return (self.posterior(image)[0] - self.shift) * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Give the images (B, C, *S), without bounds, of latents (B, Z, *S / stride)."""
        return self._decode(latents / self.scale + self.shift)

    def forward(self, image: Tensor) -> Reconstruction:
        """Encode images, draw latents from torch's global generator and decode them, for training.

        Args:
            image: (B, C, *S) in [-1, 1], S multiples of `stride` and at least `least_size`.
        """
        mean, log_variance = self.posterior(image)
        drawn = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return Reconstruction(self._decode(drawn), mean, log_variance)

    def _decode(self, latents: Tensor) -> Tensor:
        image: Tensor = self.decoder(self.post_quant_conv(latents))
        return image
