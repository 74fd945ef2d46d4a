"""What does a cycle do wrong, and do its mends help? CycleGAN of unlabelled images and masks that were never drawn.

    python -m benchmarks.cycle_faults --out benchmarks/results/DATE-MACHINE/cycle_faults

Six labels of the training split are all that is known of masks: ProceduralNuclei is fitted to them, and draws every
mask of the training. Images are those of the rest of that split, without labels. Two CycleGANs are trained alike:
`plain` has the losses of Zhu et al. 2017, and mode seeking inside nuclei so that seeds differ; `mended` has noise in
the cycle and the mask-consistency loss too. A U-Net that was trained on all real pairs of the training split then
judges, on images made from the masks of the test split:

- agreement: its Dice with the mask, beside its Dice on the real test images;
- shape shift: how far its outlines lie outside (+) or inside (-) of the mask's, pixels, beside the same on real images;
- made-up objects: share of what it finds that lies more than 3 pixels off the mask;
- hidden information: share of the error of image -> mask -> image that appears when the mask is rounded (real images);
- read-back: Dice of F(G(y)) with y, and with noise of 0.1 of the range added to G(y): what the noise takes was faint.

Test images are read after all training. A training that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from torch import Tensor

from benchmarks._common import DATA, machine, summary, synthesise, write_json
from monai_genaug import load_generator
from monai_genaug._rng import derive_seed, seeded_randn
from monai_genaug.benchmark.segmentation import Segmenter, train_segmenter
from monai_genaug.data import load_datalist, load_items
from monai_genaug.generators import CycleGANGenerator
from monai_genaug.masks import ProceduralNuclei
from monai_genaug.metrics import boundary_shift, hidden_information
from monai_genaug.pictures import write_grid
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

LABELLED = 6
CYCLEGAN: dict[str, Any] = {"amp": True}  # overrides of bundles/nuclei_cyclegan, of both
VARIANTS: dict[str, dict[str, Any]] = {"plain": {"lambda_mask": 0.0, "cycle_noise": 0.0}, "mended": {}}
SEGMENTER: dict[str, Any] = {}  # overrides of bundles/nuclei_unet: none
NOISE = 0.1
FAR = 3  # pixels


def train(variant: str, splits: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> CycleGANGenerator:
    """Train one CycleGAN."""
    labelled = random.Random(derive_seed(options.seed, "labelled")).sample(splits["training"], LABELLED)
    known = {entry["image"] for entry in labelled}
    folder = options.work / variant
    masks = folder / "masks.json"
    ProceduralNuclei.fit([item["label"] for item in load_items(labelled)]).save(masks)
    overrides = {
        "images": [{"image": entry["image"]} for entry in splits["training"] if entry["image"] not in known],
        "masks": [],
        "mask_sampler": {"_target_": "monai_genaug.masks.procedural.load_procedural", "path": str(masks)},
        "output_dir": str(folder),
        "seed": options.seed,
        "device": options.device,
    }
    with progress_bars() as bars:
        train_bundle("nuclei_cyclegan", {**CYCLEGAN, **VARIANTS[variant], **overrides}, progress=Course(variant, bars))
    generator = load_generator(folder)
    assert isinstance(generator, CycleGANGenerator)
    return generator


def judge(segmenter: Segmenter, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Say where a U-Net finds nuclei, compared with the masks of the same items."""
    rows = []
    for item in items:
        found, wanted = segmenter.predict(item["image"])[0].numpy(), item["label"][0].numpy() > 0
        shift = boundary_shift(found, wanted)
        near = ndimage.binary_dilation(wanted, iterations=FAR)
        rows.append(
            {
                "dice": _dice(found, wanted),
                "boundary_shift_pixels": shift.signed,
                "boundary_distance_pixels": shift.absolute,
                "made_up_share": float((found & ~near).sum() / max(1, found.sum())),
            }
        )
    return {key: summary([row[key] for row in rows]) for key in rows[0]}


def _dice(found: np.ndarray, wanted: np.ndarray) -> float:
    total = found.sum() + wanted.sum()
    return float(2 * (found & wanted).sum() / total) if total else 1.0


def look_into_cycle(
    generator: CycleGANGenerator, test: list[dict[str, Any]], made: list[dict[str, Any]]
) -> dict[str, Any]:
    """Measure what is hidden in the masks that are read off images, and in the images that are made of masks."""
    hidden: list[float] = []
    read: list[float] = []
    read_in_noise: list[float] = []
    for number, (real, synthetic) in enumerate(zip(test, made, strict=True)):
        image = real["image"][None]

        def to_image(condition: Tensor, number: int = number) -> Tensor:
            return generator.sample(condition, seeds=[number])

        hidden.append(hidden_information(to_image, generator.estimate_condition(image), image).item())
        wanted = synthetic["label"][0].numpy() > 0
        noise = NOISE * seeded_randn(synthetic["image"].shape, [number])
        for values, shown in ((read, synthetic["image"][None]), (read_in_noise, synthetic["image"][None] + noise)):
            found = generator.estimate_condition(shown.clamp(0, 1))[0, 0].numpy() > 0.5
            values.append(_dice(found, wanted))
    return {
        "hidden_information": summary(hidden),
        "read_back_dice": summary(read),
        "read_back_dice_in_noise": summary(read_in_noise),
    }


def main() -> None:
    """Train what is missing, measure, write results.json and samples.jpg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_fluorescence")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/cycle_faults"), help="where trainings go")
    parser.add_argument("--only", choices=list(VARIANTS), help="train this one alone, and measure nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    if options.only:
        train(options.only, splits, options)
        return
    generators = {variant: train(variant, splits, options) for variant in VARIANTS}
    with progress_bars() as bars:
        segmenter = train_segmenter(
            splits["training"],
            SEGMENTER,
            output_dir=options.work / "segmenter",
            seed=options.seed,
            device=options.device,
            progress=Course("U-Net on real images", bars),
        )
    test = load_items(splits["test"])
    made = {variant: synthesise(generator, test, 1000) for variant, generator in generators.items()}
    results: dict[str, Any] = {
        "data": f"{options.data.name}: {LABELLED} labels, {len(splits['training']) - LABELLED} unlabelled images, "
        f"{len(test)} test images; the judging U-Net: {len(splits['training'])} real pairs",
        "real": judge(segmenter, test),
        **{
            variant: judge(segmenter, items) | look_into_cycle(generators[variant], test, items)
            for variant, items in made.items()
        },
        "settings": {"cyclegan": CYCLEGAN, "variants": VARIANTS, "segmenter": SEGMENTER, "noise": NOISE, "far": FAR},
        "seed": options.seed,
        "machine": machine(),
    }
    write_json(options.out / "results.json", results)
    rows = list(zip(test, *made.values(), strict=True))[::9]
    write_grid(options.out / "samples.jpg", [[row[0]["label"], *(item["image"] for item in row)] for row in rows])
    for name in ("real", *VARIANTS):
        print(name, {key: round(value.get("mean", float("nan")), 3) for key, value in results[name].items()})


if __name__ == "__main__":
    main()
