"""What does this slice bring with six labelled H&E images? Classic augmentation against classic + generative, by seed.

    python -m benchmarks.histology_few_labels --out benchmarks/results/DATE-MACHINE/histology_few_labels [--seeds 5]

Each seed draws its six labelled images anew from the training split, trains a Pix2Pix on them alone (600 iterations),
and trains a U-Net twice with equal weights, real images, crops and steps (400): with flips and turns only, and with
half of each batch replaced by synthetic pairs on deformed masks. The last step is evaluated on the test split. How the
settings were found: docs/results.md. Each seed is a file of its own: a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from benchmarks._common import DATA, machine, write_json
from monai_genaug import load_generator
from monai_genaug._rng import derive_seed
from monai_genaug.benchmark.segmentation import evaluate_segmenter, train_segmenter
from monai_genaug.benchmark.stats import paired_interval
from monai_genaug.data import load_datalist, load_items
from monai_genaug.pictures import write_grid
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

LABELLED = 6
SHARE = 0.5
GENERATOR: dict[str, Any] = {"image_channels": 3, "epochs": 12}  # overrides of bundles/nuclei_pix2pix
SEGMENTER: dict[str, Any] = {"image_channels": 3, "crop_size": 96, "epochs": 8}  # overrides of bundles/nuclei_unet


def run_seed(seed: int, splits: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> dict[str, Any]:
    """Run both arms of one seed and give their Dice and Jaccard, image by image."""
    chosen = random.Random(derive_seed(seed, "labelled")).sample(splits["training"], LABELLED)
    items, test = load_items(chosen), load_items(splits["test"])
    result: dict[str, Any] = {"seed": seed, "labelled": [item["name"] for item in items], "arms": {}}
    folder = options.work / f"seed{seed}"
    with progress_bars() as bars:
        course = Course(f"seed {seed}: Pix2Pix", bars)
        fixed = {
            "datalist": {"training": chosen, "validation": [], "test": []},
            "output_dir": str(folder / "generator"),
            "seed": seed,
            "device": options.device,
        }
        train_bundle("nuclei_pix2pix", {**GENERATOR, **fixed}, progress=course)
        result["generator_seconds"] = round(course.seconds, 1)
        augment = {"generator": str(folder / "generator"), "genaug_prob": SHARE, "mask_sampler#instances": True}
        for arm, overrides in {"classic": {}, "classic+genaug": augment}.items():
            course = Course(f"seed {seed}: {arm}", bars)
            segmenter = train_segmenter(
                chosen,
                {**SEGMENTER, **overrides},
                output_dir=folder / arm,
                seed=seed,
                device=options.device,
                progress=course,
            )
            scores = evaluate_segmenter(segmenter, test)
            result["arms"][arm] = {
                "dice": scores["dice"].tolist(),
                "jaccard": scores["jaccard"].tolist(),
                "seconds": round(course.seconds, 1),
            }
    if seed == 0:
        generator = load_generator(folder / "generator")
        rows = []
        for item in items[:4]:
            condition = generator.encode(item["label"][None]).repeat(3, 1, 1, 1)
            rows.append([item["label"], item["image"], *generator.sample(condition, seeds=[1, 2, 3])])
        write_grid(options.out / "samples.jpg", rows)
    return result


def main() -> None:
    """Run the seeds that are missing, then write results.json over all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_histology")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/histology_few_labels"), help="where generators go")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    cells = []
    for seed in range(options.seeds):
        path = options.out / f"seed{seed}.json"
        if not path.exists():
            write_json(path, run_seed(seed, splits, options))
        cells.append(json.loads(path.read_text()))
        means = {arm: sum(of["dice"]) / len(of["dice"]) for arm, of in cells[-1]["arms"].items()}
        print(f"seed {seed}: " + ", ".join(f"{arm} {mean:.4f}" for arm, mean in means.items()), flush=True)
    if len(cells) < 2:
        return
    summary: dict[str, Any] = {
        "data": f"{options.data.name}: {LABELLED} labelled images a seed, {len(splits['test'])} test images",
        "share": SHARE,
        "generator": GENERATOR,
        "segmenter": SEGMENTER,
        "machine": machine(),
    }
    for metric in ("dice", "jaccard"):
        arms = {arm: [cell["arms"][arm][metric] for cell in cells] for arm in ("classic", "classic+genaug")}
        pairs = zip(arms["classic+genaug"], arms["classic"], strict=True)
        differences = [[a - b for a, b in zip(one, two, strict=True)] for one, two in pairs]
        summary[metric] = {
            **{arm: [sum(scores) / len(scores) for scores in seeds] for arm, seeds in arms.items()},
            "difference": paired_interval(differences)._asdict(),
        }
    write_json(options.out / "results.json", summary)
    print(json.dumps({metric: summary[metric] for metric in ("dice", "jaccard")}, indent=2))


if __name__ == "__main__":
    main()
