"""Images for a folder of masks: what a bundle's inference needs beside MONAI's evaluator."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.inferers import Inferer
from torch import Tensor

from monai_genaug._rng import derive_seed
from monai_genaug.data import check_label_map, read_array, replacing, write_array, write_dataset
from monai_genaug.data._folders import name_path, tell_content
from monai_genaug.data.arrays import find_suffix, strip_suffix
from monai_genaug.generators.base import ConditionalGenerator

logger = logging.getLogger(__name__)
Item = dict[str, Any]
NIFTI, GEOMETRIC, TIFF = (".nii", ".nii.gz"), (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"), (".tif", ".tiff")


def list_masks(folder: str | os.PathLike[str], *, per_mask: int = 1, seed: int = 0, name: str = "") -> list[Item]:
    """List the images that are to be made from the masks of a folder.

    Args:
        folder: holds masks in any format of `read_array`, one file each; hidden files and subfolders are left out.
        per_mask: images from each mask; above 1 their names are numbered from 0.
        seed: from which each image's own seed derives, by its mask's name without suffix and its number.
        name: of the setting that `folder` comes from, such as ``masks_dir``, for errors.

    Returns:
        For each image ``{"label": path, "name": str, "group": name of the mask, "seed": int}``, sorted by mask.

    Raises:
        FileNotFoundError: if there is no such folder, or no mask in it.
        ValueError: if two masks have one name, or `per_mask` < 1.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as masks:
        ...     _ = write_array(f"{masks}/a.png", np.ones((1, 4, 4), np.uint8))
        ...     [item["name"] for item in list_masks(masks, per_mask=2)]
        ['a_0', 'a_1']
    """
    if per_mask < 1:
        raise ValueError(f"per_mask is {per_mask}, expected at least 1 image from each mask.")
    root = Path(folder).expanduser()
    called = name_path(root, name)
    if not root.is_dir():
        raise FileNotFoundError(f"{called} is no folder, expected one that holds masks or images: check its path.")
    masks: dict[str, Path] = {}
    others = []
    for file in sorted(path for path in root.iterdir() if not path.name.startswith(".")):
        if file.is_dir() or not find_suffix(file.name):
            others.append(file.name)
        elif (stem := strip_suffix(file.name)) in masks:
            raise ValueError(f"{root} has {masks[stem].name} and {file.name}, expected one file a name: rename one.")
        else:
            masks[stem] = file
    if not masks:
        raise FileNotFoundError(
            f"{called} {tell_content(root)}, expected files such as a.png or a.nii.gz: check its path."
        )
    if others:
        logger.warning("%s: left out %s, which can be no images.", root, ", ".join(others[:5]))
    return [
        {
            "label": str(file),
            "name": stem if per_mask == 1 else f"{stem}_{number}",
            "group": stem,
            "seed": derive_seed(seed, stem, number),
        }
        for stem, file in masks.items()
        for number in range(per_mask)
    ]


def check_masks(entries: Iterable[Mapping[str, Any]], generator: ConditionalGenerator) -> None:
    """Read every mask and refuse what the generator cannot take, before the first image is made.

    Args:
        entries: of `list_masks`.
        generator: that is to take them.

    Raises:
        ValueError: naming the file, if it cannot be read or its dimensions, channels or values do not fit, or
            it looks like an image.
    """
    for source in dict.fromkeys(entry["label"] for entry in entries):
        array = read_array(source)[0]
        label = torch.tensor(array)
        try:
            generator.encode(label[None])
        except ValueError as error:
            raise ValueError(f"{source} is no mask for this generator: {error}") from error
        check_label_map(label, name=str(source))
        if array.min() > 0:
            logger.warning("%s has no background: is it an image, and no mask?", source)


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


def write_pair(folder: Path, name: str, image: Tensor, mask: Path) -> tuple[Path, Path]:
    """Write a synthetic image, and copy its mask, under one name.

    NIfTI, MetaImage and NRRD masks give NIfTI images, float32 in [0, 1], with the mask's affine; others 8 bit: TIFF
    masks and volumes TIFF, the rest PNG, or TIFF where PNG cannot hold the channels.

    Args:
        folder: gets images/ and labels/.
        name: without suffix.
        image: (C, *S) in [0, 1].
        mask: the mask's file.

    Returns:
        Paths of image and label.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mask = write_array(f"{folder}/mask.png", np.ones((1, 4, 4), np.uint8))
        ...     [path.name for path in write_pair(Path(folder), "a", torch.rand(2, 4, 4), mask)]
        ['a.tif', 'a.png']
    """
    suffix = find_suffix(mask.name) or ""
    form = image_suffix(mask.name, image)
    unit = image.detach().cpu().float().numpy()
    if form in NIFTI:
        path = write_array(folder / "images" / f"{name}{form}", unit, read_array(mask)[1]["affine"])
    else:
        path = write_array(folder / "images" / f"{name}{form}", (255 * unit).round().astype(np.uint8))
    if suffix == ".mhd":  # names another file that holds the values
        array, meta = read_array(mask)
        return path, write_array(folder / "labels" / f"{name}.nii.gz", array, meta["affine"])
    label = folder / "labels" / f"{name}{suffix}"
    with replacing(label) as hidden:
        shutil.copyfile(mask, hidden)
    return path, label


def image_suffix(name: str, image: Tensor) -> str:
    """Choose the format of an image (C, *S) that is made from a file.

    Example:
        >>> image_suffix("mask.nii.gz", torch.zeros(1, 4, 4, 4)), image_suffix("mask.bmp", torch.zeros(3, 4, 4))
        ('.nii.gz', '.png')
    """
    suffix = find_suffix(name) or ""
    if suffix in GEOMETRIC and (image.ndim == 4 or image.shape[0] == 1):
        return suffix if suffix in NIFTI else ".nii.gz"
    if suffix in TIFF:
        return suffix
    return ".png" if image.ndim == 3 and image.shape[0] in (1, 3) else ".tif"
