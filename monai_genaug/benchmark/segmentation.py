"""A small U-Net that segments foreground, trained in arms that differ in nothing but the augmentation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from monai.losses import DiceCELoss
from monai.metrics import DiceMetric, MeanIoU
from monai.networks.nets import UNet
from monai.transforms import Compose, Randomizable, Transform
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler

from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data.items import KEYS
from monai_genaug.generators.base import evaluating, pad_to_multiple
from monai_genaug.training.crops import random_crops
from monai_genaug.training.train import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """All that determines a U-Net training beside its data, its seed and its augmentation.

    Args:
        spatial_dims: 2 or 3.
        image_channels: channels C of the images.
        features: features of each level; each level but the first halves the map.
        crop_size: side of the random crops, pixels; a multiple of ``2 ** (len(features) - 1)``.
        batch_size: crops a step.
        steps: optimiser steps, the same in every arm.
        learning_rate: of AdamW, falling to 0 along half a cosine.
    """

    spatial_dims: int = 2
    image_channels: int = 1
    features: tuple[int, ...] = (16, 32, 64, 128)
    crop_size: int = 64
    batch_size: int = 8
    steps: int = 600
    learning_rate: float = 2e-3


def train_segmenter(
    items: Sequence[Mapping[str, Any]],
    settings: SegmenterSettings,
    *,
    seed: int,
    augment: Transform | None = None,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> UNet:
    """Train a U-Net on random crops; equal seeds give equal weights, images and crops, whatever `augment` is.

    Args:
        items: each with ``image`` (C, *S) float in [0, 1] and ``label`` (1, *S), foreground > 0.
        settings: network and budget.
        seed: of initial weights, order, crops, flips and of `augment`, each from a stream of its own.
        augment: dictionary transform of whole samples, before the crop; its random state is set from `seed`.
        device: where to train.
        progress: called after each step as ``progress(done, total, {"loss": ...})``.

    Returns:
        The network, in eval mode; (B, C, *S) to foreground logits (B, 1, *S).

    Raises:
        ValueError: if there are no items, or the crop size does not fit the network.
        FloatingPointError: if the loss becomes NaN or Inf.

    Example:
        >>> item = {"image": torch.rand(1, 20, 20), "label": torch.ones(1, 20, 20, dtype=torch.int64)}
        >>> tiny = SegmenterSettings(features=(2, 4), crop_size=8, batch_size=2, steps=1)
        >>> train_segmenter([item], tiny, seed=0)(torch.zeros(1, 1, 8, 8)).shape
        torch.Size([1, 1, 8, 8])
    """
    network = build_segmenter(settings, seed=seed).to(device).train()
    loss_function = DiceCELoss(sigmoid=True, batch=True)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    batches = draw_batches(items, settings, seed=seed, augment=augment)
    for step, (images, foreground) in enumerate(batches, start=1):
        loss = loss_function(network(images.to(device)), foreground.to(device))
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the U-Net's loss is {loss.item()} in step {step}: lower learning_rate={settings.learning_rate:g}, "
                "or check the images."
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(step, settings.steps, {"loss": loss.item()})
    return network.eval()


def build_segmenter(settings: SegmenterSettings, *, seed: int) -> UNet:
    """Build MONAI's residual U-Net with weights that the seed determines; the global generator stays as it is.

    Args:
        settings: network.
        seed: of the weights.

    Returns:
        The network, on the CPU.

    Example:
        >>> a, b = (build_segmenter(SegmenterSettings(features=(2, 4)), seed=3) for _ in range(2))
        >>> all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(derive_seed(seed, "weights"))
        return UNet(
            spatial_dims=settings.spatial_dims,
            in_channels=settings.image_channels,
            out_channels=1,
            channels=settings.features,
            strides=(2,) * (len(settings.features) - 1),
            num_res_units=2,
            norm="batch",
        )


def draw_batches(
    items: Sequence[Mapping[str, Any]], settings: SegmenterSettings, *, seed: int, augment: Transform | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the batches of one training: as many as there are steps, of flipped and turned random crops.

    Args:
        items: see `train_segmenter`.
        settings: crop size, batch size and number of steps.
        seed: of order, crops and flips, and of `augment`.
        augment: see `train_segmenter`.

    Yields:
        Images (B, C, *crop) and foreground (B, 1, *crop), both float32 plain tensors.

    Raises:
        ValueError: if there are no items, or the crop size does not fit the network.

    Example:
        >>> item = {"image": torch.rand(1, 20, 20), "label": torch.full((1, 20, 20), 7)}
        >>> images, foreground = next(draw_batches([item], SegmenterSettings(crop_size=16), seed=0))
        >>> images.shape, foreground.unique()
        (torch.Size([8, 1, 16, 16]), tensor([1.]))
    """
    stride = 2 ** (len(settings.features) - 1)
    if not items:
        raise ValueError("there are no items to train on, expected at least one labelled image.")
    if settings.crop_size % stride:
        raise ValueError(
            f"crop_size is {settings.crop_size}, expected a multiple of 2 ** (len(features) - 1) = {stride}: change "
            "one of the two."
        )
    order = RandomSampler(
        items,
        num_samples=settings.steps * settings.batch_size,
        generator=torch.Generator().manual_seed(derive_seed(seed, "order")),
    )
    geometry = Compose(random_crops(settings.crop_size, settings.spatial_dims)).set_random_state(
        derive_seed(seed, "geometry") % 2**32
    )
    if isinstance(augment, Randomizable):
        augment.set_random_state(derive_seed(seed, "augment") % 2**32)
    for indices in BatchSampler(order, settings.batch_size, drop_last=False):
        rows = []
        for index in indices:
            sample = {key: items[index][key] for key in KEYS}
            rows.append(geometry(sample if augment is None else augment(sample)))
        images, labels = (torch.stack([as_plain_tensor(row[key]) for row in rows]) for key in KEYS)
        yield images, (labels > 0).float()


@torch.no_grad()
def predict_foreground(network: UNet, image: Tensor) -> Tensor:
    """Segment one whole image.

    Args:
        network: of `train_segmenter`.
        image: (C, *S) in [0, 1], any size; it is padded to the network's stride and the result cropped back.

    Returns:
        (1, *S), bool, on the CPU.

    Example:
        >>> network = build_segmenter(SegmenterSettings(features=(2, 4)), seed=0)
        >>> predict_foreground(network, torch.rand(1, 9, 14)).shape
        torch.Size([1, 9, 14])
    """
    padded = pad_to_multiple(image[None].to(next(network.parameters()).device), math.prod(network.strides))
    with evaluating(network):
        logits = network(padded)[0]
    window = (slice(None), *(slice(0, side) for side in image.shape[1:]))
    return (logits[window] > 0).cpu()


def evaluate_segmenter(network: UNet, items: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Score a network image by image; where prediction and label are both empty, the scores are 1.

    Args:
        network: of `train_segmenter`.
        items: of `load_items`.

    Returns:
        One row for each item, with the columns index, name, group, dice and jaccard.

    Example:
        >>> item = {"image": torch.rand(1, 8, 8), "label": torch.ones(1, 8, 8), "group": "p1", "name": "a"}
        >>> scores = evaluate_segmenter(build_segmenter(SegmenterSettings(features=(2, 4)), seed=0), [item])
        >>> list(scores.columns), len(scores)
        (['index', 'name', 'group', 'dice', 'jaccard'], 1)
    """
    import pandas as pd

    dice, jaccard = (metric(ignore_empty=False, reduction="none") for metric in (DiceMetric, MeanIoU))
    rows = []
    for index, item in enumerate(items):
        prediction, label = predict_foreground(network, item["image"])[None], (item["label"] > 0)[None]
        scores = {"dice": dice(prediction, label).item(), "jaccard": jaccard(prediction, label).item()}
        rows.append({"index": index, "name": item["name"], "group": item["group"], **scores})
    return pd.DataFrame(rows, columns=["index", "name", "group", "dice", "jaccard"])
