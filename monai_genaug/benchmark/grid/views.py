"""How images of one kind are shown to a network that was trained on another kind."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from monai_genaug.data import scale_to_unit


def inverted_grey(image: Tensor) -> Tensor:
    """Show a bright-field image as a fluorescence image: stained nuclei bright on a dark ground, in one channel.

    Args:
        image: (C, *S) in [0, 1].

    Returns:
        (1, *S) in [0, 1], scaled by percentiles as fluorescence images are.

    Example:
        >>> inverted_grey(torch.tensor([[[0.9, 0.2]], [[0.9, 0.4]], [[0.9, 0.3]]]))
        tensor([[[0., 1.]]])
    """
    return scale_to_unit(1.0 - image.mean(dim=0, keepdim=True))


class ViewedNetwork(nn.Module):
    """A network that is shown images through a view, each by itself.

    Args:
        network: of the images that the view gives.
        view: makes (C', *S) of an image (C, *S) in [0, 1].

    Example:
        >>> ViewedNetwork(nn.Identity(), inverted_grey)(torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, network: nn.Module, view: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.view = network, view

    def forward(self, images: Tensor) -> Tensor:
        """Give what the network gives of (B, C, *S)."""
        seen: Tensor = self.network(torch.stack([self.view(image) for image in images]))
        return seen


VIEWS: dict[str, Callable[[Tensor], Tensor] | None] = {"same": None, "inverted_grey": inverted_grey}
