"""How far the intensities of synthetic images are from those of real ones, wherever in the image they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import zip_longest

import torch
from torch import Tensor

from monai_genaug._checks import check_at_least
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.metrics.paired import check_image

SMOOTHING = 0.5  # of a voxel, added to every level before the Kullback-Leibler divergence


def intensity_distances(
    real: Iterable[Tensor],
    synthetic: Iterable[Tensor],
    *,
    bins: int = 256,
    real_masks: Iterable[Tensor] | None = None,
    synthetic_masks: Iterable[Tensor] | None = None,
) -> dict[str, float]:
    """Compare the intensities of all voxels of two sets of images, each channel by itself.

    Only histograms are kept, so the sets may be large, and may be read while they are compared. They need not be
    paired, nor equal in number or size; each voxel counts the same.

    Args:
        real: images (C, *S) in [0, 1], 2D or 3D.
        synthetic: likewise, of equal C.
        bins: number of levels from 0 to 1, to the nearest of which each intensity is rounded; 256 keep 8-bit images
            exactly.
        real_masks: for each real image (1, *S), above 0 where voxels count, such as ``label > 0`` or ``label == 0``;
            none: everywhere.
        synthetic_masks: likewise, for each synthetic image.

    Returns:
        Means over channels: ``"wasserstein"``: mean distance by which intensities must move, a share of the range, in
        [0, 1], off by at most 1 / (bins - 1) from rounding; ``"kl"``: Kullback-Leibler divergence of the synthetic
        histogram from the real one, sum of p ln(p / q) with p real and q synthetic, nats, from 0 upwards, half a voxel
        being added to every level of both; ``"js"``: Jensen-Shannon divergence, nats, in [0, ln 2]. All are NaN where
        one of the sets has no voxels that count.

    Raises:
        ValueError: for a set without images, channels that differ, values that are not finite or lie outside of [0, 1],
            or masks that do not fit.

    Example:
        >>> dark, light = torch.zeros(1, 8, 8), torch.full((1, 8, 8), 0.25)
        >>> {name: round(distance, 2) for name, distance in intensity_distances([dark], [light], bins=5).items()}
        {'wasserstein': 0.25, 'kl': 4.68, 'js': 0.69}
    """
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy, wasserstein_distance

    wanted = count_intensities(real, bins=bins, masks=real_masks).numpy()
    found = count_intensities(synthetic, bins=bins, masks=synthetic_masks).numpy()
    if len(wanted) != len(found):
        raise ValueError(
            f"real images have {len(wanted)} channels, synthetic ones {len(found)}, expected equal numbers: compare "
            "images of one kind."
        )
    if not wanted.sum() or not found.sum():
        return dict.fromkeys(("wasserstein", "kl", "js"), math.nan)
    levels = torch.linspace(0.0, 1.0, bins, dtype=torch.float64).numpy()
    pairs = list(zip(wanted, found, strict=True))
    return {
        "wasserstein": _mean(wasserstein_distance(levels, levels, p, q) for p, q in pairs),
        "kl": _mean(entropy(p + SMOOTHING, q + SMOOTHING) for p, q in pairs),
        "js": _mean(jensenshannon(p, q) ** 2 for p, q in pairs),
    }


def count_intensities(images: Iterable[Tensor], *, bins: int = 256, masks: Iterable[Tensor] | None = None) -> Tensor:
    """Count the voxels of each level in each channel of a set of images.

    Args:
        images: see `intensity_distances`.
        bins: likewise.
        masks: likewise.

    Returns:
        (C, bins), int64, on the CPU.

    Raises:
        ValueError: as `intensity_distances`.

    Example:
        >>> count_intensities([torch.tensor([[[0.0, 0.4, 0.6, 1.0]]])], bins=3)
        tensor([[1, 2, 1]])
    """
    check_at_least(2, bins=bins)
    total: Tensor | None = None
    for image, mask in _pair(images, masks):
        values = check_image("an image", image)
        chosen = values.flatten(1) if mask is None else values[:, _inside(mask, values)]  # (C, voxels)
        level = (chosen.double() * (bins - 1)).round().long().clamp(0, bins - 1)
        counts = torch.stack([row.bincount(minlength=bins) for row in level]).cpu()
        if total is not None and len(total) != len(counts):
            raise ValueError(f"images have {len(total)} and {len(counts)} channels, expected equal numbers.")
        total = counts if total is None else total + counts
    if total is None:
        raise ValueError("there are no images, expected at least one: look whether the folder is empty.")
    return total


def _pair(images: Iterable[Tensor], masks: Iterable[Tensor] | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Give each image with its mask, or with None where there are no masks."""
    if masks is None:
        yield from ((image, None) for image in images)
        return
    for image, mask in zip_longest(images, masks):
        if image is None or mask is None:
            raise ValueError(
                f"there are more {'masks' if image is None else 'images'} than {'images' if image is None else 'masks'}"
                ", expected a mask for each image: pass both in the same order."
            )
        yield image, mask


def _inside(mask: Tensor, image: Tensor) -> Tensor:
    """Tell which voxels (*S) of an image count."""
    if mask.shape != (1, *image.shape[1:]):
        raise ValueError(
            f"a mask has shape {tuple(mask.shape)}, expected {(1, *image.shape[1:])} to fit its image: pass a mask for "
            "each image, in the same order."
        )
    return as_plain_tensor(mask)[0].to(image.device) > 0


def _mean(values: Iterable[float]) -> float:
    """Mean over channels."""
    numbers = [float(value) for value in values]
    return math.fsum(numbers) / len(numbers)
