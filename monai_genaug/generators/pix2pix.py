"""Pix2Pix as a conditional generator."""

from __future__ import annotations

from monai_genaug.generators.noise_network import NoiseNetworkGenerator
from monai_genaug.networks.pix2pix_unet import Pix2PixUNet


class Pix2PixGenerator(NoiseNetworkGenerator):
    """Makes an image from a mask and noise maps with one pass of a U-Net (Isola et al. 2017).

    Args:
        network: gives images in [-1, 1].
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.

    Raises:
        ValueError: if encoding and network disagree on the number of channels.

    Example:
        >>> import torch
        >>> from monai_genaug.masks import BinaryEncoding
        >>> network = Pix2PixUNet(2, in_channels=1, out_channels=1, levels=3, base_features=4)
        >>> generator = Pix2PixGenerator(network, BinaryEncoding())
        >>> label = torch.zeros(1, 1, 20, 30, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[1]).shape
        torch.Size([1, 1, 20, 30])
    """

    network: Pix2PixUNet
