"""Styles of real images, for networks that take them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from monai.transforms import MapTransform
from torch import nn

from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data import load_images
from monai_genaug.networks.style import StyleBank, style_statistics


class AddStyled(MapTransform):
    """Adds the style (3 C,) of a whole image, before it is cropped.

    Args:
        keys: of the image.
        style_key: what the style is called.

    Example:
        >>> import torch
        >>> AddStyled("image")({"image": torch.full((1, 4, 4), 0.5)})["style"]
        tensor([0.5000, 0.0000, 0.0000])
    """

    def __init__(self, keys: Hashable, style_key: str = "style") -> None:
        super().__init__(keys)
        self.style_key = style_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Give the sample with its image's style."""
        image = as_plain_tensor(data[self.keys[0]])
        return {**data, self.style_key: style_statistics(image[None].float())[0]}


def fit_styles(network: nn.Module, entries: Sequence[Mapping[str, Any]], limit: int = 200) -> None:
    """Fill a network's bank with the styles of images, before it is trained; nothing, if it has none.

    Args:
        network: with a `StyleBank` as `styles`, or None there.
        entries: with an image each.
        limit: read at most so many, evenly spread.

    Raises:
        ValueError: if the images have other channels than the network makes.
    """
    if isinstance(network.styles, StyleBank):
        chosen = np.unique(np.linspace(0, len(entries) - 1, min(len(entries), limit)).round().astype(int))
        images = (load_images([entries[index]])[0] for index in chosen)  # one at a time in memory
        network.styles.fit(item["image"] for item in images)
