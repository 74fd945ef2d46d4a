"""Tables and picture of benchmarks/families.py."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks._families import Items
from benchmarks._sampling import BATCHES, SIDE
from monai_genaug.benchmark.paper.pictures import write_figure
from monai_genaug.data import replacing
from monai_genaug.tables import Table

REFERENCE = "pix2pix"  # family to whose seconds those of others are compared
ROWS = 3  # masks in the picture
EMPTY = "-"


def tabulate(results: Mapping[str, Any]) -> list[Table]:
    """Give the tables of what benchmarks/families.py found: what is in results.json."""
    return [_quality(results), _cost(results)]


def _quality(results: Mapping[str, Any]) -> Table:
    real, families = results["real"], results["families"]
    columns = ["", "Dice of U-Net", "Dice of Otsu", "KID", "1 - MS-SSIM", "difference inside", "difference outside"]
    rows = [["real test images", *_dice(real), EMPTY, EMPTY, EMPTY, EMPTY]]
    rows += [["real training images", EMPTY, EMPTY, _interval(real["kid"]), EMPTY, EMPTY, EMPTY]]
    for name, found in families.items():
        diversity = _spread(found["diversity"])
        differences = [f"{found['seed_difference'][side]:.3f}" for side in ("inside", "outside")]
        rows.append([name, *_dice(found), _interval(found["kid"]), diversity, *differences])
    sizes = results["sizes"]
    note = (
        f"{results['data']}. Each of the {sizes['test']} test masks has {len(results['seeds'])} images; Dice and KID "
        "are of the first ones. Dice: of what a U-Net trained on real images finds, and of Otsu's foreground, with the "
        "mask; mean (quartiles over images). KID: kernel distance to the real test images in random features, 95 % "
        f"interval; that of the {sizes['training']} training images is what other real images have. Synthetic images "
        "are of the test images' own masks, training images are not, which favours the synthetic ones. 1 - MS-SSIM "
        "(SSIM below 22 pixels) of the two images of a mask: mean (quartiles). Difference: mean absolute one of these "
        "two over all pixels inside (outside) nuclei, of the range [0, 1]."
    )
    return Table("Quality and diversity", columns, rows, note)


def _cost(results: Mapping[str, Any]) -> Table:
    columns = ["", *(f"samples/s, batch {batch}" for batch in BATCHES)]
    columns += [f"seconds / those of {REFERENCE}, batch {batch}" for batch in BATCHES]
    columns += ["parameters, millions", "weights, MB", "training", "minutes of training", "peak memory, MB"]
    rows = []
    for name, found in results["families"].items():
        speed = [results["speed"][name][str(batch)] for batch in BATCHES]
        rows.append(
            [
                name,
                *(f"{entry['samples_per_second']:.3g}" for entry in speed),
                *(EMPTY if entry["ratio"] is None else f"{entry['ratio']:.3g}" for entry in speed),
                f"{found['parameters'] / 1e6:.2f}",
                f"{found['weights_megabytes']:.1f} ({', '.join(found['weights_types'])})",
                *_training(found["training"]),
                _memory(found["memory"]),
            ]
        )
    rounds = len(next(iter(results["speed"].values()))[str(BATCHES[0])]["seconds"])
    machine = results["machine"]
    note = (
        f"Samples of {SIDE}x{SIDE} on the CPU ({machine['processor']}), threads: {machine['threads']}; all families in "
        f"turn, median of {rounds} rounds, and of the ratios of each round; encoding the mask is left out. Parameters "
        "and weights are of all networks in the folder, of CycleGAN both directions. Training: iterations x batch, "
        "crop, and minutes as the folder says, on whatever machine that was: they compare only where it was one. Peak "
        f"memory: of a process that makes {max(BATCHES)} samples at once (before it does); that of training was not "
        "measured."
    )
    return Table("Speed and cost", columns, rows, note)


def _dice(found: Mapping[str, Any]) -> list[str]:
    return [_spread(found["agreement"][key]) for key in ("unet_dice", "otsu_dice")]


def _spread(values: Mapping[str, float]) -> str:
    return f"{values['mean']:.3f} ({values['q25']:.3f} to {values['q75']:.3f})"


def _interval(kid: Mapping[str, float]) -> str:
    return f"{kid['value']:.3g} ({kid['low']:.3g} to {kid['high']:.3g})"


def _training(training: Mapping[str, Any]) -> list[str]:
    """Say how much a generator was trained, as far as its folder says so."""
    settings, seconds = training.get("settings", {}), training.get("seconds")
    known = {"iterations_per_epoch", "batch_size", "crop_size"} <= settings.keys() and "epoch" in training
    amount = EMPTY
    if known:
        iterations = training["epoch"] * settings["iterations_per_epoch"]
        amount = f"{iterations} x {settings['batch_size']}, {settings['crop_size']}"
    return [amount, EMPTY if seconds is None else f"{seconds / 60:.1f}"]


def _memory(memory: Mapping[str, float] | None) -> str:
    return EMPTY if memory is None else f"{memory['peak_megabytes']:.0f} ({memory['before_megabytes']:.0f})"


def write_samples(path: Path, real: Items, made: Mapping[str, list[Items]]) -> Path:
    """Draw some masks, their real images, and below each other the two images of each family.

    Args:
        path: ``.jpg``.
        real: items with the real images.
        made: by family, of `make_images`.

    Returns:
        The path.
    """
    from PIL import Image

    rows = []
    for number in range(0, len(real), max(1, -(-len(real) // ROWS))):
        item = real[number]
        for seed in range(2):
            blank = torch.ones_like(item["image"])
            first = [blank, blank] if seed else [item["label"], item["image"]]
            rows.append((f"seed {seed + 1}", [*first, *(images[seed][number]["image"] for images in made.values())]))
    with tempfile.TemporaryDirectory() as folder:
        figure = write_figure(Path(folder, "samples.png"), ["mask", "real", *made], rows)
        with Image.open(figure) as picture, replacing(path) as hidden:
            picture.save(hidden, format="JPEG", quality=88)
    return path
