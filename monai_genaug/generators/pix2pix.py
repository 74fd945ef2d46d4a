"""Pix2Pix as a conditional generator."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from monai_genaug._rng import derive_seed, seeded_randn
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.masks.encodings import LabelEncoding
from monai_genaug.networks.pix2pix_unet import Pix2PixUNet


class Pix2PixGenerator(ConditionalGenerator):
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

    def __init__(self, network: Pix2PixUNet, encoding: LabelEncoding) -> None:
        super().__init__(
            spatial_dims=network.spatial_dims,
            image_channels=network.out_channels,
            encoding=encoding,
            stride=network.stride,
        )
        if encoding.channels != network.in_channels:
            raise ValueError(
                f"the encoding gives {encoding.channels} channels, the network takes {network.in_channels}: "
                f"build it with in_channels={encoding.channels}."
            )
        self.network = network

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1] from conditions (B, K, *S)."""
        shapes = self.network.noise.shapes(condition.shape[2:])
        parts = [seeded_randn(shape, [derive_seed(seed, kind) for seed in seeds]) for kind, shape in enumerate(shapes)]
        noise = self.network.noise.join(parts).to(condition.device)
        return 0.5 * (self.network(condition, noise) + 1.0)
