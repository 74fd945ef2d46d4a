"""Pix2Pix as a conditional generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
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
        network, size = self.network, condition.shape[2:]
        latent = seeded_randn((network.latent_channels, *(1,) * len(size)), [derive_seed(s, "latent") for s in seeds])
        white = seeded_randn((network.noise_channels, *size), [derive_seed(s, "noise") for s in seeds])
        noise = join_noise(latent, white).to(condition.device)
        return 0.5 * (network(condition, noise) + 1.0)


def join_noise(latent: Tensor, white: Tensor) -> Tensor:
    """Spread latent values over space and put them before the white noise maps.

    Args:
        latent: (B, L, 1, ...), one value a channel.
        white: (B, N, *S).

    Returns:
        Noise (B, L + N, *S).

    Example:
        >>> join_noise(torch.ones(1, 2, 1, 1), torch.zeros(1, 3, 4, 4)).mean().item()
        0.4000000059604645
    """
    return torch.cat((latent.expand(-1, -1, *white.shape[2:]), white), dim=1)


def draw_noise(network: Pix2PixUNet, condition: Tensor) -> Tensor:
    """Draw noise maps for training from torch's global generator.

    Args:
        network: says how many maps of each kind.
        condition: (B, K, *S), gives batch size, spatial size and device.

    Returns:
        Noise (B, L + N, *S), standard normal.

    Example:
        >>> network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4)
        >>> draw_noise(network, torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 8, 8, 8])
    """
    rows, size = condition.shape[0], condition.shape[2:]
    latent = torch.randn(rows, network.latent_channels, *(1,) * len(size), device=condition.device)
    return join_noise(latent, torch.randn(rows, network.noise_channels, *size, device=condition.device))


def redraw_latent(network: Pix2PixUNet, noise: Tensor) -> Tensor:
    """Keep the white noise maps and draw the maps that are constant over space anew (all of them, if there are none).

    Args:
        network: says how many maps of each kind.
        noise: (B, L + N, *S).

    Returns:
        Noise (B, L + N, *S).

    Example:
        >>> network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4)
        >>> redraw_latent(network, torch.zeros(1, 8, 4, 4))[:, 4:].abs().max().item()
        0.0
    """
    other = draw_noise(network, noise)
    count = network.latent_channels
    return torch.cat((other[:, :count], noise[:, count:]), dim=1) if count else other
