"""Small labels, data sets and generators for tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from monai_genaug.data import write_array
from monai_genaug.generators import Pix2PixGenerator, save_generator
from monai_genaug.masks import BinaryEncoding, OneHotEncoding
from monai_genaug.networks import Pix2PixUNet
from monai_genaug.training import train_bundle

TINY: dict[str, Any] = {  # a training of nuclei_pix2pix in under a second
    "epochs": 2,
    "iterations_per_epoch": 2,
    "batch_size": 2,
    "crop_size": 16,
    "network_def#levels": 2,
    "network_def#base_features": 4,
    "discriminator_features": 4,
    "discriminator_layers": 1,
    "tensorboard": False,
    "device": "cpu",
}
TINY_CYCLE: dict[str, Any] = {  # and of nuclei_cyclegan
    **{key: value for key, value in TINY.items() if "#" not in key},
    "blocks": 1,
    "base_features": 4,
    "batch_size": 2,
}
TINY_DENOISING: dict[str, Any] = {  # and of nuclei_ddpm and nuclei_rflow
    **{key: value for key, value in TINY.items() if "#" not in key and "discriminator" not in key},
    "network_def#channels": [4, 8],
    "network_def#norm_groups": 2,
    "generator#steps": 2,
}
TINY_LATENT: dict[str, Any] = {  # and of nuclei_ldm
    **TINY_DENOISING,
    "network_def#autoencoder#channels": [4, 8],
    "network_def#autoencoder#norm_groups": 2,
    "autoencoder_epochs": 2,
}
TINY_VAE: dict[str, Any] = {**TINY, "network_def#norm_groups": 2}  # and of nuclei_vaegan
TINY_CVAE: dict[str, Any] = {key: value for key, value in TINY_VAE.items() if "discriminator" not in key}

TINY_BUNDLES: dict[str, dict[str, Any]] = {  # of every bundle of a generator
    "nuclei_pix2pix": TINY,
    "nuclei_cyclegan": TINY_CYCLE,
    "nuclei_spade": TINY,
    "nuclei_cvae": TINY_CVAE,
    "nuclei_vaegan": TINY_VAE,
    "nuclei_ddpm": TINY_DENOISING,
    "nuclei_rflow": TINY_DENOISING,
    "nuclei_ldm": TINY_LATENT,
}


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


def build(
    *, spatial_dims: int = 2, image_channels: int = 1, num_classes: int | None = None, **network: Any
) -> Pix2PixGenerator:
    """Build an untrained Pix2Pix generator whose weights are large enough for images that vary."""
    encoding = OneHotEncoding(num_classes) if num_classes else BinaryEncoding()
    settings = {"levels": 2, "base_features": 4, **network}
    generator = Pix2PixGenerator(Pix2PixUNet(spatial_dims, encoding.channels, image_channels, **settings), encoding)
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8.0)
    return generator.eval()


def save_untrained(folder: str | os.PathLike[str], *, seed: int = 0, **kwargs: Any) -> Path:
    """Write a generator folder with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = build(**kwargs)
    return save_generator(folder, generator)


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a generator's folder says of its network."""
    path = folder / "configs/network.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def write_pairs(
    folder: Path, count: int = 3, size: tuple[int, ...] = (20, 24), *, channels: int = 1, values: int = 2
) -> Path:
    """Write images/ and labels/: boxes brighter than their ground, 8 bit; PNG of planes, NIfTI of volumes."""
    suffix = ".png" if len(size) == 2 else ".nii.gz"
    for number in range(count):
        label = blobs(size, number, values).numpy().astype(np.uint8)
        noise = np.random.default_rng(number).integers(0, 20, (channels, *size))
        image = (50 + 150 * (label > 0) + noise).astype(np.uint8)
        write_array(folder / f"images/{number}{suffix}", image)
        write_array(folder / f"labels/{number}{suffix}", label)
    return folder


def train(data: Path, out: Path, **overrides: Any) -> Path:
    """Train a tiny nuclei_pix2pix on all pairs of a folder that `write_pairs` wrote."""
    from monai_genaug.data import load_datalist

    progress = overrides.pop("progress", None)
    datalist = load_datalist(data, fractions=(1, 0, 0))
    train_bundle(
        "nuclei_pix2pix", {**TINY, "datalist": datalist, "output_dir": str(out), **overrides}, progress=progress
    )
    return out
