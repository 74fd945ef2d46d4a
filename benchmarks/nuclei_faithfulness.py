"""Do generated nuclei lie where their masks say? A U-Net trained on real images judges Pix2Pix on dsb2018_fluorescence.

    python -m benchmarks.nuclei_faithfulness --out benchmarks/results/DATE-MACHINE/nuclei_faithfulness

Trains Pix2Pix and a U-Net on the real training split, then makes one image from each test mask; test images are read
after all training. A training that was stopped goes on where it was. How the settings were found: docs/results.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks._agreement import score_agreement, seed_difference
from benchmarks._common import DATA, machine, synthesise, write_json
from monai_genaug import load_generator
from monai_genaug.benchmark.segmentation import train_segmenter
from monai_genaug.data import load_datalist, load_items
from monai_genaug.pictures import write_grid
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

GENERATOR: dict[str, Any] = {}  # overrides of bundles/nuclei_pix2pix: none
SEGMENTER: dict[str, Any] = {}  # overrides of bundles/nuclei_unet: none


def main() -> None:
    """Train, measure, write results.json and samples.jpg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_fluorescence")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/nuclei_faithfulness"), help="where trainings go")
    parser.add_argument("--generator", type=Path, help="a trained generator's folder; by default one is trained")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    generator_dir = options.generator or options.work / "generator"
    with progress_bars() as bars:
        if options.generator is None:
            overrides = {"dataset_dir": str(options.data), "output_dir": str(generator_dir), "seed": options.seed}
            train_bundle(
                "nuclei_pix2pix",
                {**GENERATOR, **overrides, "device": options.device},
                progress=Course("Pix2Pix", bars),
            )
        course = Course("U-Net on real images", bars)
        segmenter = train_segmenter(
            splits["training"],
            SEGMENTER,
            output_dir=options.work / "segmenter",
            seed=options.seed,
            device=options.device,
            progress=course,
        )

    generator = load_generator(generator_dir)
    test = load_items(splits["test"])
    synthetic, other = synthesise(generator, test, 1000), synthesise(generator, test, 2000)
    on_real, on_synthetic = score_agreement(segmenter, test), score_agreement(segmenter, synthetic)
    results: dict[str, Any] = {
        "data": f"{options.data.name}: {len(splits['training'])} training images, {len(test)} test images",
        "unet_dice_real_test": on_real["unet_dice"],
        "unet_dice_generated_from_test_masks": on_synthetic["unet_dice"],
        "otsu_dice_real_test": on_real["otsu_dice"],
        "otsu_dice_generated": on_synthetic["otsu_dice"],
        "seed_difference_inside_nuclei": seed_difference(synthetic, other, inside=True),
        "seed_difference_outside_nuclei": seed_difference(synthetic, other, inside=False),
        "generator": json.loads((generator_dir / "configs/metadata.json").read_text())["training"],
        "segmenter": {"overrides": SEGMENTER, "seconds": round(course.seconds, 1)},
        "seed": options.seed,
        "machine": machine(),
    }
    write_json(options.out / "results.json", results)
    rows = [
        [item["label"], item["image"], first["image"], second["image"]]
        for item, first, second in list(zip(test, synthetic, other, strict=True))[::9]
    ]
    write_grid(options.out / "samples.jpg", rows)
    print(json.dumps({key: value for key, value in results.items() if "dice" in key or "difference" in key}, indent=2))


if __name__ == "__main__":
    main()
