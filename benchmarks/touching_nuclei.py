"""What does the instance encoding bring where nuclei touch? Pix2Pix with it and with the binary encoding.

    python -m benchmarks.touching_nuclei --out benchmarks/results/DATE-MACHINE/touching_nuclei

Two generators are trained alike on the training split of dsb2018_fluorescence, one that is shown the foreground alone
and one that is shown foreground, boundary and distance. From the test masks in which nuclei touch, both make images.

- dip: where two nuclei touch, a real image is darker than in their middle; 1 - mean intensity of the pixels on either
  side of the contact / mean intensity of the touching nuclei's inner half, by image;
- come apart: by a watershed of the image's own intensities, the share of touching nuclei of which one region covers
  half or more, and covers half or more of no other nucleus.

Test images are read after all training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks._common import DATA, machine, summary, synthesise, write_json
from monai_genaug import load_generator
from monai_genaug.data import load_datalist, load_items
from monai_genaug.masks import InstanceEncoding
from monai_genaug.pictures import write_grid
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

GENERATOR: dict[str, Any] = {"epochs": 24, "amp": True}  # overrides of bundles/nuclei_pix2pix, of both
ENCODINGS: dict[str, dict[str, Any]] = {
    "binary": {},
    "instance": {"encoding": "@instance", "condition_channels": 3},
}
Labels = NDArray[np.int64]


def contacts(label: Labels) -> NDArray[np.bool_]:
    """Find the pixels of nuclei that have a face neighbour in another nucleus."""
    found = np.zeros(label.shape, bool)
    for axis in range(label.ndim):
        a, b = (np.moveaxis(label, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        meet = (a != b) & (a > 0) & (b > 0)
        view = np.moveaxis(found, axis, 0)
        view[:-1] |= meet
        view[1:] |= meet
    return found


def dip(image: NDArray[np.float32], label: Labels) -> float:
    """Tell how much darker contacts are than the middle of the nuclei that touch."""
    where = contacts(label)
    touching = np.isin(label, np.unique(label[where]))
    depth = InstanceEncoding()(torch.from_numpy(label)[None, None])[0, 2].numpy()
    return float(1.0 - image[where].mean() / image[touching & (depth > 0.5)].mean())


def come_apart(image: NDArray[np.float32], label: Labels) -> float:
    """Give the share of touching nuclei that a watershed of the image tells from their neighbours."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    smooth = ndimage.gaussian_filter(image, 1.5)
    foreground = label > 0
    peaks = peak_local_max(smooth, min_distance=3, labels=foreground.astype(int))
    markers = np.zeros(label.shape, int)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    regions = watershed(-smooth, markers, mask=foreground)
    values = np.unique(label[contacts(label)])
    overlap = np.zeros((label.max() + 1, regions.max() + 1))
    np.add.at(overlap, (label.ravel(), regions.ravel()), 1)
    size = np.bincount(label.ravel()).astype(float)
    covers = overlap[:, 1:] >= 0.5 * size[:, None]  # nucleus x region
    covers[0] = False
    alone = covers & (covers.sum(axis=0, keepdims=True) == 1)
    return float(np.mean([alone[value].any() for value in values]))


def main() -> None:
    """Train what is missing, measure, write results.json and samples.jpg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_fluorescence")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/touching_nuclei"), help="where trainings go")
    parser.add_argument("--only", choices=list(ENCODINGS), help="train this one alone, and measure nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    fixed = {"dataset_dir": str(options.data), "seed": options.seed, "device": options.device}
    with progress_bars() as bars:
        for name in [options.only] if options.only else ENCODINGS:
            overrides = {**GENERATOR, **ENCODINGS[name], **fixed, "output_dir": str(options.work / name)}
            train_bundle("nuclei_pix2pix", overrides, progress=Course(f"Pix2Pix, {name}", bars))
    if options.only:
        return
    test = [item for item in load_items(splits["test"]) if contacts(item["label"][0].numpy()).any()]
    made = {name: synthesise(load_generator(options.work / name), test, 1000) for name in ENCODINGS}
    results: dict[str, Any] = {
        "data": f"{options.data.name}: {len(splits['training'])} training, {len(test)} test images with contacts",
        "settings": {"generator": GENERATOR, "encodings": ENCODINGS},
        "seed": options.seed,
        "machine": machine(),
    }
    for name, items in {"real": test, **made}.items():
        pairs = [(item["image"].mean(0).numpy(), item["label"][0].numpy()) for item in items]
        results[name] = {
            "dip": summary([dip(*pair) for pair in pairs]),
            "come_apart": summary([come_apart(*pair) for pair in pairs]),
        }
    write_json(options.out / "results.json", results)
    rows = list(zip(test, *made.values(), strict=True))[::6]
    write_grid(options.out / "samples.jpg", [[row[0]["label"], *(item["image"] for item in row)] for row in rows])
    print(json.dumps({name: results[name] for name in ("real", *ENCODINGS)}, indent=1))


if __name__ == "__main__":
    main()
