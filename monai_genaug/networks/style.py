"""What an image looks like apart from where its objects are: a few statistics, and a bank of them."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from monai_genaug._checks import check_at_least
from monai_genaug._rng import derive_seed, seeded_randn
from monai_genaug.networks.noise import NoiseMaps

STATISTICS = 3  # of each channel
JITTER = 0.1  # standard deviations that are added to a style of the bank


def style_statistics(image: Tensor) -> Tensor:
    """Describe the appearance of images: mean, spread and graininess of each channel.

    Mean and standard deviation of the channels of a stained slide tell its stain and contrast (Reinhard et al. 2001,
    "Color Transfer between Images"); the mean absolute difference of neighbours tells sharp and noisy images from
    blurred ones.

    Args:
        image: (B, C, *S) in [0, 1], at least 2 voxels along each axis.

    Returns:
        (B, 3 C).

    Example:
        >>> style_statistics(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
        tensor([[0.5000, 0.5000, 0.5000]])
    """
    flat = image.flatten(2)
    steps = [image.diff(dim=axis).abs().flatten(2).mean(dim=2) for axis in range(2, image.ndim)]
    return torch.cat((flat.mean(dim=2), flat.std(dim=2, correction=0), torch.stack(steps).mean(dim=0)), dim=1)


class StyleBank(nn.Module):
    """Keeps the styles of the images that a generator was trained on, to draw from when it is used.

    Styles are standardised over the bank, so that they have the scale of the standard normal noise whose place they
    take. Until `fit` it holds zeros.

    Args:
        size: number of styles.
        image_channels: of the images.

    Raises:
        ValueError: if `size` is below 1.

    Example:
        >>> bank = StyleBank(4, image_channels=1)
        >>> bank.fit(torch.rand(1, 8, 8) * brightness for brightness in (0.2, 1.0))
        >>> bank.draw([7, 8]).shape
        torch.Size([2, 3])
    """

    codes: Tensor  # TorchScript wants the type itself, hence no postponed annotations in this file
    mean: Tensor
    std: Tensor

    def __init__(self, size: int, image_channels: int) -> None:
        super().__init__()
        check_at_least(1, style_bank=size)
        self.channels = STATISTICS * image_channels
        self.register_buffer("codes", torch.zeros(size, self.channels))
        self.register_buffer("mean", torch.zeros(self.channels))
        self.register_buffer("std", torch.ones(self.channels))

    def fit(self, images: Iterable[Tensor]) -> None:
        """Fill the bank with the styles of images, evenly spread over them; with fewer than its size, in turn.

        Args:
            images: each (C, *S) in [0, 1].

        Raises:
            ValueError: if there is none, or they have other channels.
        """
        styles = [style_statistics(image[None].float())[0] for image in images]
        if not styles or len(styles[0]) != self.channels:
            held = f"images of {len(styles[0]) // STATISTICS} channels" if styles else "no image"
            raise ValueError(f"the style bank got {held}, expected some of {self.channels // STATISTICS} channels.")
        table = torch.stack(styles)  # (N, 3 C)
        self.mean.copy_(table.mean(dim=0))
        self.std.copy_(table.std(dim=0, correction=0).clamp_min(1e-3))
        size, count = len(self.codes), len(table)
        chosen = torch.linspace(0, count - 1, size).round().long() if count > size else torch.arange(size) % count
        self.codes.copy_((table[chosen] - self.mean.cpu()) / self.std.cpu())

    def standardize(self, style: Tensor) -> Tensor:
        """Give styles (B, 3 C), of `style_statistics`, the scale of the bank's."""
        return (style - self.mean) / self.std

    def draw(self, seeds: Sequence[int]) -> Tensor:
        """Draw a style (B, 3 C) for each seed, slightly moved, on the CPU."""
        rows = [derive_seed(seed, "style") % len(self.codes) for seed in seeds]
        moved = seeded_randn((self.channels,), [derive_seed(seed, "style jitter") for seed in seeds])
        return self.codes.detach().cpu()[rows] + JITTER * moved


def noise_inputs(
    latent_channels: int, smooth_channels: int, noise_channels: int, *, style_bank: int, image_channels: int
) -> tuple[NoiseMaps, StyleBank | None]:
    """Make what a network takes beside its condition.

    Args:
        latent_channels: noise maps that are constant over space.
        smooth_channels: noise maps that vary slowly over space.
        noise_channels: noise maps of white noise.
        style_bank: styles that are kept to draw from; 0: the network takes no style.
        image_channels: of the images.

    Returns:
        The maps, and the bank of styles that come first among them.

    Raises:
        ValueError: if a number is below 0.

    Example:
        >>> maps, styles = noise_inputs(1, 1, 2, style_bank=8, image_channels=3)
        >>> maps.channels, styles.channels
        (13, 9)
    """
    check_at_least(0, latent_channels=latent_channels, smooth_channels=smooth_channels)
    check_at_least(0, noise_channels=noise_channels, style_bank=style_bank)
    styles = StyleBank(style_bank, image_channels) if style_bank else None
    style = styles.channels if styles else 0
    return NoiseMaps(latent_channels, smooth_channels, noise_channels, style=style), styles
