"""CycleGAN as a conditional generator."""

from __future__ import annotations

import torch
from torch import Tensor

from monai_genaug._tensors import pad_to_multiple
from monai_genaug.generators.base import evaluating
from monai_genaug.generators.noise_network import NoiseNetworkGenerator
from monai_genaug.networks.cycle import CycleNetworks


class CycleGANGenerator(NoiseNetworkGenerator):
    """Makes an image from a mask and noise maps with a network that was trained without pairs (Zhu et al. 2017).

    Args:
        network: both directions.
        encoding: the label encoding that the networks were trained with.

    Raises:
        ValueError: if encoding and network disagree on the number of channels.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import ResNetGenerator
        >>> networks = [ResNetGenerator(2, 1, 1, blocks=1, base_features=4) for _ in range(2)]
        >>> generator = CycleGANGenerator(CycleNetworks(*networks), BinaryEncoding())
        >>> image = generator.sample(generator.encode(torch.zeros(1, 1, 20, 30)), seeds=[1])
        >>> generator.estimate_condition(image).shape
        torch.Size([1, 1, 20, 30])
    """

    network: CycleNetworks

    @torch.no_grad()
    def estimate_condition(self, image: Tensor) -> Tensor:
        """Give the condition that an image seems to show, by the network of the other direction.

        Args:
            image: (B, C, *S) in [0, 1].

        Returns:
            Condition (B, K, *S), float32 in [0, 1], on the generator's device.
        """
        size = image.shape[2:]
        padded = pad_to_multiple(image.to(self.device, torch.float32), self.stride, self.least_size)
        with evaluating(self):
            condition = 0.5 * (self.network.to_mask(padded) + 1.0)
        return condition[(slice(None), slice(None)) + tuple(slice(0, side) for side in size)]
