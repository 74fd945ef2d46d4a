"""Do generated nuclei lie where their masks say? A U-Net trained on real images judges Pix2Pix on dsb2018_fluorescence.

    python -m benchmarks.nuclei_faithfulness --out benchmarks/results/DATE-MACHINE/nuclei_faithfulness

Trains Pix2Pix and a U-Net on the real training split, then makes one image from each test mask; test images are read
after all training. A training that was stopped goes on where it was. How the settings were found: docs/results.md.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from skimage.filters import threshold_otsu
from torch import Tensor

from benchmarks._common import DATA, machine, write_json, write_rows
from monai_genaug import ConditionalGenerator, load_generator
from monai_genaug.benchmark.segmentation import SegmenterSettings, evaluate_segmenter, train_segmenter
from monai_genaug.data import load_datalist, load_items
from monai_genaug.training import Pix2PixSettings, train_pix2pix

GENERATOR = Pix2PixSettings(
    levels=5, adversarial="lsgan", epochs=36, label_smoothing=0.1, instance_noise=0.2, lambda_mode_seeking=0.3
)
SEGMENTER = SegmenterSettings(crop_size=128, steps=800)


def otsu_dice(image: Tensor, label: Tensor) -> float:
    """Dice of the foreground by Otsu's threshold with the mask's."""
    gray = image.mean(0).numpy()
    found, wanted = gray > threshold_otsu(gray), label[0].numpy() > 0
    return float(2 * (found & wanted).sum() / max(1, found.sum() + wanted.sum()))


def synthesise(generator: ConditionalGenerator, items: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Make one image from each item's label."""
    made = []
    for number, item in enumerate(items):
        condition = generator.encode(item["label"][None])
        made.append({**item, "image": generator.sample(condition, seeds=[seed + number])[0]})
    return made


def seed_difference(one: list[dict[str, Any]], two: list[dict[str, Any]], *, inside: bool) -> float:
    """Mean absolute difference between two seeds over all pixels inside (or outside) nuclei, of the range [0, 1]."""
    parts = [
        (a["image"] - b["image"]).abs().mean(0)[(a["label"][0] > 0) == inside] for a, b in zip(one, two, strict=True)
    ]
    return torch.cat(parts).mean().item()


def summary(values: list[float]) -> dict[str, float]:
    """Mean with quartiles over images."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"mean": float(np.mean(values)), "q25": float(low), "median": float(middle), "q75": float(high)}


def main() -> None:
    """Train, measure, write results.json and samples.jpg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_fluorescence")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/nuclei_faithfulness"), help="where the generator goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    training = load_items(splits["training"])
    with Progress() as progress:
        bar = progress.add_task("Pix2Pix", total=GENERATOR.iterations)
        train_pix2pix(
            training,
            GENERATOR,
            output_dir=options.work,
            device=options.device,
            seed=options.seed,
            progress=lambda done, total, losses: progress.update(bar, completed=done),
        )
        bar = progress.add_task("U-Net on real images", total=SEGMENTER.steps)
        start = time.perf_counter()
        segmenter = train_segmenter(
            training,
            SEGMENTER,
            seed=options.seed,
            device=options.device,
            progress=lambda done, total, losses: progress.update(bar, completed=done),
        )
        segmenter_seconds = time.perf_counter() - start

    generator = load_generator(options.work)
    test = load_items(splits["test"])
    synthetic, other = synthesise(generator, test, 1000), synthesise(generator, test, 2000)
    results: dict[str, Any] = {
        "data": f"{options.data.name}: {len(training)} training images, {len(test)} test images",
        "unet_dice_real_test": summary(evaluate_segmenter(segmenter, test)["dice"].tolist()),
        "unet_dice_generated_from_test_masks": summary(evaluate_segmenter(segmenter, synthetic)["dice"].tolist()),
        "otsu_dice_real_test": summary([otsu_dice(item["image"], item["label"]) for item in test]),
        "otsu_dice_generated": summary([otsu_dice(item["image"], item["label"]) for item in synthetic]),
        "seed_difference_inside_nuclei": seed_difference(synthetic, other, inside=True),
        "seed_difference_outside_nuclei": seed_difference(synthetic, other, inside=False),
        "generator": {
            "settings": asdict(GENERATOR),
            **json.loads((options.work / "configs/metadata.json").read_text())["training"],
        },
        "segmenter": {"settings": asdict(SEGMENTER), "seconds": round(segmenter_seconds, 1)},
        "seed": options.seed,
        "machine": machine(),
    }
    write_json(options.out / "results.json", results)
    rows = [
        [(item["label"] > 0).float(), item["image"], first["image"], second["image"]]
        for item, first, second in list(zip(test, synthetic, other, strict=True))[::9]
    ]
    write_rows(options.out / "samples.jpg", rows)
    print(json.dumps({key: value for key, value in results.items() if "dice" in key or "difference" in key}, indent=2))


if __name__ == "__main__":
    main()
