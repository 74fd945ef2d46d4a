"""How well images show the masks that they were made from, and how far two seeds of one mask differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from skimage.filters import threshold_otsu
from torch import Tensor

from benchmarks._common import summary
from monai_genaug.benchmark.segmentation import evaluate_segmenter
from monai_genaug.training.segmenter import Segmenter

Items = Sequence[dict[str, Any]]


def score_agreement(segmenter: Segmenter, items: Items) -> dict[str, dict[str, float]]:
    """Dice with the masks of what a network finds in the images, and of Otsu's foreground; summaries over images."""
    return {
        "unet_dice": summary(evaluate_segmenter(segmenter, items)["dice"].tolist()),
        "otsu_dice": summary([otsu_dice(item["image"], item["label"]) for item in items]),
    }


def otsu_dice(image: Tensor, label: Tensor) -> float:
    """Dice of the foreground by Otsu's threshold with the mask's."""
    gray = image.mean(0).numpy()
    found, wanted = gray > threshold_otsu(gray), label[0].numpy() > 0
    return float(2 * (found & wanted).sum() / max(1, found.sum() + wanted.sum()))


def seed_difference(one: Items, two: Items, *, inside: bool) -> float:
    """Mean absolute difference between two seeds over all pixels inside (or outside) nuclei, of the range [0, 1]."""
    parts = [
        (a["image"] - b["image"]).abs().mean(0)[(a["label"][0] > 0) == inside] for a, b in zip(one, two, strict=True)
    ]
    return torch.cat(parts).mean().item()
