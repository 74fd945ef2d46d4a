"""What generators share that are one pass of a network with noise maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from torch import Tensor

from monai_genaug._rng import derive_seed, seeded_randn
from monai_genaug.generators.network import ConditionalNetwork, NetworkGenerator
from monai_genaug.masks.encodings import LabelEncoding
from monai_genaug.networks.noise import NoiseMaps
from monai_genaug.networks.style import StyleBank


class NoiseNetwork(ConditionalNetwork, Protocol):
    """A network called as ``network(condition, noise)`` that gives images in [-1, 1]."""

    noise: NoiseMaps

    @property
    def styles(self) -> StyleBank | None:
        """What it takes in the place of its first noise maps; None: nothing."""


class NoiseNetworkGenerator(NetworkGenerator):
    """Makes an image from a mask and noise maps with one pass of a network.

    Args:
        network: a `NoiseNetwork`.
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.

    Raises:
        ValueError: if encoding and network disagree on the number of channels.
    """

    def __init__(self, network: NoiseNetwork, encoding: LabelEncoding) -> None:
        super().__init__(network, encoding)
        self.noise = network.noise

    @property
    def styles(self) -> StyleBank | None:
        """The network's, if it takes any."""
        return cast(NoiseNetwork, self.network).styles

    def draw_noise(self, condition: Tensor, style: Tensor | None) -> Tensor:
        """Draw noise (B, N, *S) from torch's global generator, for training.

        Args:
            condition: (B, K, *S).
            style: (B, 3 C) of `style_statistics`, for a network that takes styles.

        Raises:
            ValueError: if the network takes a style, and there is none.
        """
        noise = self.noise.draw(condition)
        if self.styles is None:
            return noise
        if style is None:
            raise ValueError("the network takes the style of the real image, but the batch has none: add AddStyled.")
        return self.noise.with_style(noise, self.styles.standardize(style))

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1] from conditions (B, K, *S)."""
        shapes = self.noise.shapes(condition.shape[2:])
        parts = [seeded_randn(shape, [derive_seed(seed, kind) for seed in seeds]) for kind, shape in enumerate(shapes)]
        noise = self.noise.join(parts)
        if self.styles is not None:
            noise = self.noise.with_style(noise, self.styles.draw(seeds))
        image: Tensor = self.network(condition, noise.to(condition.device))
        return 0.5 * (image + 1.0)
