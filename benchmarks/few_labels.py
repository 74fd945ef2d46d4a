"""What does each way to make more training data bring with six labelled images? A U-Net by arm and seed.

    python -m benchmarks.few_labels --data DATA/dsb2018_histology --out benchmarks/results/DATE-MACHINE/few_labels

Each seed draws six labelled images from the training split; the others of that split count as unlabelled. Every arm
trains a U-Net with equal weights, real images, crops, flips and steps; in all but `classic` a share of the crops is
replaced:

- copy-paste: objects of the six images are pasted into the crop, with their real pixels (the control);
- pix2pix: trained on the six images; new masks by InstanceBank, of the six labels;
- pix2pix+unlabelled: likewise, and with unlabelled images: a second discriminator, and their styles;
- pix2pix editing: the generator of `pix2pix` writes nuclei into the real crop, whose background stays;
- pix2pix backgrounds: likewise, in place of the nuclei that the U-Net of `classic` found in unlabelled images;
- cyclegan: trained on the unlabelled images and on masks of ProceduralNuclei, fitted to the six labels.

The last step is evaluated on the test split; nothing is chosen by it. Each (arm, seed) is a file of its own: a stopped
run goes on where it was, and more seeds can be added.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._common import DATA, machine, write_json
from monai_genaug import load_generator, save_generator
from monai_genaug._rng import derive_seed
from monai_genaug.benchmark.segmentation import Segmenter, evaluate_segmenter, train_segmenter
from monai_genaug.benchmark.stats import paired_interval
from monai_genaug.data import load_datalist, load_images, load_items
from monai_genaug.generators import BackgroundGenerator, EditingGenerator
from monai_genaug.masks import InstanceBank, MaskSampler, ProceduralNuclei
from monai_genaug.networks import BackgroundBank
from monai_genaug.pictures import write_grid
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

LABELLED = 6
SHARE = 0.3  # of the crops that are replaced
PIX2PIX: dict[str, Any] = {"epochs": 12, "amp": True}  # overrides of bundles/nuclei_pix2pix
CYCLEGAN: dict[str, Any] = {"epochs": 12, "amp": True}  # overrides of bundles/nuclei_cyclegan
SEGMENTER: dict[str, Any] = {"crop_size": 96, "epochs": 16, "amp": False}  # overrides of bundles/nuclei_unet
STYLES = 64

Entries = list[dict[str, Any]]


class Cell:
    """One seed: its images, its folder, and what its arms are trained with."""

    def __init__(self, seed: int, training: Entries, options: argparse.Namespace) -> None:
        self.seed, self.options = seed, options
        self.labelled = random.Random(derive_seed(seed, "labelled")).sample(training, LABELLED)
        kept = {entry["image"] for entry in self.labelled}
        self.unlabelled = [{"image": entry["image"]} for entry in training if entry["image"] not in kept]
        self.items = load_items(self.labelled)
        self.channels = int(self.items[0]["image"].shape[0])
        self.folder = options.work / options.data.name / f"seed{seed}"

    def segmenter(self, arm: str, overrides: dict[str, Any]) -> tuple[Segmenter, float]:
        """Train a U-Net, if it is not trained yet; gives the seconds that it took too."""
        with progress_bars() as bars:
            course = Course(f"seed {self.seed}: U-Net, {arm}", bars)
            segmenter = train_segmenter(
                self.labelled,
                {**SEGMENTER, "image_channels": self.channels, **overrides},
                output_dir=self.folder / "unet" / arm,
                seed=self.seed,
                device=self.options.device,
                progress=course,
            )
        return segmenter, course.seconds

    def segment(self, arm: str, overrides: dict[str, Any], test: Entries) -> dict[str, Any]:
        """Train a U-Net and score it on the test images."""
        segmenter, seconds = self.segmenter(arm, overrides)
        scores = evaluate_segmenter(segmenter, test)
        return {
            "seed": self.seed,
            "arm": arm,
            "labelled": [item["name"] for item in self.items],
            "dice": scores["dice"].tolist(),
            "jaccard": scores["jaccard"].tolist(),
            "unet_seconds": round(seconds, 1),
        }

    def generator(self, name: str, bundle: str, overrides: dict[str, Any]) -> Path:
        """Train a generator, if it is not trained yet."""
        folder = self.folder / name
        fixed = {"output_dir": str(folder), "seed": self.seed, "device": self.options.device, "tensorboard": False}
        with progress_bars() as bars:
            course = Course(f"seed {self.seed}: {name}", bars)
            train_bundle(bundle, {**overrides, "image_channels": self.channels, **fixed}, progress=course)
        return folder

    def bank(self, *, pixels: bool = False) -> dict[str, Any]:
        """Fit a bank to the six labels; gives its config."""
        path = self.folder / "bank.npz"
        labels, images = ([item[key] for item in self.items] for key in ("label", "image"))
        InstanceBank.fit(labels, images, paste_images=True).save(path)
        return {"bank": str(path)} if pixels else {"_target_": "monai_genaug.masks.bank.load_bank", "path": str(path)}

    def procedural(self) -> dict[str, Any]:
        """Fit procedural nuclei to the six labels; gives their config."""
        path = self.folder / "procedural.json"
        ProceduralNuclei.fit([item["label"] for item in self.items]).save(path)
        return {"_target_": "monai_genaug.masks.procedural.load_procedural", "path": str(path)}

    def pairs(self) -> dict[str, Any]:
        """Give the data list of the six."""
        return {"datalist": {"training": self.labelled, "validation": [], "test": []}}


def classic(cell: Cell) -> dict[str, Any]:
    """Flips and turns alone."""
    return {}


def copy_paste(cell: Cell) -> dict[str, Any]:
    """Real objects of the six images."""
    paste = {"_target_": "monai_genaug.transforms.paste.CopyPasted", "keys": "image", "label_key": "label"}
    return {"train#generative_transforms": [{**paste, **cell.bank(pixels=True), "prob": SHARE}]}


def pix2pix(cell: Cell) -> dict[str, Any]:
    """Pix2Pix, trained on the six images."""
    folder = cell.generator("pix2pix", "nuclei_pix2pix", {**PIX2PIX, **cell.pairs()})
    return {"generator": str(folder), "genaug_prob": SHARE, "mask_sampler": cell.bank()}


def pix2pix_unlabelled(cell: Cell) -> dict[str, Any]:
    """Pix2Pix that learns from unlabelled images too."""
    more = {"unlabelled": cell.unlabelled, "mask_sampler": cell.bank(), "network_def#style_bank": STYLES}
    folder = cell.generator("pix2pix_unlabelled", "nuclei_pix2pix", {**PIX2PIX, **cell.pairs(), **more})
    return {"generator": str(folder), "genaug_prob": SHARE, "mask_sampler": cell.bank()}


def pix2pix_editing(cell: Cell) -> dict[str, Any]:
    """Nuclei of Pix2Pix in real backgrounds."""
    plain = pix2pix(cell)
    folder = save_generator(cell.folder / "pix2pix_editing", EditingGenerator(load_generator(plain["generator"])))
    return {**plain, "generator": str(folder)}


def pix2pix_backgrounds(cell: Cell) -> dict[str, Any]:
    """Nuclei of Pix2Pix in backgrounds of unlabelled images."""
    plain = pix2pix(cell)
    finder, _ = cell.segmenter("classic", {})
    images = [item["image"] for item in load_images(cell.unlabelled)]
    bank = BackgroundBank.fit(images, [finder.predict(image) for image in images])
    editor = EditingGenerator(load_generator(plain["generator"]))
    folder = save_generator(cell.folder / "pix2pix_backgrounds", BackgroundGenerator(editor, bank))
    return {**plain, "generator": str(folder)}


def cyclegan(cell: Cell) -> dict[str, Any]:
    """CycleGAN of unlabelled images and masks that were never drawn."""
    lists = {"images": cell.unlabelled, "masks": [{"label": entry["label"]} for entry in cell.labelled]}
    folder = cell.generator(
        "cyclegan", "nuclei_cyclegan", {**CYCLEGAN, **lists, "mask_sampler": cell.procedural(), "masks_dir": None}
    )
    return {"generator": str(folder), "genaug_prob": SHARE, "mask_sampler": cell.procedural()}


ARMS: dict[str, Callable[[Cell], dict[str, Any]]] = {
    "classic": classic,
    "copy-paste": copy_paste,
    "pix2pix": pix2pix,
    "pix2pix+unlabelled": pix2pix_unlabelled,
    "pix2pix editing": pix2pix_editing,
    "pix2pix backgrounds": pix2pix_backgrounds,
    "cyclegan": cyclegan,
}


def draw_samples(path: Path, cell: Cell, overrides: dict[str, Any]) -> None:
    """Write a picture of what a generator makes of four of the six labels, or of new masks."""
    from monai.bundle import ConfigParser

    generator = load_generator(overrides["generator"])
    sampler: MaskSampler = ConfigParser({"sampler": overrides["mask_sampler"]}).get_parsed_content("sampler")
    rows = []
    for number, item in enumerate(cell.items[:4]):
        label = sampler.set_random_state(seed=number)(item["label"])
        condition = generator.encode(label[None], None).repeat(3, 1, 1, 1)
        rows.append([item["image"], label, *generator.sample(condition, seeds=[1, 2, 3])])
    write_grid(path, rows)


def summarize(folder: Path, options: argparse.Namespace, tests: int) -> dict[str, Any]:
    """Join all cells that are there: scores by arm and seed, and the difference to `classic` over seeds."""
    cells = [json.loads(path.read_text()) for path in sorted(folder.glob("*_seed*.json"))]
    summary: dict[str, Any] = {
        "data": f"{options.data.name}: {LABELLED} labelled images a seed, {tests} test images",
        "share": SHARE,
        "settings": {"pix2pix": PIX2PIX, "cyclegan": CYCLEGAN, "segmenter": SEGMENTER, "styles": STYLES},
        "machine": machine(),
    }
    for metric in ("dice", "jaccard"):
        by_arm = {arm: {cell["seed"]: cell[metric] for cell in cells if cell["arm"] == arm} for arm in ARMS}
        summary[metric] = {
            arm: {
                "mean_by_seed": {str(seed): sum(scores) / len(scores) for seed, scores in seeds.items()},
                "difference": _difference(seeds, by_arm["classic"]),
            }
            for arm, seeds in by_arm.items()
            if seeds
        }
    return summary


def _difference(arm: dict[int, list[float]], classic: dict[int, list[float]]) -> dict[str, Any] | None:
    """Give the paired difference over the seeds that both arms have; None below two seeds."""
    seeds = sorted(arm.keys() & classic.keys())
    if len(seeds) < 2:
        return None
    differences = [[a - b for a, b in zip(arm[seed], classic[seed], strict=True)] for seed in seeds]
    return paired_interval(differences)._asdict()


def main() -> None:
    """Run what is missing, then write results.json over all there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_histology")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/few_labels"), help="where networks go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    test = load_items(splits["test"])
    for seed in options.seeds:
        cell = Cell(seed, splits["training"], options)
        for arm in options.arms:
            path = options.out / f"{arm.replace(' ', '_')}_seed{seed}.json"
            if path.exists():
                continue
            overrides = ARMS[arm](cell)
            write_json(path, cell.segment(arm, overrides, test))
            if seed == options.seeds[0] and "generator" in overrides:
                draw_samples(options.out / f"{arm.replace(' ', '_')}.jpg", cell, overrides)
            scores = json.loads(path.read_text())["dice"]
            print(f"seed {seed}, {arm}: Dice {sum(scores) / len(scores):.4f}", flush=True)
    summary = summarize(options.out, options, len(test))
    write_json(options.out / "results.json", summary)
    for arm, result in summary["dice"].items():
        print(arm, json.dumps(result["difference"]))


if __name__ == "__main__":
    main()
