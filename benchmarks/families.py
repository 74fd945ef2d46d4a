"""How do the families compare by quality, diversity and speed? Trained generators, on dsb2018_fluorescence.

    python -m benchmarks.families --out benchmarks/results/DATE-MACHINE/families --work runs/families \\
        --generators pix2pix=bundles/nuclei_pix2pix cyclegan=bundles/nuclei_cyclegan ddpm=runs/ddpm \\
        ddpm_5_steps=runs/ddpm@steps=5

NAME=FOLDER is a trained generator; after an @ stand arguments of the generator in its configs/network.yaml that are to
be others. Nothing is trained but, where --segmenter names none, the U-Net that judges agreement with the masks.

Images and figures of a family are files of their own: a stopped run goes on where it was, and with one more NAME=FOLDER
the figures of the others are not measured again, unless generator, U-Net, test images or their number changed. Speed is
measured anew by each call, of all its families in turn, as are the tables of these.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from benchmarks._agreement import score_agreement, seed_difference
from benchmarks._common import DATA, machine, summary, write_json
from benchmarks._families import SEEDS, Family, Items, describe, make_images, parse_family
from benchmarks._family_report import REFERENCE, tabulate, write_samples
from benchmarks._sampling import measure_memory, summarize_times, time_sampling
from monai_genaug.benchmark.segmentation import train_segmenter
from monai_genaug.data import digest_datalist, load_datalist, load_items, replacing
from monai_genaug.evaluation.agreement import check_segmenter
from monai_genaug.generators.folders import WEIGHTS_FILE
from monai_genaug.metrics import extract_features, kernel_distance, load_extractor, sample_diversity, subsample_interval
from monai_genaug.training.progress import Course, progress_bars
from monai_genaug.training.segmenter import Segmenter, load_segmenter

SEGMENTER: dict[str, Any] = {}  # overrides of bundles/nuclei_unet: none
EXTRACTOR = "random"
FEWEST = 3  # test images for an interval


class Judge(NamedTuple):
    """What families are measured with.

    Args:
        segmenter: trained on real images.
        digest: of its weights.
        extractor: gives features.
        test: real test images.
        features: of the real test images.
        data: digest of the test images.
    """

    segmenter: Segmenter
    digest: str
    extractor: nn.Module
    test: Items
    features: NDArray[np.float64]
    data: str

    def compare(self, items: Items) -> dict[str, Any]:
        """Give the kernel distance of other images to the real test images."""
        others = extract_features([item["image"] for item in items], self.extractor)
        found = subsample_interval(kernel_distance, self.features, others)
        return {"value": found.value, "low": found.low, "high": found.high, "images": [len(self.test), len(items)]}


def make_judge(options: argparse.Namespace, splits: dict[str, list[dict[str, Any]]], test: Items) -> Judge:
    """Load the U-Net, or train it, and look at the test images."""
    folder = options.segmenter or options.work / "segmenter"
    if options.segmenter is None:
        with progress_bars() as bars:
            fixed = {"output_dir": folder, "seed": options.seed, "device": options.device}
            course = Course("U-Net on real images", bars)
            train_segmenter(splits["training"], SEGMENTER, progress=course, **fixed)
    segmenter = load_segmenter(folder, options.device)
    check_segmenter(segmenter, test[0]["image"])
    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    extractor = load_extractor(EXTRACTOR, spatial_dims=2, image_channels=len(test[0]["image"]))
    features = extract_features([item["image"] for item in test], extractor)
    return Judge(segmenter, digest, extractor, test, features, digest_datalist(splits["test"]))


def measure(family: Family, judge: Judge, options: argparse.Namespace) -> tuple[dict[str, Any], list[Items]]:
    """Give a family's figures and images, as far as they are there, and make the others."""
    made_with = [family.digest, judge.data, list(SEEDS), options.device]
    key = hashlib.sha256(json.dumps(made_with).encode()).hexdigest()
    folder = options.work / "images" / f"{family.name}-{key[:16]}"
    with progress_bars() as bars:
        course = Course(f"{family.name}: images", bars)
        made, taken = make_images(family, judge.test, folder, device=options.device, progress=course)
    identity = {"images": key, "masks": len(judge.test), "segmenter": judge.digest, "extractor": EXTRACTOR}
    path = options.out / "families" / f"{family.name}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text())
        if found["identity"] == identity:
            return found, made
    first, second = made
    figures: dict[str, Any] = {
        "identity": identity,
        "agreement": score_agreement(judge.segmenter, first),
        "kid": judge.compare(first),
        "diversity": summary([sample_diversity([a["image"], b["image"]]) for a, b in zip(first, second, strict=True)]),
        "seed_difference": {
            side: seed_difference(first, second, inside=side == "inside") for side in ("inside", "outside")
        },
        **describe(family),
        "memory": measure_memory(family),
        "seconds_of_images": round(taken, 1),
        "machine": machine(),
    }
    write_json(path, figures)
    print(f"{family.name}: measured, Dice of U-Net {figures['agreement']['unet_dice']['mean']:.3f}", flush=True)
    return figures, made


def read_options() -> argparse.Namespace:
    """Read the command line; an error names what is wrong of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    form = "NAME=FOLDER[@KEY=VALUE,...]"
    parser.add_argument("--generators", type=parse_family, nargs="+", required=True, metavar=form)
    parser.add_argument("--segmenter", type=Path, help="output folder of a nuclei_unet; by default one is trained")
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_fluorescence")
    parser.add_argument("--out", type=Path, default=Path("runs/families"), help="where figures, tables and picture go")
    parser.add_argument("--work", type=Path, help="where images and the U-Net go; by default OUT/work")
    parser.add_argument("--masks", type=int, help="take so many test masks, the first, for a trial; by default all")
    parser.add_argument("--rounds", type=int, default=5, help="how often sampling is timed")
    parser.add_argument("--seed", type=int, default=0, help="of the training of the U-Net")
    parser.add_argument("--device", default="cpu", help="where images are made and judged; timed is the CPU alone")
    options = parser.parse_args()
    options.work = options.work or options.out / "work"
    names = [family.name for family in options.generators]
    if len(set(names)) < len(names):
        parser.error(f"--generators has the names {', '.join(names)}, expected each name once.")
    if options.masks is not None and options.masks < FEWEST:
        parser.error(f"--masks is {options.masks}, expected {FEWEST} or more: fewer have no interval.")
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}, expected 1 or more.")
    return options


def check_families(families: list[Family], test: Items) -> None:
    """Raise ValueError for generators of images that are unlike those of the test."""
    if len(test) < FEWEST:
        raise ValueError(f"there are {len(test)} test images, expected {FEWEST} or more: name another data set.")
    channels, dims = len(test[0]["image"]), test[0]["image"].ndim - 1
    for family in families:
        generator = family.load()
        if (generator.image_channels, generator.spatial_dims, 2) != (channels, dims, dims):
            raise ValueError(
                f"{family.name} makes images of {generator.image_channels} channels and {generator.spatial_dims} "
                f"dimensions, the test images have {channels} and {dims}, expected the same, of 2 dimensions: leave it "
                "out, or name its data set with --data."
            )


def main() -> None:
    """Measure what is missing, write results.json, table.md and samples.jpg."""
    start, options = time.perf_counter(), read_options()
    families: list[Family] = options.generators
    splits = load_datalist(options.data)
    test = load_items(splits["test"][: options.masks])
    check_families(families, test)
    judge = make_judge(options, splits, test)
    training = load_items(splits["training"])
    real = {"agreement": score_agreement(judge.segmenter, test), "kid": judge.compare(training)}
    figures, made = {}, {}
    for family in families:
        figures[family.name], made[family.name] = measure(family, judge, options)
    times = time_sampling({family.name: family.load() for family in families}, test, rounds=options.rounds)
    results: dict[str, Any] = {
        "data": f"{options.data.name}: {len(training)} training images, {len(test)} test images",
        "sizes": {"training": len(training), "test": len(test)},
        "real": real,
        "families": figures,
        "speed": summarize_times(times, REFERENCE),
        "seeds": list(SEEDS),
        "segmenter": {"overrides": SEGMENTER, "given": options.segmenter is not None, "weights": judge.digest},
        "machine": machine(),
        "seconds": round(time.perf_counter() - start, 1),
    }
    write_json(options.out / "results.json", results)
    tables = "\n".join(table.to_markdown() for table in tabulate(results))
    with replacing(options.out / "table.md") as hidden:
        hidden.write_text(tables)
    write_samples(options.out / "samples.jpg", test, made)
    print(tables)


if __name__ == "__main__":
    main()
