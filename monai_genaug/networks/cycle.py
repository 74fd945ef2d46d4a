"""The two networks of a cycle: from masks to images and back."""

from __future__ import annotations

from torch import Tensor, nn

from monai_genaug._rebuildable import Rebuildable
from monai_genaug.networks.resnet_generator import ResNetGenerator
from monai_genaug.networks.style import StyleBank


class CycleNetworks(Rebuildable, nn.Module):
    """Holds the generators G (mask to image) and F (image to mask) of Zhu et al. 2017; called alone it is G.

    Args:
        to_image: G, from conditions with K channels to images with C.
        to_mask: F, from C channels to K; its noise is left at its mean 0, so it needs none.

    Raises:
        ValueError: if the networks do not fit together.

    Example:
        >>> import torch
        >>> G, F = (ResNetGenerator(2, *channels, blocks=1, base_features=4) for channels in ((1, 3), (3, 1)))
        >>> networks = CycleNetworks(G, F)
        >>> image = networks(torch.zeros(1, 1, 8, 8))
        >>> networks(image, to_mask=True).shape
        torch.Size([1, 1, 8, 8])
    """

    __jit_unused_properties__ = ("styles",)  # so that it can be scripted

    def __init__(self, to_image: ResNetGenerator, to_mask: ResNetGenerator) -> None:
        super().__init__()
        there, back = (
            (part.spatial_dims, part.in_channels, part.out_channels, part.stride) for part in (to_image, to_mask)
        )
        if there != (back[0], back[2], back[1], back[3]):
            raise ValueError(
                f"to_image has dimensions, channels in and out and stride {there}, to_mask {back}: expected "
                "equal dimensions and strides, and the channels the other way round."
            )
        self.to_image, self.to_mask = to_image, to_mask
        self.spatial_dims, self.in_channels, self.out_channels, self.stride = there
        self.least_size = max(to_image.least_size, to_mask.least_size)
        self.noise = to_image.noise

    @property
    def styles(self) -> StyleBank | None:
        """Of `to_image`."""
        return self.to_image.styles

    def forward(self, source: Tensor, noise: Tensor | None = None, to_mask: bool = False) -> Tensor:
        """Translate a condition into an image, or with `to_mask` an image into a condition.

        Args:
            source: (B, K, *S) or (B, C, *S) in [0, 1].
            noise: of `to_image`, (B, noise.channels, *S); its mean 0 if left out.
            to_mask: the direction.

        Returns:
            (B, C, *S) or (B, K, *S) in [-1, 1].
        """
        if to_mask:
            return self.to_mask(source)
        return self.to_image(source, noise)
