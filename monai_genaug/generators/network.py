"""What generators share that make images with one network."""

from __future__ import annotations

from typing import Protocol, cast

from torch import nn

from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.masks.encodings import LabelEncoding


class ConditionalNetwork(Protocol):
    """A network that takes a condition and gives images, and says what sizes it takes."""

    spatial_dims: int
    in_channels: int
    out_channels: int
    stride: int
    least_size: int


class NetworkGenerator(ConditionalGenerator):
    """Makes an image from a mask with a network.

    Args:
        network: a `ConditionalNetwork`.
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.

    Raises:
        ValueError: if encoding and network disagree on the number of channels.
    """

    network: nn.Module

    def __init__(self, network: ConditionalNetwork, encoding: LabelEncoding) -> None:
        super().__init__(
            spatial_dims=network.spatial_dims,
            image_channels=network.out_channels,
            encoding=encoding,
            stride=network.stride,
            least_size=network.least_size,
        )
        if encoding.channels != network.in_channels:
            raise ValueError(
                f"the encoding gives {encoding.channels} channels, the network takes {network.in_channels}: "
                f"build it with in_channels={encoding.channels}."
            )
        self.network = cast(nn.Module, network)
