"""Time bundles/nuclei_pix2pix, whole, against its bare engine over ready batches; print the ratio.

    python -m benchmarks.speed_bundle [--rounds 5] [--epochs 6]

The bundle crops, logs, and writes TensorBoard files, generator and checkpoint in each epoch of 50 iterations, and a
picture in every sixth; the bare engine has the same networks, losses and batch size, and nothing else. Reading and
caching the images, which happens once, is left out. Both run in turn, round by round, in one process. Target: at most
1.05.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks._common import print_ratio, read_bundle, seconds
from monai_genaug.data import load_datalist
from monai_genaug.phantoms import write_nuclei_dataset

BUNDLE = "nuclei_pix2pix"
OVERRIDES: dict[str, Any] = {"device": "cpu"}


def prepare_bundle(data: Path, out: Path, epochs: int) -> Callable[[], None]:
    """Read the images and build all; gives what trains."""
    datalist = load_datalist(data, fractions=(1, 0, 0))
    parser = read_bundle(BUNDLE, {**OVERRIDES, "datalist": datalist, "output_dir": str(out), "epochs": epochs})
    trainer, checkpoint = (parser.get_parsed_content(name) for name in ("train#trainer", "checkpoint"))
    return lambda: checkpoint.run(trainer)


def prepare_engine(data: Path, epochs: int) -> Callable[[], None]:
    """Draw the batches of one epoch and build the engine over them."""
    datalist = load_datalist(data, fractions=(1, 0, 0))
    batches = list(read_bundle(BUNDLE, {**OVERRIDES, "datalist": datalist}).get_parsed_content("train#dataloader"))
    parser = read_bundle(BUNDLE, {**OVERRIDES, "train#dataloader": batches, "train#handlers": [], "epochs": epochs})
    trainer: Any = parser.get_parsed_content("train#trainer")
    run: Callable[[], None] = trainer.run
    return run


def main() -> None:
    """Print seconds an epoch of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()

    times: dict[str, list[float]] = {"bundle": [], "bare engine": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = write_nuclei_dataset(folder / "data", counts={"training": 24}, spatial_size=(256, 256)).parent
        for number in range(options.rounds):
            sides = {
                "bundle": prepare_bundle(data, folder / f"out{number}", options.epochs),
                "bare engine": prepare_engine(data, options.epochs),
            }
            for side in list(sides)[:: 1 if number % 2 else -1]:  # each goes first as often
                times[side].append(seconds(sides[side]) / options.epochs)
    print(f"Pix2Pix, {torch.get_num_threads()} threads, {options.rounds} rounds of {options.epochs} epochs")
    print_ratio(times, "epoch")


if __name__ == "__main__":
    main()
