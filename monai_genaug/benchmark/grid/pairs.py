"""Synthetic pairs that are written ahead, for segmenters that see no real image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.transforms import Randomizable

from monai_genaug._rng import derive_seed
from monai_genaug.data import write_array, write_dataset
from monai_genaug.data._folders import read_list
from monai_genaug.generators import load_generator
from monai_genaug.generators.folders import digest_generator
from monai_genaug.quality import Gate
from monai_genaug.synthesis import synthesize
from monai_genaug.training.inference import image_suffix

if TYPE_CHECKING:
    from monai_genaug.training.progress import Progress

LONGEST = {2: 256, 3: 96}  # side of a pair, by the number of dimensions, voxels


def write_pairs(
    folder: Path,
    generator_dir: Path,
    mask_sampler: Randomizable,
    items: Sequence[Mapping[str, Any]],
    *,
    count: int,
    seed: int,
    device: str = "cpu",
    accept: Gate | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Make images of new masks and write both as a data set; what is there already is read.

    Args:
        folder: of the data set; its dataset.json comes last and names the generator.
        generator_dir: of the generator.
        mask_sampler: makes the masks.
        items: images, perhaps with labels, that pairs begin with in turn: they have their sizes, cut to `LONGEST`, and
            are what samplers bend and generators edit.
        count: number of pairs.
        seed: a pair is a function of the generator, the sampler, its item, its number and this.
        device: where to make them.
        accept: a gate; a pair that it lets through in no try is left out.
        progress: called after each pair.

    Returns:
        Their items, as of `load_datalist`.

    Raises:
        ValueError: if the gate lets none through.
    """
    if not (folder / "dataset.json").is_file():
        generator, digest = load_generator(generator_dir, device), digest_generator(generator_dir)
        entries = []
        for number in range(count):
            own = derive_seed(seed, "pair", number)
            image, label = _cut(items[number % len(items)], own)
            made = synthesize(
                generator, label[None], [own], images=image[None], mask_sampler=mask_sampler, accept=accept
            )
            if made.accepted.all():
                files = _write_pair(folder, f"{number:04d}", made.images[0], made.labels[0])
                entries.append({**files, "generator": digest})
            if progress is not None:
                progress(number + 1, count, {})
        if not entries:
            raise ValueError(f"the gates let none of {count} synthetic pairs through: make them milder.")
        write_dataset(
            folder,
            {"training": entries, "validation": [], "test": []},
            name="synthetic pairs",
            licence="that of the images and labels that the generator saw",
            source=f"generator {digest}, seed {seed}",
            label="as the sampler numbers them",
        )
    return read_pairs(folder)


def read_pairs(folder: Path) -> list[dict[str, Any]]:
    """Give the items of `write_pairs`; none where nothing was written.

    Example:
        >>> read_pairs(Path("no_such_folder"))
        []
    """
    file = folder / "dataset.json"
    if not file.is_file():
        return []
    entries = read_list(file)["training"]
    return [{**entry, **{key: str(folder / entry[key]) for key in ("image", "label")}} for entry in entries]


def _cut(item: Mapping[str, Any], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Take a window of at most `LONGEST` of an image and its label, which is empty where there is none."""
    image = item["image"]
    label = item.get("label", torch.zeros_like(image[:1], dtype=torch.int64)).long()
    window = [slice(None)]
    for axis, side in enumerate(image.shape[1:]):
        length = min(side, LONGEST[image.ndim - 1])
        start = derive_seed(seed, "window", axis) % (side - length + 1)
        window.append(slice(start, start + length))
    return image[tuple(window)], label[tuple(window)]


def _write_pair(folder: Path, name: str, image: torch.Tensor, label: torch.Tensor) -> dict[str, str]:
    """Write one pair: an image of 8 bit, a label of 16."""
    suffix = image_suffix("label.png", image)
    entry = {"image": f"images/{name}{suffix}", "label": f"labels/{name}{suffix}", "group": name}
    write_array(folder / entry["image"], (255 * image).round().to(torch.uint8).cpu().numpy())
    write_array(folder / entry["label"], label.cpu().numpy().astype(np.uint16))
    return entry
