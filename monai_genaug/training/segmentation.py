"""What the training of a segmentation network needs beside MONAI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.engines import PrepareBatch
from torch import Tensor

from monai_genaug._tensors import as_plain_tensor, take_from_batch
from monai_genaug.data import read_array, write_array
from monai_genaug.data.arrays import strip_suffix
from monai_genaug.training.inference import image_suffix, list_masks


def foreground(label: Tensor) -> Tensor:
    """Make a target of a label map: 1.0 where it is not background.

    Args:
        label: (B, 1, *S), whole numbers >= 0.

    Returns:
        (B, 1, *S), float32, 0 or 1.

    Example:
        >>> foreground(torch.tensor([0, 2, 700]))
        tensor([0., 1., 1.])
    """
    return (label > 0).float()


class ForegroundPrepareBatch(PrepareBatch):
    """Takes image and foreground out of a batch with label maps, for MONAI's trainers and evaluators.

    Example:
        >>> batch = {"image": torch.rand(1, 1, 1, 2), "label": torch.tensor([[[[0, 3]]]])}
        >>> ForegroundPrepareBatch()(batch, device="cpu")[1]
        tensor([[[[0., 1.]]]])
    """

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Give image (B, C, *S) and foreground (B, 1, *S) on the device."""
        image, label = take_from_batch(batchdata, ("image", "label"), device, non_blocking, **kwargs)
        return image, foreground(label)


def list_images(folder: str | os.PathLike[str]) -> list[dict[str, str]]:
    """List the images of a folder that are to be segmented.

    Args:
        folder: holds images in any format of `read_array`, one file each.

    Returns:
        For each image ``{"image": path}``, sorted by name.

    Raises:
        FileNotFoundError: if there is no such folder, or no image in it.
        ValueError: if two images have one name.
    """
    return [{"image": item["label"]} for item in list_masks(folder)]


class MaskWriter:
    """Writes what a segmentation network finds: a mask of 0 and 1 for each image, under the image's name.

    Planes become PNG, NIfTI images NIfTI with their affine, TIFF images TIFF.

    Args:
        output_dir: folder of the masks.
    """

    def __init__(self, output_dir: str | os.PathLike[str]) -> None:
        self.folder = Path(output_dir).expanduser()

    def attach(self, engine: Engine) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Write the masks of an iteration, whose batch and output are lists."""
        for item, made in zip(engine.state.batch, engine.state.output, strict=True):
            source = Path(item["image"].meta["filename_or_obj"])
            mask = as_plain_tensor(made["pred"]).cpu().numpy().astype(np.uint8)
            form = image_suffix(source.name, made["pred"])
            affine = read_array(source)[1]["affine"] if form.startswith(".nii") else None
            write_array(self.folder / f"{strip_suffix(source.name)}{form}", mask, affine)
