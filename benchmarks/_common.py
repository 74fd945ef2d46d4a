"""What the benchmark scripts share: where results go, and how they are written."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import monai
import torch

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
