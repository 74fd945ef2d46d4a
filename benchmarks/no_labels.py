"""No labels of the target at all: masks of fluorescence images, unlabelled H&E images, a U-Net that learns from both.

    python -m benchmarks.no_labels --out benchmarks/results/DATE-MACHINE/no_labels

CycleGAN is trained on the unlabelled H&E training images and on masks of InstanceBank, of the fluorescence training
labels; it makes pairs, and a U-Net learns from them alone. Scale and density of the masks (SAMPLER) are set to what one
sees in the unlabelled images: nuclei half as wide again, and more of them. On the H&E test images it is compared with

- source: a U-Net that was trained on the labelled fluorescence images; it gets H&E images in inverted grey, the
  nearest that they come to fluorescence without training;
- labelled: a U-Net that was trained on the labelled H&E training images, as an upper bound.

All U-Nets have equal budgets. Test images are read after all training; each seed is a file of its own.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._common import DATA, machine, write_json
from monai_genaug import load_generator
from monai_genaug._rng import derive_seed
from monai_genaug.benchmark.segmentation import evaluate_segmenter, train_segmenter
from monai_genaug.benchmark.stats import paired_interval
from monai_genaug.data import (
    list_unpaired,
    load_datalist,
    load_items,
    load_labels,
    scale_to_unit,
    write_array,
    write_dataset,
)
from monai_genaug.masks import InstanceBank
from monai_genaug.pictures import write_grid
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

CYCLEGAN: dict[str, Any] = {"epochs": 20, "amp": True}  # overrides of bundles/nuclei_cyclegan
SEGMENTER: dict[str, Any] = {"epochs": 16}  # overrides of bundles/nuclei_unet
SAMPLER: dict[str, Any] = {"scale": (1.2, 1.7), "density": 2.0}  # of InstanceBank
PAIRS = 160
SIZE = 256


def write_pairs(folder: Path, generator_dir: Path, bank: InstanceBank, seed: int) -> list[dict[str, Any]]:
    """Make pairs of new masks and images, as a data set; gives its items."""
    generator = load_generator(generator_dir)
    entries = []
    for number in range(PAIRS):
        own = derive_seed(seed, "pair", number)
        label = bank.set_random_state(seed=own % 2**32)(torch.zeros(1, SIZE, SIZE, dtype=torch.int64))
        image = generator.sample(generator.encode(label[None]), seeds=[own])[0]
        entry = {"image": f"images/{number:03d}.png", "label": f"labels/{number:03d}.png", "group": f"{number:03d}"}
        write_array(folder / entry["image"], (image * 255).round().to(torch.uint8).numpy())
        write_array(folder / entry["label"], label.numpy().astype(np.uint16))
        entries.append(entry)
    write_dataset(
        folder,
        {"training": entries},
        name="synthetic pairs",
        licence="CC0 1.0",
        source="benchmarks.no_labels",
        label="instances",
    )
    return load_datalist(folder, fractions=(1, 0, 0))["training"]


def as_fluorescence(item: dict[str, Any]) -> dict[str, Any]:
    """Show an H&E image in inverted grey, scaled as fluorescence images are."""
    return {**item, "image": scale_to_unit(1.0 - item["image"].mean(dim=0, keepdim=True))}


def run_seed(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train all that a seed needs and give Dice and Jaccard of its arms, image by image."""
    source, target = load_datalist(options.source), load_datalist(options.target)
    folder = options.work / f"seed{seed}"
    labels = [item["label"] for item in load_labels(source["training"])]
    InstanceBank.fit(labels).save(folder / "bank.npz")
    sampler = {"_target_": "monai_genaug.masks.bank.load_bank", "path": str(folder / "bank.npz"), **SAMPLER}
    overrides = {
        "images": list_unpaired(options.target, "image"),
        "masks": [],
        "mask_sampler": {**sampler, "scale": list(SAMPLER["scale"])},
        "image_channels": 3,
        "output_dir": str(folder / "cyclegan"),
        "seed": seed,
        "device": options.device,
        "tensorboard": False,
    }
    segmenters = {}
    with progress_bars() as bars:
        train_bundle("nuclei_cyclegan", {**CYCLEGAN, **overrides}, progress=Course(f"seed {seed}: CycleGAN", bars))
        bank = InstanceBank.load(folder / "bank.npz", **SAMPLER)
        pairs = write_pairs(folder / "pairs", folder / "cyclegan", bank, seed)
        lists = {"no labels": (pairs, 3), "source": (source["training"], 1), "labelled": (target["training"], 3)}
        for arm, (entries, channels) in lists.items():
            segmenters[arm] = train_segmenter(
                entries,
                {**SEGMENTER, "image_channels": channels},
                output_dir=folder / "unet" / arm,
                seed=seed,
                device=options.device,
                progress=Course(f"seed {seed}: U-Net, {arm}", bars),
            )
    test = load_items(target["test"])
    if seed == options.seeds[0]:
        shown = load_items(pairs[:8])
        write_grid(options.out / "pairs.jpg", [[item["label"], item["image"]] for item in shown])
        rows = [
            [item["image"], item["label"], *(net.predict(_seen(arm, item)["image"]) for arm, net in segmenters.items())]
            for item in test[::4]
        ]
        write_grid(options.out / "predictions.jpg", rows)
    result: dict[str, Any] = {"seed": seed, "arms": {}}
    for arm, segmenter in segmenters.items():
        scores = evaluate_segmenter(segmenter, [_seen(arm, item) for item in test])
        result["arms"][arm] = {metric: scores[metric].tolist() for metric in ("dice", "jaccard")}
    return result


def _seen(arm: str, item: dict[str, Any]) -> dict[str, Any]:
    """Give a test image as the network of an arm was trained to see it."""
    return as_fluorescence(item) if arm == "source" else item


def main() -> None:
    """Run the seeds that are missing, then write results.json over all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=DATA / "dsb2018_fluorescence", help="labelled")
    parser.add_argument("--target", type=Path, default=DATA / "dsb2018_histology", help="not labelled")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/no_labels"), help="where networks go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    for seed in options.seeds:
        path = options.out / f"seed{seed}.json"
        if not path.exists():
            write_json(path, run_seed(seed, options))
    cells = [json.loads(path.read_text()) for path in sorted(options.out.glob("seed*.json"))]
    summary: dict[str, Any] = {
        "settings": {"cyclegan": CYCLEGAN, "segmenter": SEGMENTER, "sampler": SAMPLER, "pairs": PAIRS, "size": SIZE},
        "seeds": [cell["seed"] for cell in cells],
        "test_images": len(cells[0]["arms"]["source"]["dice"]),
        "machine": machine(),
    }
    for metric in ("dice", "jaccard"):
        scores = {arm: np.array([cell["arms"][arm][metric] for cell in cells]) for arm in cells[0]["arms"]}
        summary[metric] = {arm: values.mean(axis=1).tolist() for arm, values in scores.items()}
        difference = scores["no labels"] - scores["source"]
        summary[metric]["no labels - source"] = paired_interval(difference)._asdict()
    write_json(options.out / "results.json", summary)
    print(json.dumps({metric: summary[metric] for metric in ("dice", "jaccard")}, indent=1))


if __name__ == "__main__":
    main()
