"""What the benchmark scripts share: where results go, and how they are written."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from PIL import Image
from torch import Tensor

DATA = Path(os.environ.get("GENAUG_DATA", Path(__file__).parents[2] / "shared" / "data"))


def machine() -> dict[str, str]:
    """Name the machine and the versions that results were made with."""
    return {
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "monai": monai.__version__,
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a result aside and rename it, so that a stopped run leaves whole files only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(content, indent=2) + "\n")
    aside.replace(path)


def write_rows(path: Path, rows: list[list[Tensor]], gap: int = 4) -> None:
    """Write a picture of rows of images, each (1 or 3, H, W) in [0, 1]; one size a row."""
    height = [max(image.shape[1] for image in row) for row in rows]
    width = max(sum(image.shape[2] + gap for image in row) for row in rows) - gap
    canvas = np.full((sum(height) + gap * (len(rows) - 1), width, 3), 255, dtype=np.uint8)
    top = 0
    for row, tall in zip(rows, height, strict=True):
        left = 0
        for image in row:
            pixels = (255 * image.clamp(0, 1)).round().byte().expand(3, -1, -1).permute(1, 2, 0).numpy()
            canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
            left += pixels.shape[1] + gap
        top += tall + gap
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(canvas).save(path, quality=88)
