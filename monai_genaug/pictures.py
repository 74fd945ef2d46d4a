"""Pictures of images, instance labels and predictions: grids in files, PNG data URIs for pages."""

from __future__ import annotations

import base64
import colorsys
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Pixels = NDArray[np.uint8]

HIT, MISSED, EXTRA = (64, 176, 166), (254, 190, 60), (212, 60, 170)  # told apart by people who are colour-blind
GOLDEN_RATIO = 0.618034
BACKGROUND = (24, 24, 32)
OUTLINE = (80, 255, 60)  # stands out from grey images and from stained tissue


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


def outline_pixels(image: Tensor, label: Tensor) -> Pixels:
    """Draw the outline of each object of a label over an image.

    Args:
        image: (1, Y, X) or (3, Y, X) in [0, 1].
        label: (1, Y, X), whole numbers >= 0, 0 = background.

    Returns:
        (Y, X, 3), uint8; pixels of an object that share a side with a pixel of another value are green.

    Example:
        >>> outline_pixels(torch.zeros(1, 1, 4), torch.tensor([[[1, 1, 1, 0]]]))[0].any(axis=1).tolist()
        [False, False, True, False]
    """
    values = label[0].cpu().numpy()
    edge = np.zeros(values.shape, dtype=bool)
    rows, columns = values[1:] != values[:-1], values[:, 1:] != values[:, :-1]
    edge[1:] |= rows
    edge[:-1] |= rows
    edge[:, 1:] |= columns
    edge[:, :-1] |= columns
    pixels = image_pixels(image)
    pixels[edge & (values > 0)] = OUTLINE
    return pixels


def middle_plane(image: Tensor) -> Tensor:
    """Take what a picture can show: of a volume the middle slice of the last axis, and 1 or 3 channels.

    Args:
        image: (C, Y, X) or (C, *S) of three sizes.

    Returns:
        (1, Y, X), or (3, Y, X) where C is 3.

    Example:
        >>> middle_plane(torch.zeros(4, 8, 6, 5)).shape
        torch.Size([1, 8, 6])
    """
    plane = image if image.ndim == 3 else image[..., image.shape[-1] // 2]
    return plane if plane.shape[0] in (1, 3) else plane[:1]


def fit_plane(plane: Tensor, longest: int) -> Tensor:
    """Shrink a plane until its longest side is `longest`, or enlarge it by the largest whole factor that fits.

    Args:
        plane: (C, Y, X); shrinking averages images (float), and takes the nearest pixel of labels (integers).
        longest: pixels.

    Returns:
        (C, Y', X') of the same type.

    Example:
        >>> fit_plane(torch.zeros(1, 200, 100), 50).shape, fit_plane(torch.zeros(1, 20, 10), 50).shape
        (torch.Size([1, 50, 25]), torch.Size([1, 40, 20]))
    """
    height, width = plane.shape[1:]
    factor = longest / max(height, width)
    if factor >= 1:
        return plane.repeat_interleave(int(factor), dim=1).repeat_interleave(int(factor), dim=2)
    size = [max(1, round(side * factor)) for side in (height, width)]
    if plane.is_floating_point():
        return functional.interpolate(plane[None], size, mode="area")[0]
    rows, columns = (
        ((torch.arange(new) + 0.5) * old / new).long() for new, old in zip(size, (height, width), strict=True)
    )
    return plane[:, rows][:, :, columns]


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


def write_grid(path: str | os.PathLike[str], rows: Sequence[Sequence[Tensor]], *, gap: int = 4) -> Path:
    """Write a picture of rows of images and label maps; of volumes the middle slice of the last axis is shown.

    Args:
        path: ``.png`` or ``.jpg``; folders are made, an earlier file is replaced as a whole.
        rows: of images (1 or 3, *S), float in [0, 1], and labels (1, *S), of an integer type; others show one channel.
        gap: white pixels between two images.

    Returns:
        The path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_grid(f"{folder}/a.png", [[torch.rand(1, 8, 8), torch.ones(1, 8, 8, dtype=torch.int64)]]).name
        'a.png'
    """
    from PIL import Image

    lines = [[_pixels(image) for image in row] for row in rows]
    height = [max(pixels.shape[0] for pixels in line) for line in lines]
    width = max(sum(pixels.shape[1] + gap for pixels in line) for line in lines) - gap
    canvas = np.full((sum(height) + gap * (len(lines) - 1), width, 3), 255, dtype=np.uint8)
    top = 0
    for line, tall in zip(lines, height, strict=True):
        left = 0
        for pixels in line:
            canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
            left += pixels.shape[1] + gap
        top += tall + gap
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}{path.suffix}")
    Image.fromarray(canvas).save(hidden, quality=88)
    return hidden.replace(path)


def _pixels(image: Tensor) -> Pixels:
    """Turn an image or a label of 2 or 3 dimensions into pixels."""
    plane = middle_plane(image)
    return image_pixels(plane) if plane.dtype.is_floating_point else label_pixels(plane)
