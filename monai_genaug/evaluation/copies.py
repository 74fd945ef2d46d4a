"""Whether synthetic images are copies of training images: nearer to them than real images are that were not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from monai_genaug._rng import derive_seed
from monai_genaug.evaluation.places import Patch, most_detailed_patch, patch_side
from monai_genaug.metrics.nearest import halve_all_ways, nearest_distance

QUANTILE = 0.01  # of the baseline, below which an image is flagged
SAME = 0.01  # real images that are nearer to each other than this are the same image


class Neighbour(NamedTuple):
    """An image, the real image that comes nearest to it, and how near: 0 for a copy, NaN where it is too flat.

    Args:
        image: number among the synthetic images, or among those of the baseline.
        nearest: number among the real images; -1 where nothing can be compared.
        distance: of `nearest_distance`.
        patch: that was compared.
    """

    image: int
    nearest: int
    distance: float
    patch: Patch


class Copies(NamedTuple):
    """How near synthetic images come to real ones.

    Args:
        synthetic: of the synthetic images.
        baseline: of real images that were not trained on, or of the real images without themselves and their group.
        held_out: whether the baseline is of held-out images.
        side: of the patches, in voxels of the half resolution.
        threshold: below which an image is flagged.
        flagged: numbers of the synthetic images that are.
        nearer: share of all pairs of a synthetic and a baseline image in which the synthetic one is the nearer, ties
            half: 0.5 where both come equally near.
    """

    synthetic: list[Neighbour]
    baseline: list[Neighbour]
    held_out: bool
    side: int
    threshold: float
    flagged: list[int]
    nearer: float

    @property
    def rule(self) -> str:
        """What the threshold is, in words."""
        count = len(distances(self.baseline))
        return "the smallest distance" if count <= 1 / QUANTILE else f"the {QUANTILE:.0%} quantile of the distances"

    @property
    def by_chance(self) -> float:
        """How many images would be flagged that are as unlike the real ones as the baseline is."""
        return len(distances(self.synthetic)) * max(QUANTILE, 1 / (len(distances(self.baseline)) + 1))

    @property
    def same(self) -> int:
        """Images of the baseline that are almost the same as a real image."""
        return sum(neighbour.distance < SAME for neighbour in self.baseline)


def find_copies(
    real: Sequence[dict[str, Any]],
    synthetic: Sequence[dict[str, Any]],
    held_out: Sequence[dict[str, Any]] | None = None,
    *,
    most: int = 100,
    side: int = 32,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Copies:
    """Compare one patch of each synthetic image, where it has most detail, with every place of every real image.

    Images are first cropped, at random, to the least size of synthetic and baseline images, so that the patches of both
    are chosen alike. An image is flagged where it is nearer than the smallest distance of the baseline, or of more than
    100 images in the baseline its 1 % quantile: of as many images as unlike the real ones as the baseline is, about one
    in a hundred (or in the number of baseline images, if that is less) is flagged by chance.

    Args:
        real: items of `check_items`, the training images.
        synthetic: likewise.
        held_out: likewise; None: the baseline is the real images, each without itself and its group.
        most: images that are compared of the synthetic ones and of the baseline, at random where there are more.
        side: greatest side of a patch, in voxels of half the resolution.
        seed: of the choice.
        device: where the comparison runs.
        progress: called after each real image as ``progress(done, total)``.

    Returns:
        `Copies`.

    Raises:
        ValueError: if images are too small, or no image of either kind can be compared.
    """
    others = real if held_out is None else held_out
    side = patch_side([item["image"] for part in (real, synthetic, others) for item in part], longest=side)
    if not side:
        raise ValueError("the shortest side of an image is below 23 voxels, which is too small to compare patches")
    chosen = {
        "synthetic": _choose(len(synthetic), most, seed, "synthetic"),
        "baseline": _choose(len(others), most, seed, "baseline"),
    }
    least = np.min([item["image"].shape[1:] for part in (synthetic, others) for item in part], axis=0).tolist()
    patches = [
        most_detailed_patch(images[number]["image"], side, within=least, seed=derive_seed(seed, "patch", name, number))
        for name, images in (("synthetic", synthetic), ("baseline", others))
        for number in chosen[name]
    ]
    table = _distance_table(patches, [item["image"] for item in real], device, progress)
    count = len(chosen["synthetic"])
    if held_out is None:
        for row, number in enumerate(chosen["baseline"], start=count):
            own = [item["group"] == real[number]["group"] for item in real]
            table[row, own] = math.inf
    numbers = chosen["synthetic"] + chosen["baseline"]
    found = [_neighbour(number, row, patch) for number, row, patch in zip(numbers, table, patches, strict=True)]
    return _judge(found[:count], found[count:], held_out=held_out is not None, side=side)


def distances(neighbours: Sequence[Neighbour]) -> list[float]:
    """Give the distances of those that could be compared."""
    return [neighbour.distance for neighbour in neighbours if not math.isnan(neighbour.distance)]


def _judge(synthetic: list[Neighbour], baseline: list[Neighbour], *, held_out: bool, side: int) -> Copies:
    """Flag what is nearer than the baseline."""
    made, unseen = distances(synthetic), distances(baseline)
    if not made or not unseen:
        what = "synthetic image" if not made else "image of the baseline (real images of at least two groups)"
        raise ValueError(f"no {what} has enough detail to be compared")
    threshold = float(np.quantile(unseen, QUANTILE, method="lower"))
    flagged = [neighbour.image for neighbour in synthetic if neighbour.distance < threshold]
    steps = np.subtract.outer(np.array(unseen), np.array(made))
    nearer = float(np.mean(np.where(steps == 0, 0.5, steps > 0)))
    return Copies(synthetic, baseline, held_out, side, threshold, flagged, nearer)


def _choose(count: int, most: int, seed: int, name: str) -> list[int]:
    """Choose numbers at random, in their order."""
    order = np.random.default_rng(derive_seed(seed, "nearest", name)).permutation(count)
    return sorted(order[:most].tolist())


def _distance_table(
    patches: Sequence[Patch],
    images: Sequence[Tensor],
    device: str | torch.device,
    progress: Callable[[int, int], None] | None,
) -> Tensor:
    """Distance of each patch to each image (Q, N); infinite where they cannot be compared."""
    stack = torch.stack([patch.values for patch in patches]).to(device)
    columns = []
    for number, image in enumerate(images, start=1):
        columns.append(nearest_distance(stack, halve_all_ways(image)).nan_to_num(math.inf).cpu())
        if progress is not None:
            progress(number, len(images))
    return torch.stack(columns, dim=1)


def _neighbour(number: int, row: Tensor, patch: Patch) -> Neighbour:
    """Find the nearest image of a row of the table."""
    distance, nearest = row.min(dim=0)
    if math.isinf(float(distance)):
        return Neighbour(number, -1, math.nan, patch)
    return Neighbour(number, int(nearest), float(distance), patch)
