"""SPADE as a conditional generator."""

from __future__ import annotations

from monai_genaug.generators.noise_network import NoiseNetworkGenerator
from monai_genaug.networks.spade_generator import SPADEResNet


class SPADEGenerator(NoiseNetworkGenerator):
    """Makes an image from a mask and noise maps that modulate a network's features (Park et al. 2019).

    Args:
        network: gives images in [-1, 1].
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.

    Raises:
        ValueError: if encoding and network disagree on the number of channels.

    Example:
        >>> import torch
        >>> from monai_genaug.masks import BinaryEncoding
        >>> network = SPADEResNet(2, in_channels=1, out_channels=1, levels=2, base_features=4)
        >>> generator = SPADEGenerator(network, BinaryEncoding())
        >>> label = torch.zeros(1, 1, 20, 30, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[1]).shape
        torch.Size([1, 1, 20, 30])
    """

    network: SPADEResNet
