"""Pictures of images, instance labels and predictions for reports, as PNG data URIs."""

from __future__ import annotations

import base64
import colorsys
import io

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]

HIT, MISSED, EXTRA = (64, 176, 166), (254, 190, 60), (212, 60, 170)  # told apart by people who are colour-blind
GOLDEN_RATIO = 0.618034
BACKGROUND = (24, 24, 32)


def image_pixels(image: Tensor) -> Pixels:
    """Turn an image into pixels.

    Args:
        image: (1, Y, X) grey or (3, Y, X) colour, in [0, 1]; what lies outside is clipped.

    Returns:
        (Y, X, 3), uint8.

    Raises:
        ValueError: for another shape.

    Example:
        >>> image_pixels(torch.ones(1, 2, 3))[0, 0].tolist()
        [255, 255, 255]
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"image has shape {tuple(image.shape)}, expected (1, Y, X) or (3, Y, X): pick channels first.")
    levels = (image.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(levels.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())


def label_pixels(label: Tensor) -> Pixels:
    """Colour an instance map: each value has a hue of its own, far from that of the next value.

    Args:
        label: (1, Y, X), whole numbers >= 0, 0 = background.

    Returns:
        (Y, X, 3), uint8.

    Example:
        >>> pixels = label_pixels(torch.tensor([[[0, 1, 2]]]))
        >>> len({tuple(colour) for colour in pixels[0].tolist()})
        3
    """
    values, index = np.unique(label[0].cpu().numpy(), return_inverse=True)
    colours = [BACKGROUND if value == 0 else _colour(int(value)) for value in values]
    return np.array(colours, dtype=np.uint8)[index.reshape(label.shape[1:])]


def _colour(value: int) -> tuple[int, ...]:
    """Colour of an instance, which hangs on its value alone."""
    lightness = 0.6 + 0.15 * (value % 3 - 1)
    return tuple(round(255 * part) for part in colorsys.hls_to_rgb(value * GOLDEN_RATIO % 1.0, lightness, 0.75))


def error_pixels(image: Tensor, prediction: Tensor, label: Tensor, *, opacity: float = 0.6) -> Pixels:
    """Lay over an image what was found rightly (teal), missed (amber) and wrongly found (magenta).

    Args:
        image: (1, Y, X) or (3, Y, X) in [0, 1].
        prediction: (1, Y, X), foreground > 0.
        label: (1, Y, X), foreground > 0.
        opacity: of the colours, from 0 to 1.

    Returns:
        (Y, X, 3), uint8.

    Example:
        >>> found, truth = torch.tensor([[[1, 0, 1, 0]]]), torch.tensor([[[1, 1, 0, 0]]])
        >>> [tuple(pixel) for pixel in error_pixels(torch.zeros(1, 1, 4), found, truth, opacity=1.0)[0].tolist()]
        [(64, 176, 166), (254, 190, 60), (212, 60, 170), (0, 0, 0)]
    """
    pixels = image_pixels(image).astype(np.float64)
    found, truth = (mask[0].cpu().numpy() > 0 for mask in (prediction, label))
    for where, colour in ((found & truth, HIT), (~found & truth, MISSED), (found & ~truth, EXTRA)):
        pixels[where] = (1 - opacity) * pixels[where] + opacity * np.array(colour)
    return pixels.round().astype(np.uint8)


def png_data_uri(pixels: Pixels, *, longest: int = 256) -> str:
    """Encode pixels as a PNG inside an address, so that a page needs no other file.

    Args:
        pixels: (Y, X, 3), uint8.
        longest: larger pictures are shrunk until their longest side has this many pixels.

    Returns:
        ``data:image/png;base64,...``

    Example:
        >>> png_data_uri(np.zeros((2, 2, 3), dtype=np.uint8))[:31]
        'data:image/png;base64,iVBORw0KG'
    """
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((longest, longest), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
