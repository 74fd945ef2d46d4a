"""Scores of an image that was made from a mask, against the real image of that mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monai.metrics import MAEMetric, PSNRMetric, SSIMMetric, compute_dice, compute_iou
from torch import Tensor

from monai_genaug._rng import derive_seed
from monai_genaug.generators import ConditionalGenerator
from monai_genaug.metrics.regions import find_regions

if TYPE_CHECKING:
    import pandas as pd

SCORES = {  # and what tables call them
    "jaccard": "Jaccard, real nuclei",
    "dice": "Dice, real nuclei",
    "jaccard_mask": "Jaccard, mask",
    "dice_mask": "Dice, mask",
    "ssim": "SSIM",
    "psnr": "PSNR, dB",
    "mae": "mean absolute error",
}


def score_image(real: Tensor, made: Tensor, label: Tensor, *, nuclei: str = "bright") -> dict[str, float]:
    """Compare a generated image with the real image and with the mask that it was made from.

    Args:
        real: (C, Y, X) in [0, 1].
        made: (C, Y, X) in [0, 1].
        label: (1, Y, X), foreground > 0.
        nuclei: see `find_regions`.

    Returns:
        Each of `SCORES`. Overlaps are 1 where both regions are empty and 0 where one is; PSNR is infinite for equal
        images. SSIM after Wang et al. 2004: Gaussian windows 11 pixels wide, or as wide as the image.

    Example:
        >>> import torch
        >>> image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> scores = score_image(image, image, image > 0.5)
        >>> [round(scores[name], 3) for name in ("jaccard", "dice", "ssim", "psnr", "mae")]
        [1.0, 1.0, 1.0, inf, 0.0]
    """
    found, wanted = (find_regions(image, nuclei=nuclei) for image in (made, real))
    similarity = SSIMMetric(spatial_dims=2, data_range=1.0, win_size=min(11, *real.shape[1:]))
    return {
        "jaccard": _overlap(compute_iou, found, wanted),
        "dice": _overlap(compute_dice, found, wanted),
        "jaccard_mask": _overlap(compute_iou, found, label > 0),
        "dice_mask": _overlap(compute_dice, found, label > 0),
        "ssim": float(similarity(made[None], real[None])),
        "psnr": float(PSNRMetric(max_val=1.0)(made[None], real[None])),
        "mae": float(MAEMetric()(made[None], real[None])),
    }


def make_image(generator: ConditionalGenerator, item: Mapping[str, Any], seed: int) -> Tensor:
    """Make the image (C, Y, X) of an item's label, on the CPU; its noise hangs on the seed and the item's name."""
    condition = generator.encode(item["label"][None].to(generator.device))
    return generator.sample(condition, seeds=[derive_seed(seed, "paper", item["name"])])[0].cpu()


def score_generator(
    generator: ConditionalGenerator, items: Sequence[Mapping[str, Any]], *, seed: int, nuclei: str = "bright"
) -> list[dict[str, Any]]:
    """Make an image of each item's label and score it.

    Args:
        generator: a trained one.
        items: of `load_items`.
        seed: of the noise.
        nuclei: see `find_regions`.

    Returns:
        For each item its number, its name and `SCORES`.
    """
    rows = []
    for number, item in enumerate(items):
        scores = score_image(item["image"], make_image(generator, item, seed), item["label"], nuclei=nuclei)
        rows.append({"number": number, "image": item["name"], **scores})
    return rows


def summarise_scores(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give means and standard deviations of one model's scores.

    Args:
        frame: rows of `score_generator` of one or several seeds, with a column seed.

    Returns:
        For each score ``{"mean", "std_images", "std_seeds", "n"}``: standard deviations over images (of each image's
        mean over seeds) and over seeds (of each seed's mean over images), None where there is one alone. n is the
        number of scores; infinite ones, of equal images, are left out.

    Example:
        >>> import pandas as pd
        >>> rows = [{"seed": seed, "number": 0, **dict.fromkeys(SCORES, 0.5 + seed)} for seed in (0, 1)]
        >>> summarise_scores(pd.DataFrame(rows))["dice"]
        {'mean': 1.0, 'std_images': None, 'std_seeds': 0.7071067811865476, 'n': 2}
    """
    summary = {}
    for name in SCORES:
        rows = frame[[math.isfinite(value) for value in frame[name]]]
        summary[name] = {
            "mean": _number(rows[name].mean()),
            "std_images": _number(rows.groupby("number")[name].mean().std()),
            "std_seeds": _number(rows.groupby("seed")[name].mean().std()),
            "n": len(rows),
        }
    return summary


def _overlap(measure: Any, found: Tensor, wanted: Tensor) -> float:
    return float(measure(found[None], wanted[None], include_background=True, ignore_empty=False))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
