"""Segmentation networks trained as bundles/nuclei_unet says, and their scores on whole images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from monai.inferers import Inferer
from monai.metrics import DiceMetric, MeanIoU
from torch import Tensor, nn

from monai_genaug.generators.base import evaluating
from monai_genaug.training.bundle import train_bundle, training_seconds
from monai_genaug.training.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

SEGMENTER = "nuclei_unet"


class Segmenter(NamedTuple):
    """A trained network with the sliding window that it is used with.

    Args:
        network: gives logits of the foreground (B, 1, *S).
        inferer: called as ``inferer(images, network)``.
        seconds: that its training took, interruptions left out.
    """

    network: nn.Module
    inferer: Inferer
    seconds: float = 0.0

    @torch.no_grad()
    def predict(self, image: Tensor) -> Tensor:
        """Segment one whole image (C, *S) in [0, 1] of any size; gives (1, *S), bool, on the CPU."""
        device = next(self.network.parameters()).device
        with evaluating(self.network):
            logits: Tensor = self.inferer(image[None].to(device), self.network)
        return (logits[0] > 0).cpu()


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
        >>> from monai.inferers import SimpleInferer
        >>> item = {"image": torch.ones(1, 8, 8), "label": torch.ones(1, 8, 8), "group": "p1", "name": "a"}
        >>> evaluate_segmenter(Segmenter(nn.Conv2d(1, 1, 1), SimpleInferer()), [item]).columns.tolist()
        ['index', 'name', 'group', 'dice', 'jaccard']
    """
    import pandas as pd

    dice, jaccard = (metric(ignore_empty=False, reduction="none") for metric in (DiceMetric, MeanIoU))
    rows = []
    for index, item in enumerate(items):
        prediction, label = segmenter.predict(item["image"])[None], (item["label"] > 0)[None]
        scores = {"dice": dice(prediction, label).item(), "jaccard": jaccard(prediction, label).item()}
        rows.append({"index": index, "name": item["name"], "group": item["group"], **scores})
    return pd.DataFrame(rows, columns=["index", "name", "group", "dice", "jaccard"])
