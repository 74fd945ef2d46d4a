"""Time what GenerativeAugmentd adds to a chain beside network, encoding and sampler, and what importing costs.

    python benchmarks/speed_transform.py

Targets: under 1 ms for a 256x256 sample; importing monai_genaug.transforms under 1.3 times importing monai.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import RandGaussianNoised
from torch import Tensor

from monai_genaug import ConditionalGenerator, GenerativeAugmentd
from monai_genaug.masks import BinaryEncoding


class Ready(ConditionalGenerator):
    """Has its condition and its image ready, so that only what is around them is timed."""

    def __init__(self) -> None:
        super().__init__(spatial_dims=2, image_channels=1, encoding=BinaryEncoding())
        self.ready = torch.rand(1, 1, 256, 256)

    def encode(self, label: Tensor, image: Tensor | None = None) -> Tensor:
        """Give the ready condition."""
        return self.ready

    def sample(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Give the ready image."""
        return self.ready

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Give the ready image."""
        return self.ready


def milliseconds(transform: Callable[[Any], Any], sample: Any, repeats: int = 300) -> float:
    """Give the median time of one sample."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        transform(sample)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[repeats // 10 :])


def import_seconds(module: str) -> float:
    """Time the import in a process of its own."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the times."""
    sample = {
        "image": MetaTensor(torch.rand(1, 256, 256)),
        "label": MetaTensor((torch.rand(1, 256, 256) > 0.5).float()),
    }
    print(f"one sample of 256x256, {torch.get_num_threads()} threads, median of 270 calls")
    for prob, name in ((1.0, "applied"), (0.0, "not applied")):
        augment = GenerativeAugmentd(generator=Ready(), prob=prob)
        print(f"GenerativeAugmentd, {name}: {milliseconds(augment, sample):.3f} ms")
    noise = RandGaussianNoised("image", prob=1.0)
    print(f"for comparison, MONAI's RandGaussianNoised: {milliseconds(noise, sample):.3f} ms")

    ratios = [import_seconds("monai_genaug.transforms") / import_seconds("monai") for _ in range(6)][1:]
    print(f"import monai_genaug.transforms / import monai: {statistics.median(ratios):.3f} (median of 5 pairs)")


if __name__ == "__main__":
    main()
