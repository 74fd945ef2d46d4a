"""Discriminators of image patches."""

from __future__ import annotations

from monai.networks.nets import PatchDiscriminator
from torch import Tensor, nn

from monai_genaug._checks import check_at_least
from monai_genaug.networks.initialisation import init_normal


def patch_discriminator(
    spatial_dims: int, in_channels: int, *, base_features: int = 64, layers: int = 3, norm: str = "batch"
) -> PatchDiscriminator:
    """Build MONAI's `PatchDiscriminator` as in Pix2Pix and CycleGAN; 3 layers give the paper's 70x70 receptive field.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of what it sees: those of condition and image together, or of the image alone.
        base_features: features of the first layer.
        layers: convolutions between the first and the last; each but one halves the map.
        norm: ``"batch"`` or ``"instance"``.

    Returns:
        A network from (B, in_channels, *S) to a list whose last entry is (B, 1, *P).

    Raises:
        ValueError: if `base_features` or `layers` is below 1, or `layers` no whole number.

    Example:
        >>> import torch
        >>> patch_discriminator(2, 2, base_features=8)(torch.zeros(1, 2, 256, 256))[-1].shape
        torch.Size([1, 1, 30, 30])
    """
    check_at_least(1, discriminator_features=base_features)
    _check_layers(layers)
    network = PatchDiscriminator(
        spatial_dims=spatial_dims,
        channels=base_features,
        in_channels=in_channels,
        num_layers_d=layers,
        norm=(norm, {"affine": True}),
    )
    network.apply(init_normal)
    return network


def least_crop(layers: int) -> int:
    """Give the least side of what `patch_discriminator` can be trained on: its maps must not become one voxel or none.

    Args:
        layers: of the discriminator.

    Raises:
        ValueError: if `layers` is no whole number, or below 1.

    Example:
        >>> least_crop(3)
        24
    """
    _check_layers(layers)
    return 3 * 2**layers  # halved by `layers` convolutions, then 1 less by each of the two last


def _check_layers(layers: int) -> None:
    check_at_least(1, discriminator_layers=layers)
    if layers != int(layers):
        raise ValueError(f"discriminator_layers is {layers}, expected a whole number: set discriminator_layers=3.")


class TwoDiscriminators(nn.Module):
    """Holds two discriminators as one network for one optimiser, such as of the images and the masks of a cycle.

    Args:
        first: gives a list whose last entry are patch logits.
        second: likewise.

    Example:
        >>> import torch
        >>> both = TwoDiscriminators(*(patch_discriminator(2, 1, base_features=4, layers=1) for _ in range(2)))
        >>> both(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16))[0][-1].shape
        torch.Size([1, 1, 6, 6])
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, of_first: Tensor, of_second: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Give the list that each gives of what it sees, the patch logits last; the two need not belong together."""
        return self.first(of_first), self.second(of_second)
