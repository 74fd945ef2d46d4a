"""Whether an image is a copy of one that the generator was trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from monai_genaug._checks import check_at_least, check_probability
from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance
from monai_genaug.quality.gate import Gate, digest_tensors


class NearestNeighbourPrivacy(Gate):
    """Lets images through that are no nearer to the training images than real images are which were not trained on.

    Of each image the patch with most foreground is compared, at half the resolution, with every place of every training
    image in all orientations, by `metrics.nearest_distance`: a copy has the distance 0, wherever, mirrored or brighter.
    It does not show that nothing can be learnt of a training image. What is too flat to compare passes.

    Args:
        training: images (C, *S) in [0, 1] that the generator was trained on.
        least_distance: of an image, at least 0; `fit` finds it.
        patch_size: side of the patch, in voxels of the half resolution, at least 2; of smaller images what there is.

    Raises:
        ValueError: if there is no image, or a number is out of its range.

    Example:
        >>> image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> gate = NearestNeighbourPrivacy([image], least_distance=0.3, patch_size=16)
        >>> other = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(1))
        >>> gate(torch.stack([image.flip(1), other]), torch.ones(2, 1, 64, 64))
        tensor([False,  True])
    """

    def __init__(self, training: Iterable[Tensor], *, least_distance: float, patch_size: int = 32) -> None:
        super().__init__()
        images = [image.float() for image in training]
        if not images:
            raise ValueError("training holds no image, expected those that the generator was trained on.")
        check_at_least(0, least_distance=least_distance)
        check_at_least(2, patch_size=patch_size)
        self.least_distance, self.patch_size = float(least_distance), int(patch_size)
        self.halves = [half for image in images for half in halve_all_ways(image)]

    @classmethod
    def fit(
        cls,
        training: Iterable[Tensor],
        held_out: Iterable[tuple[Tensor, Tensor]],
        *,
        quantile: float = 0.05,
        patch_size: int = 32,
    ) -> Self:
        """Take the least distance from real images that the generator was not trained on.

        Args:
            training: images (C, *S) in [0, 1] that it was trained on.
            held_out: pairs of image (C, *S) and label (1, *S) of others; best of validation, never of test.
            quantile: share of these real images that would be refused.
            patch_size: see the class.

        Returns:
            The gate.

        Raises:
            ValueError: if no held-out image can be compared.
        """
        gate = cls(training, least_distance=0.0, patch_size=patch_size)
        distances = [gate.distances(image[None], label[None]) for image, label in held_out]
        found = torch.cat(distances).numpy() if distances else np.zeros(0)
        found = found[~np.isnan(found)]
        if not len(found):
            raise ValueError("held_out holds no image that can be compared, expected some with more than background.")
        gate.least_distance = float(np.quantile(found, check_probability("quantile", quantile)))
        return gate

    def distances(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give the distance of each image to the nearest place of a training image (B,); NaN where it is too flat."""
        size = min(self.patch_size, *(side // 2 for side in images.shape[2:]))
        patches = [
            densest_patch(halve(image), halve((label > 0).float()), size)
            for image, label in zip(images.float().cpu(), labels.cpu(), strict=True)
        ]
        return nearest_distance(torch.stack(patches), self.halves).cpu()

    @property
    def identity(self) -> str:
        """Least distance, and what the training images are."""
        name = f"{type(self).__name__}(least_distance={self.least_distance:.9g}, patch_size={self.patch_size}"
        return f"{name}, training={digest_tensors(self.halves)})"

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Compare with the least distance."""
        return ~(self.distances(images, labels) < self.least_distance)  # NaN passes
