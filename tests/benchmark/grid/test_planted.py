"""Grids of augmentations whose effect is known beforehand: what is found is what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monai_genaug.benchmark.grid import run as grid
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training.progress import progress_bars

SEGMENTER = {
    "features": [8, 16, 16],
    "crop_size": 32,
    "batch_size": 4,
    "epochs": 3,
    "iterations_per_epoch": 20,
    "learning_rate": 0.01,
}
PERFECT, NOISE = 0.875, 0.9  # shares, by which the two are told apart


def plant(kitchen: Kitchen, cell: Cell) -> dict[str, Any]:
    """Put true pairs of the other labelled images, or noise, in the place of what copy-paste does."""
    if cell.arm == "classic":
        return {"classic": True}
    kept = {entry["image"] for entry in kitchen.block.labelled}
    others = [entry for entry in kitchen.block.dataset.training if entry["image"] not in kept]
    kinds = {
        PERFECT: {"_target_": "tests.benchmark.grid.planted.OtherCases", "entries": others},
        NOISE: {"_target_": "tests.benchmark.grid.planted.Noise"},
    }
    return {
        "classic": True,
        "train#generative_transforms": [{**kinds[cell.share], "keys": "image", "prob": cell.share}],
    }


@pytest.fixture(scope="module")
def dice(tmp_path_factory) -> dict[tuple[str, int, float], float]:
    """Mean Dice by arm, number of labelled images and share."""
    root: Path = tmp_path_factory.mktemp("planted")
    write_nuclei_dataset(root / "data", counts={"training": 8, "validation": 0, "test": 6}, spatial_size=(48, 48))
    content = {
        "datasets": {"phantoms": "data"},
        "segmenters": {"unet": SEGMENTER},
        "seeds": [0, 1],
        "cells": [
            {"datasets": ["phantoms"], "labelled": [1, 8], "arms": ["classic"]},
            {"datasets": ["phantoms"], "labelled": [1], "arms": ["copy_paste"], "shares": [PERFECT, NOISE]},
        ],
        "settings": {"short": {}},
    }
    with pytest.MonkeyPatch.context() as patch, progress_bars(show=False) as bars:
        patch.setattr(Kitchen, "augmentation", plant)
        done = grid.run_grid(content, bars, data_dir=root, output_dir=root / "out", device="cpu")
    assert done.failures == []
    found = {}
    import pandas as pd

    for row in pd.read_csv(done.folder / "gains.csv").itertuples():
        found[row.arm, row.labelled_images, row.share] = row.dice
    return found


def test_true_pairs_of_other_cases_gain_as_their_labels_do(dice):
    by_labels = dice["classic", 8, 0.0] - dice["classic", 1, 0.0]
    by_pairs = dice["copy_paste", 1, PERFECT] - dice["classic", 1, 0.0]
    assert by_labels > 0.03
    assert by_pairs == pytest.approx(by_labels, abs=0.08)


def test_noise_does_harm(dice):
    assert dice["copy_paste", 1, NOISE] < dice["classic", 1, 0.0] - 0.05
