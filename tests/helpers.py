"""Small labels and generators for tests."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from monai_genaug.generators import ConditionalGenerator, build_generator, save_generator
from monai_genaug.training import Pix2PixSettings

TINY = Pix2PixSettings(
    crop_size=16, levels=2, base_features=4, discriminator_layers=1, epochs=2, iterations_per_epoch=2, batch_size=2
)


def blobs(size: tuple[int, ...], seed: int, values: int = 2) -> Tensor:
    """Draw a label map (1, *size), int64, of boxes with values 1..values; never empty."""
    rng = torch.Generator().manual_seed(seed)
    label = torch.zeros((1, *size), dtype=torch.int64)
    for value in range(1, values + 1):
        window = [0]
        for side in size:
            start = int(torch.randint(0, max(1, side - side // 3), (1,), generator=rng))
            window.append(slice(start, start + max(1, side // 3)))
        label[tuple(window)] = value
    return label


def build(settings: Pix2PixSettings) -> ConditionalGenerator:
    """Build an untrained generator whose weights are large enough for images that vary."""
    generator = build_generator(settings.network_config)
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8.0)
    return generator.eval()


def save_untrained(folder: str | os.PathLike[str], settings: Pix2PixSettings = TINY, seed: int = 0) -> Path:
    """Write a generator folder with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = build(settings)
    return save_generator(folder, settings.network_config, generator.get_submodule("network").state_dict(), {})
