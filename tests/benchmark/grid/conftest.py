"""A small data set, and plans with trainings of some milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monai_genaug.phantoms import write_nuclei_dataset
from tests.helpers import TINY, TINY_BUNDLES, TINY_CYCLE

UNET = {"features": [4, 8], "crop_size": 16, "batch_size": 2, "epochs": 1, "iterations_per_epoch": 2}
PIX2PIX = {key: value for key, value in TINY.items() if key not in ("device", "tensorboard")}
CYCLEGAN = {key: value for key, value in TINY_CYCLE.items() if key not in ("device", "tensorboard")}
GENERATORS: dict[str, Any] = {
    "pix2pix": {"bundle": "nuclei_pix2pix", "settings": PIX2PIX},
    "unlabelled": {
        "bundle": "nuclei_pix2pix",
        "unlabelled": True,
        "settings": {**PIX2PIX, "network_def#style_bank": 2},
    },
    "edits": {"bundle": "nuclei_pix2pix", "writes": "edits", "settings": PIX2PIX},
    "backgrounds": {"bundle": "nuclei_pix2pix", "writes": "backgrounds", "settings": PIX2PIX},
    "cyclegan": {"bundle": "nuclei_cyclegan", "unlabelled": True, "masks": "procedural", "settings": CYCLEGAN},
}
FAMILIES = [name for name in TINY_BUNDLES if name != "nuclei_pix2pix"]


def as_family(bundle: str) -> dict[str, Any]:
    """Describe a generator of a bundle, trained in milliseconds."""
    settings = {key: value for key, value in TINY_BUNDLES[bundle].items() if key not in ("device", "tensorboard")}
    return {"bundle": bundle, "settings": settings, "masks": "deformation"}


def content(*cells: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the file of a plan holds."""
    cells = cells or ({"labelled": [2], "arms": ["classic", "classic+genaug"], "generators": ["pix2pix"]},)
    return {
        "kind": "augmentation",
        "datasets": {"phantoms": "data"},
        "segmenters": {"unet": UNET},
        "generators": GENERATORS,
        "seeds": [0],
        "cells": [{"datasets": ["phantoms"], **entry} for entry in cells],
        "settings": {"short": {}},
        **changes,
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folder of the data set `phantoms`, with 6 images for training and 3 for test."""
    write_nuclei_dataset(
        tmp_path / "root/data", counts={"training": 6, "validation": 0, "test": 3}, spatial_size=(32, 32)
    )
    return tmp_path / "root"
