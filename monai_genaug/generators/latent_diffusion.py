"""Latent diffusion as a conditional generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from monai_genaug.generators.denoising import NoisyImages
from monai_genaug.generators.diffusion import DiffusionGenerator
from monai_genaug.networks.latent import LatentDiffusionUNet


class LatentDiffusionGenerator(DiffusionGenerator):
    """Makes an image from a mask by diffusion among the latents of an autoencoder (Rombach et al. 2022).

    The arguments are those of `DiffusionGenerator`. Latents have no bounds, so no estimate of them is held to any;
    for want of these epsilon does with the linear schedule alone.

    Args:
        network: a trained autoencoder, and a denoiser that predicts noise, v or the latents.
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.
        schedule: ``"cosine"`` or ``"linear"``.
        timesteps: T of the training.
        prediction: of the denoiser: ``"v"``, ``"epsilon"`` or ``"x0"``, which are the latents.
        sampler: ``"dpm_solver"``, ``"ddim"`` or ``"ddpm"``.
        steps: of the sampler, from 1 to `timesteps`; ddpm needs all.
        eta: for ddim, from 0 (no noise but the first) to 1.
        guidance: scale of classifier-free guidance; 1 for none.

    Raises:
        ValueError: if an argument is out of its range, or does not fit the others.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import KLAutoencoder
        >>> autoencoder = KLAutoencoder(2, image_channels=1, channels=(8, 16), norm_groups=4)
        >>> network = LatentDiffusionUNet(autoencoder, in_channels=1, channels=(8, 16), norm_groups=4)
        >>> generator = LatentDiffusionGenerator(network, BinaryEncoding(), steps=2)
        >>> label = torch.zeros(1, 1, 20, 30, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[1]).shape
        torch.Size([1, 1, 20, 30])
    """

    network: LatentDiffusionUNet
    bound = None

    @property
    def denoiser(self) -> nn.Module:
        """What is trained to predict `add_noise`'s target: ``denoiser(condition, x, time, known)``."""
        return self.network.denoiser

    def noise_shape(self, size: Sequence[int]) -> tuple[int, ...]:
        """Give the shape of one row's noise, that of latents, for a condition of size *S."""
        autoencoder = self.network.autoencoder
        return (autoencoder.latent_channels, *(side // autoencoder.stride for side in size))

    def to_image(self, x: Tensor) -> Tensor:
        """Decode latents (B, Z, *S / stride) as images (B, C, *S)."""
        return self.network.autoencoder.decode(x)

    def add_noise(self, image: Tensor) -> NoisyImages:
        """Encode images (B, C, *S) in [-1, 1], without gradients, and add noise to the latents, for training."""
        with torch.no_grad():
            latents = self.network.autoencoder.encode(image)
        return super().add_noise(latents)
