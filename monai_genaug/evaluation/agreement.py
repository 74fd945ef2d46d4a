"""Whether synthetic images show the masks that they were made from: they are segmented anew and compared with these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from torch import Tensor

from monai_genaug.evaluation.summary import Mean, mean_of
from monai_genaug.metrics.overlap import dice_and_jaccard, hausdorff_distance
from monai_genaug.metrics.regions import find_regions
from monai_genaug.training.segmenter import Segmenter

Find = Callable[[Tensor], Tensor]  # image (C, *S) to foreground (1, *S)
SCORES = {"dice": "Dice", "jaccard": "Jaccard", "hd95": "HD95, voxels"}


class Agreement(NamedTuple):
    """How well masks are found again.

    Args:
        method: by which images were segmented, in words.
        synthetic: mean of each of `SCORES` over the synthetic images that have a mask.
        real: likewise over the real images that have a label; None where none has.
        images: name and scores of each synthetic image.
    """

    method: str
    synthetic: dict[str, Mean]
    real: dict[str, Mean] | None
    images: list[dict[str, Any]]


def compare_masks(
    real: Sequence[dict[str, Any]],
    synthetic: Sequence[dict[str, Any]],
    *,
    segmenter: Segmenter | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Segment the synthetic images, and the real ones that have a label, and compare with masks and labels.

    Args:
        real: items of `check_items`.
        synthetic: likewise; at least one has a label.
        segmenter: a trained network; None: Otsu's threshold of each image, in 2D.
        progress: called after each image as ``progress(done, total)``.

    Returns:
        `Agreement`; where mask and finding are both empty, overlaps are 1 and the distance is 0.

    Raises:
        ValueError: for volumes, or without scikit-image, where there is no segmenter.
    """
    sets = [[item for item in items if item["label"] is not None] for items in (synthetic, real)]
    method, find = _choose_method(sets[0], segmenter)
    total, rows = sum(map(len, sets)), []
    for number, item in enumerate(sets[0] + sets[1], start=1):
        rows.append({"name": item["name"], **score_masks(find(item["image"]), item["label"] > 0)})
        if progress is not None:
            progress(number, total)
    made, true = rows[: len(sets[0])], rows[len(sets[0]) :]
    means = [{key: mean_of(row[key] for row in part) for key in SCORES} if part else None for part in (made, true)]
    assert means[0] is not None  # there is a synthetic image with a mask
    return Agreement(method, means[0], means[1], made)


def score_masks(found: Tensor, wanted: Tensor) -> dict[str, float]:
    """Compare two masks.

    Args:
        found: (1, *S), bool.
        wanted: (1, *S), bool.

    Returns:
        Each of `SCORES`.

    Example:
        >>> import torch
        >>> mask = torch.eye(4)[None] > 0
        >>> score_masks(mask, mask)
        {'dice': 1.0, 'jaccard': 1.0, 'hd95': 0.0}
    """
    return {**dice_and_jaccard(found, wanted), "hd95": float(hausdorff_distance(found[None], wanted[None]))}


def check_segmenter(segmenter: Segmenter, image: Tensor) -> None:
    """Raise ValueError where a network cannot take images of this kind.

    Args:
        segmenter: of `load_segmenter`.
        image: (C, *S), any of them.
    """
    try:
        segmenter.predict(image)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the segmenter cannot take images of {len(image)} channels and {image.ndim - 1} dimensions, expected "
            f"those that it was trained on: train nuclei_unet on images like these ({str(error).splitlines()[0]})."
        ) from error


def _choose_method(items: Sequence[dict[str, Any]], segmenter: Segmenter | None) -> tuple[str, Find]:
    """Say how images are segmented, in words and as a function."""
    if segmenter is not None:
        return "the trained network", segmenter.predict
    if items[0]["image"].ndim != 3:
        raise ValueError("Otsu's threshold is for 2D images: give a segmenter that was trained on real volumes")
    if find_spec("skimage") is None:
        raise ValueError("scikit-image is missing, which finds Otsu's threshold: pip install 'monai_genaug[metrics]'")
    side = "bright" if _inside_is_brighter(items) else "dark"
    return f"Otsu's threshold of each image, objects being {side}", lambda image: find_regions(image, nuclei=side)


def _inside_is_brighter(items: Sequence[dict[str, Any]]) -> bool:
    """Tell whether objects are brighter than their background in most images that have both."""
    steps = []
    for item in items:
        inside = (item["label"] > 0).expand_as(item["image"])
        if inside.any() and not inside.all():
            steps.append(bool(item["image"][inside].mean() >= item["image"][~inside].mean()))
    return 2 * sum(steps) >= len(steps)
