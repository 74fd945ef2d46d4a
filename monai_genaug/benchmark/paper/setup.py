"""Plan, data and folder of a comparison, checked before anything is trained."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from monai_genaug._checks import check_device
from monai_genaug.benchmark.paper.plan import MODELS, PaperPlan
from monai_genaug.benchmark.plan import choose_setting
from monai_genaug.data import digest_datalist, load_datalist, load_items, replacing
from monai_genaug.data.items import Item
from monai_genaug.data.splits import choose_items

KIND = "paper_nucleus"
RECORD = "comparison.json"  # what must be equal to go on in a folder; one that holds it is the benchmark's
FREE = ("data", "published", "intervals", "nuclei")  # what may differ: it changes no training and no picture


class Setup(NamedTuple):
    """What a comparison works on.

    Args:
        plan: its settings.
        source: of the data.
        training: entries of training images, by seed.
        test: items of the test images.
        folder: for all that is written.
        device: where to train.
        epoch_length: iterations of an epoch.
    """

    plan: PaperPlan
    source: Path
    training: Mapping[int, Sequence[dict[str, Any]]]
    test: Sequence[Item]
    folder: Path
    device: torch.device
    epoch_length: int

    def place(self, name: str, seed: int) -> Path:
        """Give the folder of one training."""
        return self.folder / "trainings" / f"{name}_seed{seed}"

    def shown(self) -> list[Item]:
        """Give test items, evenly spread over the list, for the figure."""
        count = min(self.plan.pictures, len(self.test))
        return [self.test[int(index)] for index in np.linspace(0, len(self.test) - 1, count)]

    def describe(self) -> str:
        """Say in one line what is compared."""
        plan, images = self.plan, len(self.training[self.plan.seeds[0]])
        models = " and ".join(model.title for model in MODELS.values())
        return (
            f"{models} on {self.source.name}: {images} training images, {len(self.test)} test images, {plan.epochs} "
            f"epochs of {self.epoch_length} iterations, batch {plan.batch_size}, crops of {plan.crop_size} pixels"
        )


def prepare(
    content: Mapping[str, Any],
    data_dir: str | os.PathLike[str] | None,
    output_dir: str | os.PathLike[str] | None,
    setting: str,
    device: str | None,
) -> Setup:
    """Check all that can be checked before the first training, and mark the output folder.

    Args:
        content: of the plan's file.
        data_dir: what `load_datalist` understands; by default what the plan says.
        output_dir: for all that is written; by default ``runs/`` and the kind.
        setting: one of the plan's.
        device: where to train; by default a GPU where there is one.

    Raises:
        FileNotFoundError: if there is no such data set.
        ValueError: for a wrong plan, data that do not fit it, or a folder that holds something else.

    Example:
        >>> prepare({"settings": {"short": {}}}, None, None, "short", "cpu")
        Traceback (most recent call last):
            ...
        ValueError: there is no data set, ...
    """
    plan = PaperPlan.of(choose_setting(content, setting))
    if find_spec("skimage") is None:
        raise ValueError("scikit-image is missing, which finds the nuclei: pip install 'monai_genaug[metrics]'.")
    if data_dir is None and plan.data is None:
        raise ValueError("there is no data set, expected images of nuclei and their masks: pass --data FOLDER.")
    source = Path(plan.data if data_dir is None else data_dir).expanduser()  # type: ignore[arg-type]
    chosen = check_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    splits = load_datalist(source)
    training = {seed: choose_items(splits["training"], plan.training_images, seed) for seed in plan.seeds}
    count = len(training[plan.seeds[0]])
    epoch_length = plan.epoch_length(count)
    plan.check_length(epoch_length)
    test = _load_test(splits["test"], source)
    folder = Path(output_dir or Path("runs", KIND)).expanduser()
    kept = {key: value for key, value in asdict(plan).items() if key not in FREE}
    digests = {"training": {str(seed): digest_datalist(part) for seed, part in training.items()}}
    _claim(folder, source, {**kept, **digests, "test": digest_datalist(splits["test"])})
    return Setup(plan, source, training, test, folder, chosen, epoch_length)


def _load_test(entries: Sequence[Mapping[str, Any]], source: Path) -> list[Item]:
    """Load the test images, which tell the number of channels too."""
    if not entries:
        raise ValueError(f"{source} has no test images, expected some: move a few to the list `test` of dataset.json.")
    items = load_items(entries)
    channels, *size = items[0]["image"].shape
    if len(size) != 2 or channels not in (1, 3):
        raise ValueError(
            f"{items[0]['name']} has {channels} channels and {len(size)} dimensions, expected a 2D image of 1 or 3 "
            "channels: the comparison draws pictures and finds nuclei in them."
        )
    return items


def _claim(folder: Path, source: Path, record: Mapping[str, Any]) -> None:
    """Refuse a folder in which something else would be mixed up with this comparison, and mark it."""
    if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"the output folder {folder} lies in the data set {source}: choose another one with --out.")
    wanted, file = json.loads(json.dumps(record)), folder / RECORD
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        changed = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
        if changed:
            raise ValueError(
                f"{folder} holds another comparison, which differs in {', '.join(changed)}: choose another folder with "
                "--out, or delete this one."
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder} is not empty and not of this benchmark, expected a new or empty folder: choose one with --out."
        )
    with replacing(file) as hidden:
        hidden.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
