"""The conditional variational autoencoder as a conditional generator."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from monai_genaug._rng import derive_seed, seeded_randn
from monai_genaug.generators.network import NetworkGenerator
from monai_genaug.masks.encodings import LabelEncoding
from monai_genaug.networks.conditional_vae import ConditionalVAE


class CVAEGenerator(NetworkGenerator):
    """Makes an image from a mask and latents that are drawn from a learned prior (Sohn et al. 2015).

    Args:
        network: gives mean and standard deviation of images in [-1, 1].
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.
        observation_noise: add white noise of the learned deviation, as the model of the images has it; the mean alone
            is a smooth image without the grain of real ones, which latents of a coarse resolution cannot tell.

    Raises:
        ValueError: if encoding and network disagree on the number of channels.

    Example:
        >>> import torch
        >>> from monai_genaug.masks import BinaryEncoding
        >>> network = ConditionalVAE(2, in_channels=1, out_channels=1, levels=2, base_features=4)
        >>> generator = CVAEGenerator(network, BinaryEncoding())
        >>> label = torch.zeros(1, 1, 20, 30, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[1]).shape
        torch.Size([1, 1, 20, 30])
    """

    network: ConditionalVAE

    def __init__(self, network: ConditionalVAE, encoding: LabelEncoding, *, observation_noise: bool = True) -> None:
        super().__init__(network, encoding)
        self.observation_noise = observation_noise

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1] from conditions (B, K, *S)."""
        size = condition.shape[2:]
        shapes = self.network.noise.shapes([side // self.stride for side in size])
        parts = [seeded_randn(shape, [derive_seed(seed, kind) for seed in seeds]) for kind, shape in enumerate(shapes)]
        image, log_deviation = self.network.observe(condition, self.network.noise.join(parts).to(condition.device))
        if self.observation_noise:
            white = seeded_randn((self.image_channels, *size), [derive_seed(seed, "observation") for seed in seeds])
            image = image + log_deviation.exp() * white.to(condition.device)
        return 0.5 * (image + 1.0)
