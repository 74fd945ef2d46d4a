"""What the benchmark scripts share: where results go, and how they are written."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from monai.bundle import ConfigParser

from monai_genaug import ConditionalGenerator
from monai_genaug.generators.folders import METADATA_FILE, find_bundle
from monai_genaug.training.bundle import read_configs

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


def read_bundle(name: str, overrides: Mapping[str, Any]) -> ConfigParser:
    """Read a shipped bundle's configs for training, and change them."""
    parser = read_configs(name)
    parser.read_meta(str(find_bundle(name) / METADATA_FILE))
    for key, value in overrides.items():
        parser[key] = value
    return parser


def seconds(run: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def print_ratio(times: Mapping[str, list[float]], unit: str) -> None:
    """Print the medians of two sides that were timed in turn, and the median of their ratios, pair by pair."""
    for name, values in times.items():
        spread = f"{min(values):.4g} to {max(values):.4g}"
        print(f"{name:11} {statistics.median(values):.4g} s/{unit} (median; {spread})")
    ratios = [a / b for a, b in zip(*times.values(), strict=True)]
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"ratio {' / '.join(times)}: {statistics.median(ratios):.3f} (median; {spread})")


def synthesise(generator: ConditionalGenerator, items: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Make one image from each item's label."""
    made = []
    for number, item in enumerate(items):
        condition = generator.encode(item["label"][None])
        made.append({**item, "image": generator.sample(condition, seeds=[seed + number])[0]})
    return made


def summary(values: list[float]) -> dict[str, float]:
    """Mean with quartiles over images; NaN stands for what an image does not have, and is left out."""
    values = [value for value in values if not np.isnan(value)]
    if not values:
        return {"n": 0}
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {
        "n": len(values),
        "mean": float(np.mean(values)),
        "q25": float(low),
        "median": float(middle),
        "q75": float(high),
    }
