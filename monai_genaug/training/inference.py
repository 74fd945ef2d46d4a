"""Images for a folder of masks: what a bundle's inference needs beside MONAI's evaluator."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.inferers import Inferer
from torch import Tensor

from monai_genaug.data import image_suffix, list_masks, write_dataset, write_pair
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.store.checks import check_masks

__all__ = [  # with what configs name here that lies below
    "ImageWriter",
    "SeededInferer",
    "check_masks",
    "check_output",
    "image_suffix",
    "list_masks",
    "prepare_seeded",
]

logger = logging.getLogger(__name__)
Item = dict[str, Any]


def check_output(folder: str | os.PathLike[str], *, masks_dir: str | os.PathLike[str], overwrite: bool) -> None:
    """Refuse to write among other files, or over the masks.

    Args:
        folder: where images are to be written.
        masks_dir: where the masks are.
        overwrite: write into a folder that holds files already; those of the same name are replaced, others stay.

    Raises:
        ValueError: if the folder holds anything and `overwrite` is false, or the masks lie in it.

    Example:
        >>> check_output("no_such_folder", masks_dir="masks", overwrite=False)
    """
    root = Path(folder).expanduser()
    if root.exists() and not root.is_dir():
        raise ValueError(f"output_dir {root} is a file, expected a folder: choose another output_dir.")
    if Path(masks_dir).expanduser().resolve().is_relative_to(root.resolve()):
        raise ValueError(f"output_dir {root} holds masks_dir {masks_dir}, which would be changed: choose another one.")
    if not overwrite and root.is_dir() and any(root.iterdir()):
        raise ValueError(f"output_dir {root} is not empty: choose another one, or set overwrite to true.")


def prepare_seeded(
    batch: Mapping[str, Any], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, Tensor | None, tuple[list[int]], dict[str, Any]]:
    """Give MONAI's evaluators labels as inputs, images (if there are any) as targets, and seeds for `SeededInferer`.

    Args:
        batch: label (B, 1, *S) and seed (B,), or (B, N) to have N images from each label; perhaps image (B, C, *S).
        device: where the tensors go.
        non_blocking: as for `Tensor.to`.
        kwargs: more of these.

    Returns:
        Labels (B * N, 1, *S), the images or None, (B * N seeds,), {}.

    Example:
        >>> batch = {"label": torch.ones(1, 1, 4, 4), "seed": torch.tensor([[3, 4]])}
        >>> labels, images, (seeds,), _ = prepare_seeded(batch)
        >>> labels.shape, images, seeds
        (torch.Size([2, 1, 4, 4]), None, [3, 4])
    """
    label, image, seeds = batch["label"], batch.get("image"), batch["seed"]
    each = seeds.reshape(len(label), -1).shape[1]
    labels = label.repeat_interleave(each, dim=0) if each > 1 else label
    images = image.to(device, non_blocking=non_blocking, **kwargs) if isinstance(image, Tensor) else None
    return labels.to(device, non_blocking=non_blocking, **kwargs), images, (seeds.flatten().tolist(),), {}


class SeededInferer(Inferer):
    """Makes one image for each label and seed, with a `ConditionalGenerator` as the network.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1,
        ...                             encoding=BinaryEncoding(), output_range=(0, 1))
        >>> SeededInferer()(torch.tensor([[[[0, 7]]]]), generator, [1])
        tensor([[[[0., 1.]]]])
    """

    def __call__(self, inputs: Tensor, network: ConditionalGenerator, seeds: Sequence[int]) -> Tensor:
        """Make images.

        Args:
            inputs: labels (B, 1, *S), whole numbers >= 0.
            network: makes the images.
            seeds: B integers; an image depends on its label and seed alone.

        Returns:
            (B, C, *S), float32 in [0, 1].
        """
        return network.sample(network.encode(inputs), seeds=seeds)


class ImageWriter:
    """Writes what an evaluator makes as a data set: images/, labels/ and, at the end, dataset.json.

    Args:
        output_dir: folder of the data set.
        source: where the images come from, for dataset.json.
        licence: of the images, for dataset.json.
    """

    def __init__(self, output_dir: str | os.PathLike[str], *, source: str = "", licence: str = "") -> None:
        self.folder, self.source, self.licence = Path(output_dir).expanduser().absolute(), source, licence
        self.items: list[Item] = []

    def attach(self, engine: Engine) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.STARTED, self.begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.write)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def begin(self, engine: Engine) -> None:
        """Forget an earlier run."""
        self.items = []

    def write(self, engine: Engine) -> None:
        """Write the images of an iteration, whose batch and output are lists, and their masks."""
        for item, made in zip(engine.state.batch, engine.state.output, strict=True):
            source = Path(item["label"].meta["filename_or_obj"])
            image, label = write_pair(self.folder, item["name"], made["pred"], source)
            self.items.append(
                {"image": str(image), "label": str(label), "group": item["group"], "seed": int(item["seed"])}
            )

    def finish(self, engine: Engine) -> None:
        """Write dataset.json."""
        name = f"synthetic images of {len({item['group'] for item in self.items})} masks"
        write_dataset(
            self.folder, {"training": self.items}, name=name, licence=self.licence, source=self.source, label="as given"
        )
        logger.info("%s: %d %s.", self.folder, len(self.items), name)
