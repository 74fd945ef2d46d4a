"""Backgrounds of real images, without the objects that were found in them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from monai_genaug._checks import check_at_least, check_label, check_spatial_dims
from monai_genaug._rebuildable import Rebuildable
from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor

LEAST_KNOWN = 0.05


class BackgroundBank(Rebuildable, nn.Module):
    """Keeps windows of images and where nothing was found in them, to draw from. Until `fit` it holds zeros.

    Intensities are kept with 11 bits. What was overlooked stays in the background, so a bank is no better than the
    masks that it was fitted with.

    Args:
        size: number N of windows.
        image_channels: channels C of the images.
        spatial_size: of the windows, 2D or 3D.

    Raises:
        ValueError: if a number is below 1.

    Example:
        >>> images, found = torch.rand(3, 1, 40, 50), torch.zeros(3, 1, 40, 50)
        >>> found[:, :, 10:20, 10:20] = 1
        >>> bank = BackgroundBank.fit(images, found, side=32)
        >>> image, known = bank.draw([7, 8], (24, 60))
        >>> image.shape, known.shape, known.dtype
        (torch.Size([2, 1, 24, 60]), torch.Size([2, 1, 24, 60]), torch.bool)
    """

    images: Tensor  # (N, C, *spatial_size), float16
    known: Tensor  # (N, 1, *spatial_size), bool

    def __init__(self, size: int, image_channels: int, spatial_size: Sequence[int]) -> None:
        super().__init__()
        check_at_least(1, size=size, image_channels=image_channels, side=min(spatial_size, default=0))
        check_spatial_dims(len(spatial_size))
        self.register_buffer("images", torch.zeros(size, image_channels, *spatial_size, dtype=torch.float16))
        self.register_buffer("known", torch.zeros(size, 1, *spatial_size, dtype=torch.bool))

    @classmethod
    def fit(
        cls,
        images: Iterable[NDArray[Any] | Tensor],
        found: Iterable[NDArray[Any] | Tensor],
        *,
        size: int = 32,
        side: int = 256,
        margin: int = 2,
    ) -> Self:
        """Make a bank of images and of what was found in them, of each image the window with most background.

        Args:
            images: (C, *S) each, in [0, 1], all of one number of channels and dimensions.
            found: (1, *S) each, whole numbers, above 0 where an object is: a label, or what a segmentation network
                finds.
            size: windows at most; of more images so many are taken, evenly spread.
            side: of the windows, in voxels; where an image is smaller it is mirrored.
            margin: voxels around objects that are left out too.

        Returns:
            The bank.

        Raises:
            ValueError: if there is no image, or images and masks do not fit one another.
        """
        check_at_least(1, size=size, side=side)
        check_at_least(0, margin=margin)
        shown, objects = list(map(_as_array, images)), list(map(_as_array, found))
        if len(shown) != len(objects):
            raise ValueError(
                f"there are {len(shown)} images and {len(objects)} masks of what was found: pass one each."
            )
        pairs = list(zip(shown, objects, strict=True))
        _check_pairs(pairs)
        chosen = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), size)).round().astype(int))
        channels, *shape = pairs[0][0].shape
        bank = cls(len(chosen), channels, (side,) * len(shape))
        for row, index in enumerate(chosen):
            image, objects = pairs[index]
            known = ~_grow(objects[0] > 0, margin)
            window = _emptiest_window(known, side)
            within = np.ix_(np.arange(channels), *window)
            bank.images[row] = torch.from_numpy(image[within].astype(np.float16))
            bank.known[row, 0] = torch.from_numpy(known[np.ix_(*window)])
        if bank.known.float().mean() < LEAST_KNOWN:
            warnings.warn(
                f"only {bank.known.float().mean():.1%} of the backgrounds is known, the rest counts as found: pass "
                "masks of 0 and 1, or labels.",
                stacklevel=2,
            )
        return bank

    def extra_repr(self) -> str:
        """Tell number, channels and size of the windows."""
        size, channels, *sides = self.images.shape
        return f"{size}, {channels}, {tuple(sides)}"

    def draw(self, seeds: Sequence[int], size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Draw a part of a window for each seed, mirrored or not along each axis.

        Args:
            seeds: B integers.
            size: spatial size *S; where the windows are smaller they are continued by mirroring.

        Returns:
            Images (B, C, *S), float32, 0 where they are not known; where they are known (B, 1, *S), bool.
        """
        rows = [self._draw_row(derive_seed(seed, "background"), size) for seed in seeds]
        known = torch.stack([row for _, row in rows])
        return torch.stack([image for image, _ in rows]).float() * known, known

    def _draw_row(self, seed: int, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        rng = np.random.RandomState(seed % 2**32)
        row = rng.randint(len(self.images))
        image, known = self.images[row], self.known[row]
        for axis, wanted in enumerate(size, start=1):
            side = image.shape[axis]
            start = rng.randint(side - wanted + 1) if wanted <= side else rng.randint(2 * side)
            index = _mirror(start + np.arange(wanted), side)
            where = torch.from_numpy(index[:: rng.choice((-1, 1))].copy()).to(image.device)
            image, known = image.index_select(axis, where), known.index_select(axis, where)
        return image, known


def _as_array(values: NDArray[Any] | Tensor) -> NDArray[Any]:
    return np.asarray(as_plain_tensor(values).detach().cpu() if isinstance(values, Tensor) else values)


def _check_pairs(pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> None:
    """Refuse images and masks that do not fit one another."""
    if not pairs:
        raise ValueError("images holds no image, expected at least one: check the list that they come from.")
    first = pairs[0][0]
    for number, (image, objects) in enumerate(pairs):
        if image.ndim != first.ndim or len(image) != len(first) or 0 in image.shape:
            raise ValueError(
                f"images[{number}] has shape {image.shape}, images[0] {first.shape}, expected (C, *S) with equal "
                "channels and dimensions: use one kind of image."
            )
        if objects.shape != (1, *image.shape[1:]):
            raise ValueError(
                f"found[{number}] has shape {objects.shape}, expected {(1, *image.shape[1:])} to fit its image."
            )
        check_label(torch.from_numpy(np.ascontiguousarray(objects)), name=f"found[{number}]")
        lowest, highest = float(image.min()), float(image.max())
        if not (lowest >= -0.05 and highest <= 1.05):  # False for NaN
            raise ValueError(
                f"images[{number}] goes from {lowest:g} to {highest:g}, expected intensities in [0, 1]: scale it with "
                "monai_genaug.data.scale_to_unit."
            )


def _grow(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    from scipy import ndimage

    return np.asarray(ndimage.maximum_filter(mask, size=2 * steps + 1), dtype=bool)


def _emptiest_window(known: NDArray[np.bool_], side: int) -> list[NDArray[np.intp]]:
    """Give the indices along each axis of the window of `side` voxels with most background."""
    from scipy import ndimage

    share = known.astype(np.float32)
    for axis, length in enumerate(known.shape):
        width = min(side, length)
        summed = ndimage.uniform_filter1d(share, width, axis=axis, mode="constant")
        share = np.take(summed, np.arange(width // 2, width // 2 + length - width + 1), axis=axis)
    corner = np.unravel_index(int(share.argmax()), share.shape)
    return [_mirror(int(low) + np.arange(side), length) for low, length in zip(corner, known.shape, strict=True)]


def _mirror(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Continue indices 0 to `length` - 1 by mirroring, without end."""
    inside = index % (2 * length)
    return np.minimum(inside, 2 * length - 1 - inside)
