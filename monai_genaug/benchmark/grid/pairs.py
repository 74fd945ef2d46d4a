"""Synthetic pairs that are written ahead, for segmenters that see no real image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.transforms import Randomizable

from monai_genaug._rng import derive_seed
from monai_genaug.data import load_datalist, write_array, write_dataset
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
    shapes: Sequence[Sequence[int]],
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
        shapes: spatial sizes of images, which pairs have in turn, cut to `LONGEST`.
        count: number of pairs.
        seed: a pair is a function of the generator, the sampler, its number and this.
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
            shape = [min(side, LONGEST[len(shapes[0])]) for side in shapes[number % len(shapes)]]
            empty = torch.zeros(1, 1, *shape, dtype=torch.int64)
            own = derive_seed(seed, "pair", number)
            made = synthesize(generator, empty, [own], mask_sampler=mask_sampler, accept=accept)
            if made.accepted.all():
                files = _write_pair(folder, f"{number:04d}", made.images[0], made.labels[0])
                entries.append({**files, "generator": digest})
            if progress is not None:
                progress(number + 1, count, {})
        if not entries:
            raise ValueError(f"the gates let none of {count} synthetic pairs through: make them milder.")
        write_dataset(
            folder,
            {"training": entries},
            name="synthetic pairs",
            licence="that of the images and labels that the generator saw",
            source=f"generator {digest}, seed {seed}",
            label="as the sampler numbers them",
        )
    return load_datalist(folder, fractions=(1, 0, 0))["training"]


def _write_pair(folder: Path, name: str, image: torch.Tensor, label: torch.Tensor) -> dict[str, str]:
    """Write one pair: an image of 8 bit, a label of 16."""
    suffix = image_suffix("label.png", image)
    entry = {"image": f"images/{name}{suffix}", "label": f"labels/{name}{suffix}", "group": name}
    write_array(folder / entry["image"], (255 * image).round().to(torch.uint8).cpu().numpy())
    write_array(folder / entry["label"], label.cpu().numpy().astype(np.uint16))
    return entry
