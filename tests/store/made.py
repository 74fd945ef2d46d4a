"""Masks, a generator and stores for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monai_genaug.data import load_datalist, write_array
from monai_genaug.generators import ModuleGenerator
from monai_genaug.masks import BinaryEncoding
from monai_genaug.store import StoreSummary, write_store
from tests.helpers import blobs


def write_masks(folder: Path, count: int = 3, size: tuple[int, ...] = (20, 24), suffix: str = ".png") -> Path:
    """Write masks of two objects each, with values up to 600."""
    for number in range(count):
        write_array(folder / f"m{number}{suffix}", 300 * blobs(size, number).numpy().astype(np.uint16))
    return folder


class Noisy(torch.nn.Module):
    """Foreground with noise in it."""

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        return 0.6 * condition + 0.1 * noise.sigmoid()


def noisy(spatial_dims: int = 2) -> ModuleGenerator:
    """Give a generator without weights."""
    return ModuleGenerator(
        Noisy(),
        spatial_dims=spatial_dims,
        image_channels=1,
        encoding=BinaryEncoding(),
        noise_channels=1,
        output_range=(0, 1),
    )


def store(folder: Path, **settings: Any) -> StoreSummary:
    """Write a store of small batches."""
    return write_store(folder, **{"generator": noisy(), "batch_size": 2, **settings})


def items(folder: Path) -> list[dict[str, Any]]:
    """Give the items of a store."""
    return load_datalist(folder, fractions=(1, 0, 0))["training"]


def contents(folder: Path) -> dict[str, bytes]:
    """Give all files of a store, the lock left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refusing(wanted: Callable[[Tensor, Tensor], list[bool]]) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a gate of a function."""

    def accept(images: Tensor, labels: Tensor) -> Tensor:
        return torch.tensor(wanted(images, labels))

    return accept
