"""How good a trained generator is on images that it was not trained on: what a bundle's evaluation needs."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.metrics import MAEMetric, SSIMMetric
from torch import Tensor

from monai_genaug._checks import check_choice
from monai_genaug._rng import derive_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data import digest_datalist, replacing
from monai_genaug.data.arrays import strip_suffix
from monai_genaug.data.splits import group_of
from monai_genaug.generators.folders import METADATA_FILE
from monai_genaug.metrics.nearest import densest_patch, halve, halve_all_ways, nearest_distance

logger = logging.getLogger(__name__)
Item = dict[str, Any]
NEAREST = ("nearest_training_distance", "nearest_training_distance_of_real")


def choose_split(datalist: Mapping[str, Sequence[Mapping[str, Any]]], split: str) -> list[Mapping[str, Any]]:
    """Give the items of a split that nothing was trained on.

    Args:
        datalist: of `load_datalist`.
        split: ``"validation"`` or ``"test"``.

    Raises:
        ValueError: for another split, or an empty one.
    """
    entries = list(datalist.get(check_choice("split", split, ("validation", "test")), ()))
    if not entries:
        raise ValueError(f"the data set has no {split} images, expected at least one: choose another split.")
    return entries


def list_pairs(datalist: Mapping[str, Sequence[Mapping[str, Any]]], split: str, *, seed: int = 0) -> list[Item]:
    """List the pairs of a split, each with a name and two seeds.

    Args:
        datalist: of `load_datalist`.
        split: ``"validation"`` or ``"test"``.
        seed: from which two seeds of each image derive, by its name and their number.

    Returns:
        For each pair ``{"image", "label", "group", "name": str, "seed": (2,) int64}``.

    Raises:
        ValueError: for another split, or an empty one.

    Example:
        >>> list_pairs({"test": []}, "test")
        Traceback (most recent call last):
            ...
        ValueError: the data set has no test images, ...
    """
    items = []
    for entry in choose_split(datalist, split):
        name = strip_suffix(os.path.basename(entry["image"]))
        seeds = torch.tensor([derive_seed(seed, name, number) for number in range(2)])
        pair = {"image": entry["image"], "label": entry["label"], "group": group_of(entry)}
        items.append({**pair, "name": name, "seed": seeds})
    return items


def check_origin(folder: str | os.PathLike[str], training: Iterable[Mapping[str, Any]]) -> bool:
    """Warn where a generator was not trained on a data set's training images, as then it may have seen the others.

    Args:
        folder: of the generator; its ``configs/metadata.json`` tells the digest of what it was trained on.
        training: items of the data set's training split.

    Returns:
        Whether it was trained on just these images.
    """
    file = Path(folder) / METADATA_FILE
    metadata = json.loads(file.read_text()) if file.is_file() else {}
    told = metadata.get("training", {}).get("settings", {}).get("data")
    if told == digest_datalist(training):
        return True
    logger.warning(
        "%s %s: the scores hold only if it saw none of the images of this split, and the distances to the nearest "
        "training image do not tell of its own training images.",
        folder,
        "does not say what it was trained on" if told is None else "was trained on other images than training",
    )
    return False


def score_pair(real: Tensor, label: Tensor, made: Tensor, again: Tensor) -> dict[str, float]:
    """Compare a synthetic image with the real one of its mask, and with that of another seed.

    Args:
        real: (C, *S) in [0, 1].
        label: (1, *S), foreground > 0.
        made: (C, *S) in [0, 1], made from the label.
        again: (C, *S) in [0, 1], made from the label with another seed.

    Returns:
        Mean absolute error and structural similarity (Wang et al. 2004, data range 1, 11 voxels wide or as wide as the
        image) between real and made; mean absolute difference of made and again, mean intensity of real and made, each
        inside and outside of the foreground. What has no voxels is NaN.

    Raises:
        ValueError: if the images differ in shape.

    Example:
        >>> label = torch.tensor([[[1, 0]]]).repeat(1, 12, 6)
        >>> scores = score_pair(label * 0.5, label, label * 0.5, label * 0.75)
        >>> scores["mae"], scores["seed_difference_inside"], scores["synthetic_outside"]
        (0.0, 0.25, 0.0)
    """
    if real.shape != made.shape:
        raise ValueError(
            f"the real image has shape {tuple(real.shape)}, the synthetic one {tuple(made.shape)}, expected equal "
            "channels: evaluate a generator on data of the kind that it was trained on."
        )
    window = min(11, *real.shape[1:])
    structure = SSIMMetric(spatial_dims=real.ndim - 1, data_range=1.0, win_size=window)
    inside = (label > 0).expand_as(real)
    difference = (made - again).abs()
    return {
        "mae": float(MAEMetric()(made[None], real[None])),
        "ssim": float(structure(made[None], real[None])),
        "seed_difference_inside": float(difference[inside].mean()),
        "seed_difference_outside": float(difference[~inside].mean()),
        "real_inside": float(real[inside].mean()),
        "real_outside": float(real[~inside].mean()),
        "synthetic_inside": float(made[inside].mean()),
        "synthetic_outside": float(made[~inside].mean()),
    }


class ScoreWriter:
    """Writes metrics.csv, a line for each image, and metrics.json, the means, of what an evaluator makes.

    Beside `score_pair` it measures the `nearest_distance` of the synthetic image, and of the real one, to the training
    images: at half resolution, of the patch in which the label has most foreground.

    Args:
        output_dir: gets the two files.
        training: training images (C, *S) in [0, 1], at "image".
        patch_size: side of the patch, in voxels of the half resolution.
        notes: for metrics.json: what was evaluated and how.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        training: Sequence[Mapping[str, Tensor]],
        *,
        patch_size: int = 32,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.training = Path(output_dir).expanduser(), training
        self.patch_size, self.notes = patch_size, dict(notes or {})
        self.rows: list[dict[str, Any]] = []
        self.patches: list[Tensor] = []  # of synthetic and real images, by turns

    def attach(self, engine: Engine) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.STARTED, self.begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.score)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def begin(self, engine: Engine) -> None:
        """Forget an earlier run."""
        self.rows, self.patches = [], []

    def score(self, engine: Engine) -> None:
        """Score the pair of an iteration, whose output is two images of one label."""
        batch = engine.state.batch
        made, again = engine.state.output["pred"]
        real, label = (as_plain_tensor(batch[key][0]).to(made.device) for key in ("image", "label"))
        self.rows.append({"name": batch["name"][0], **score_pair(real, label, made, again)})
        foreground = halve((label > 0).float())
        self.patches += [densest_patch(halve(image), foreground, self.patch_size) for image in (made, real)]

    def finish(self, engine: Engine) -> None:
        """Find the nearest training images, write the files and log the means."""
        images = [half for item in self.training for half in halve_all_ways(as_plain_tensor(item["image"]))]
        logger.info("comparing %d images with %d training images", len(self.rows), len(self.training))
        distances = nearest_distance(torch.stack(self.patches), images).reshape(-1, 2).tolist()
        for row, pair in zip(self.rows, distances, strict=True):
            row.update(zip(NEAREST, pair, strict=True))
        means = {name: _mean([row[name] for row in self.rows]) for name in self.rows[0] if name != "name"}
        write_scores(self.folder, self.rows, {**self.notes, "means": means})
        for name, mean in means.items():
            logger.info("%s: %s (n=%d)", name, "none" if mean["mean"] is None else f"{mean['mean']:.4g}", mean["n"])


def write_scores(folder: Path, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Write rows as metrics.csv, with nothing where a value is NaN, and a summary as metrics.json.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_scores(Path(folder), [{"name": "a", "mae": math.nan}], {})
        ...     (Path(folder) / "metrics.csv").read_text().split()
        ['name,mae', 'a,']
    """
    with replacing(folder / "metrics.csv") as hidden, hidden.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({key: _as_text(value) for key, value in row.items()} for row in rows)
    with replacing(folder / "metrics.json") as hidden:
        hidden.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _mean(values: Sequence[float]) -> dict[str, Any]:
    """Mean of the values that are not NaN, and their number."""
    numbers = [value for value in values if not math.isnan(value)]
    return {"mean": math.fsum(numbers) / len(numbers) if numbers else None, "n": len(numbers)}


def _as_text(value: Any) -> str:
    """Text of a cell."""
    if not isinstance(value, float):
        return str(value)
    return "" if math.isnan(value) else f"{value:.6g}"
