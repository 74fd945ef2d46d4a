"""Segmentation networks trained as bundles/nuclei_unet says, and their scores on whole images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monai_genaug.metrics.overlap import dice_and_jaccard
from monai_genaug.training.bundle import train_bundle, training_seconds
from monai_genaug.training.progress import Progress
from monai_genaug.training.segmenter import SEGMENTER, Segmenter

if TYPE_CHECKING:
    import pandas as pd


def train_segmenter(
    entries: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    *,
    output_dir: str | os.PathLike[str],
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Segmenter:
    """Train a network as bundles/nuclei_unet says, and evaluate its last step: nothing is selected.

    Equal seeds give equal weights, items, crops and flips, whatever `generator` and `genaug_prob` are.

    Args:
        entries: labelled training images, of `load_datalist`.
        settings: overrides of the bundle, such as ``{"epochs": 12, "generator": "my_generator"}``.
        output_dir: where its checkpoint and weights go; a training that was stopped goes on.
        seed: of all that is random.
        device: where to train.
        progress: called after each step as ``progress(done, total, {"loss": ...})``.

    Returns:
        The network with its inferer.

    Raises:
        ValueError: for a setting that the bundle does not have, or where data and settings do not fit.
        NonFiniteLossError: if training diverges.
    """
    fixed = {
        "datalist": {"training": list(entries), "validation": [], "test": []},
        "output_dir": str(output_dir),
        "seed": seed,
        "device": device,
        "tensorboard": False,
    }
    parser = train_bundle(SEGMENTER, {**settings, **fixed}, progress=progress)
    network, inferer = parser.get_parsed_content("network_def").eval(), parser.get_parsed_content("inferer")
    return Segmenter(network, inferer, training_seconds(parser))


def evaluate_segmenter(segmenter: Segmenter, items: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Score a network image by image; where prediction and label are both empty, the scores are 1.

    Args:
        segmenter: of `train_segmenter`.
        items: of `load_items`.

    Returns:
        One row for each item, with the columns index, name, group, dice and jaccard.

    Example:
        >>> import torch
        >>> from monai.inferers import SimpleInferer
        >>> item = {"image": torch.ones(1, 8, 8), "label": torch.ones(1, 8, 8), "group": "p1", "name": "a"}
        >>> evaluate_segmenter(Segmenter(torch.nn.Conv2d(1, 1, 1), SimpleInferer()), [item]).columns.tolist()
        ['index', 'name', 'group', 'dice', 'jaccard']
    """
    import pandas as pd

    rows = []
    for index, item in enumerate(items):
        scores = dice_and_jaccard(segmenter.predict(item["image"]), item["label"])
        rows.append({"index": index, "name": item["name"], "group": item["group"], **scores})
    return pd.DataFrame(rows, columns=["index", "name", "group", "dice", "jaccard"])
