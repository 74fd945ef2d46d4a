"""Intensities of real against synthetic images, and of two halves of the real images as the floor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from torch import Tensor

from monai_genaug.evaluation.distribution import Comparison, Draw
from monai_genaug.metrics.intensity import intensity_distances

NAMES = {"wasserstein": "Wasserstein distance", "kl": "KL divergence", "js": "JS divergence"}


def compare_intensities(
    real: Sequence[Tensor], synthetic: Sequence[Tensor], *, draws: Sequence[Draw]
) -> list[Comparison]:
    """Compare the histograms of all voxels.

    Args:
        real: images (C, *S) in [0, 1].
        synthetic: likewise.
        draws: of `draw_parts`; none: no floor. One draw is enough, since an image has many voxels.

    Returns:
        A `Comparison`, without an interval, for each of `intensity_distances`.

    Example:
        >>> import torch
        >>> images = [torch.full((1, 4, 4), level) for level in (0.0, 0.5, 1.0)]
        >>> round(compare_intensities(images, images[:2], draws=[])[0].value, 3)
        0.25
    """
    values = intensity_distances(real, synthetic)
    found = {
        key: Comparison(name, "lower", (len(real), len(synthetic)), value=values[key]) for key, name in NAMES.items()
    }
    if not draws:
        return [comparison._replace(reason="no floor: there are too few real images") for comparison in found.values()]
    pairs = [(_pick(real, draw.real), _pick(synthetic, draw.synthetic), _pick(real, draw.other_real)) for draw in draws]
    equal = [intensity_distances(part, made) for part, made, _ in pairs]
    floor = [intensity_distances(part, other) for part, _, other in pairs]
    return [
        comparison._replace(
            equal_size=len(draws[0].real),
            equal=_mean(values[key] for values in equal),
            floor=_mean(values[key] for values in floor),
            floor_range=(min(values[key] for values in floor), max(values[key] for values in floor)),
        )
        for key, comparison in found.items()
    ]


def _pick(images: Sequence[Tensor], numbers: Iterable[int]) -> list[Tensor]:
    return [images[number] for number in numbers]


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
