"""What generators share that remove noise step by step: diffusion and rectified flow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from monai_genaug._checks import check_at_least
from monai_genaug.diffusion.guidance import guide
from monai_genaug.diffusion.noise import RowNoise
from monai_genaug.generators.network import ConditionalNetwork, NetworkGenerator
from monai_genaug.masks.encodings import LabelEncoding


class NoisyImages(NamedTuple):
    """What a network is trained with.

    Args:
        x: noisy images (B, C, *S), or noisy latents of these.
        time: (B,), from 0, no noise, to 1, noise alone.
        target: what the network should predict, of the shape of `x`.
    """

    x: Tensor
    time: Tensor
    target: Tensor


class DenoisingNetwork(ConditionalNetwork, Protocol):
    """A network that may have been trained without its condition at times."""

    condition_dropout: float


class DenoisingGenerator(NetworkGenerator):
    """Makes an image from a mask and noise with several passes of a network.

    A family gives `denoise` and `add_noise`; one that does not work on images themselves `denoiser`, `noise_shape` and
    `to_image` as well.

    Args:
        network: predicts what a family's `add_noise` gives as the target.
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.
        guidance: scale of classifier-free guidance; 1 for none, which takes half the time of others.

    Raises:
        ValueError: if encoding and network disagree on the number of channels, or a network that never had its
            condition withheld is to be guided.
    """

    def __init__(self, network: DenoisingNetwork, encoding: LabelEncoding, *, guidance: float = 1.0) -> None:
        super().__init__(network, encoding)
        check_at_least(0, guidance=guidance)
        if guidance != 1 and network.condition_dropout == 0:
            raise ValueError(
                f"guidance is {guidance}, but the network never had its condition withheld in training: expected "
                "guidance=1, or a network trained with condition_dropout above 0, such as 0.1."
            )
        self.guidance = guidance

    @property
    def denoiser(self) -> nn.Module:
        """What is trained to predict `add_noise`'s target: ``denoiser(condition, x, time, known)``."""
        return self.network

    def noise_shape(self, size: Sequence[int]) -> tuple[int, ...]:
        """Give the shape of one row's noise, for a condition of size *S."""
        return (self.image_channels, *size)

    def to_image(self, x: Tensor) -> Tensor:
        """Give the images (B, C, *S) in [-1, 1] of what `denoise` gives."""
        return x

    def predict(self, condition: Tensor, x: Tensor, time: float) -> Tensor:
        """Ask the denoiser, with guidance.

        Args:
            condition: (B, K, *S).
            x: noisy, (B, *noise_shape).
            time: from 0, no noise, to 1, noise alone.

        Returns:
            Prediction, of the shape of `x`.
        """
        times = x.new_full((x.shape[0],), time)
        predicted: Tensor = self.denoiser(condition, x, times)
        if self.guidance == 1:
            return predicted
        return guide(predicted, self.denoiser(condition, x, times, known=False), self.guidance)

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1] from conditions (B, K, *S)."""
        noise = RowNoise(self.noise_shape(condition.shape[2:]), seeds, condition.device)
        return 0.5 * (self.to_image(self.denoise(condition, noise)) + 1.0)

    @abstractmethod
    def denoise(self, condition: Tensor, noise: RowNoise) -> Tensor:
        """Make what `to_image` takes from conditions (B, K, *S) and noise (B, *noise_shape)."""

    @abstractmethod
    def add_noise(self, image: Tensor) -> NoisyImages:
        """Draw times and noise from torch's global generator, for training; images (B, C, *S) in [-1, 1]."""


def draw_times(like: Tensor) -> Tensor:
    """Draw a time for each row from torch's global generator, spread evenly over the batch.

    Each is uniform in [0, 1); together they cover it, so that losses vary less (Kingma et al. 2021, appendix I.1).

    Args:
        like: (B, ...), gives batch size and device.

    Returns:
        (B,), float32.

    Example:
        >>> times = draw_times(torch.zeros(4, 1)).sort().values
        >>> bool((times.diff() - 0.25).abs().max() < 1e-6)
        True
    """
    rows = like.shape[0]
    return (torch.rand(1, device=like.device) + torch.arange(rows, device=like.device) / rows) % 1.0
