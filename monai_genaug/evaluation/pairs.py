"""Synthetic images beside the real image of their mask, and beside other synthetic images of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from monai_genaug.evaluation.summary import Mean, mean_of
from monai_genaug.metrics.diversity import sample_diversity
from monai_genaug.metrics.paired import score_images

MEASURES = {  # name, and where good values are
    "ssim": ("SSIM", "higher"),
    "ms_ssim": ("MS-SSIM", "higher"),
    "psnr": ("PSNR, dB", "higher"),
    "mae": ("MAE", "lower"),
    "nmse": ("NMSE", "lower"),
    "uqi": ("UQI", "higher"),
    "vif": ("VIF", "higher"),
}
MOST_SAMPLES = 8  # of one mask that are compared with each other


class Pairs(NamedTuple):
    """Paired measures.

    Args:
        means: of each of `MEASURES`.
        n: pairs.
        unequal: images whose real image has another size, and which are left out.
    """

    means: dict[str, Mean]
    n: int
    unequal: int


def compare_pairs(
    real: Sequence[dict[str, Any]],
    synthetic: Sequence[dict[str, Any]],
    pairs: Mapping[int, int],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """Score each synthetic image against its real one.

    Args:
        real: items of `check_items`.
        synthetic: likewise.
        pairs: of `find_pairs`.
        progress: called after each pair as ``progress(done, total)``.

    Returns:
        `Pairs`.

    Raises:
        ValueError: if no pair has one size, or a package is missing.

    Example:
        >>> import torch
        >>> items = [{"image": torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))}]
        >>> compare_pairs(items, items, {0: 0}).means["ssim"].mean
        1.0
    """
    images = [(real[other]["image"], synthetic[number]["image"]) for number, other in pairs.items()]
    equal = [pair for pair in images if pair[0].shape == pair[1].shape]
    if not equal:
        raise ValueError(f"none of {len(images)} synthetic images has the size of the real image of its name")
    rows = []
    for number, pair in enumerate(equal, start=1):
        rows.append(score_images(*pair))
        if progress is not None:
            progress(number, len(equal))
    means = {key: mean_of(row[key] for row in rows) for key in MEASURES}
    return Pairs(means, len(equal), len(images) - len(equal))


def group_by_mask(synthetic: Sequence[dict[str, Any]], pairs: Mapping[int, int]) -> list[list[Tensor]]:
    """Group synthetic images that were made from one mask: of equal labels, or else of one real image.

    Args:
        synthetic: items of `check_items`; a label without foreground is no mask.
        pairs: of `find_pairs`, for images without a label.

    Returns:
        Images of each mask that has several, the first 8 of them.

    Example:
        >>> import torch
        >>> items = [{"image": torch.zeros(1, 4, 4), "label": None}] * 3
        >>> [len(group) for group in group_by_mask(items, {0: 5, 1: 5, 2: 6})]
        [2]
    """
    groups: dict[Any, list[Tensor]] = {}
    for number, item in enumerate(synthetic):
        label = item["label"]
        if label is not None and label.any():
            key: Any = (tuple(label.shape), label.numpy().tobytes())
        elif label is None and number in pairs:
            key = pairs[number], tuple(item["image"].shape)
        else:
            continue
        groups.setdefault(key, []).append(item["image"])
    return [images[:MOST_SAMPLES] for images in groups.values() if len(images) > 1]


def compare_samples(groups: Sequence[Sequence[Tensor]]) -> Mean:
    """Give the mean over masks of `sample_diversity`.

    Example:
        >>> import torch
        >>> image = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(0))
        >>> compare_samples([[image, 1 - image]])
        Mean(mean=1.0, std=None, n=1, infinite=0)
    """
    return mean_of(sample_diversity(images) for images in groups)
