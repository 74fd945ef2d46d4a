"""Every bundle of a generator learns four real images: its loss of reconstruction or of noise falls."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

import pytest

from monai_genaug.data import load_datalist
from monai_genaug.generators.folders import list_bundles
from monai_genaug.training import train_bundle
from monai_genaug.training.bundle import takes_pairs, trains_generator


class Smoke(NamedTuple):
    loss: str
    factor: float  # by which the mean of the last ten is below that of the first five
    iterations: int
    settings: dict[str, Any]


DENOISER = {"crop_size": 32, "network_def#channels": [8, 16, 32]}
SMOKE = {
    "nuclei_pix2pix": Smoke(
        "g_l1", 3.0, 60, {"learning_rate": 0.001, "network_def#base_features": 16, "network_def#levels": 4}
    ),
    "nuclei_cyclegan": Smoke("g_cycle_image", 2.0, 60, {"crop_size": 48, "blocks": 2, "base_features": 16}),
    "nuclei_spade": Smoke("g_l1", 3.0, 50, {"learning_rate": 0.001}),
    "nuclei_cvae": Smoke("mean_nll", 2.0, 80, {"learning_rate": 0.002}),
    "nuclei_vaegan": Smoke("g_l1", 2.0, 60, {"learning_rate": 0.002, "discriminator_features": 16}),
    "nuclei_ddpm": Smoke("loss", 2.5, 120, DENOISER),
    "nuclei_rflow": Smoke("loss", 3.0, 120, DENOISER),
    "nuclei_ldm": Smoke("loss", 2.0, 150, {**DENOISER, "autoencoder_epochs": 1, "learning_rate": 0.002}),
}
COMMON = {
    "crop_size": 64,
    "batch_size": 4,
    "num_workers": 0,
    "tensorboard": False,
    "device": "cpu",
    "sample_interval": 2,
}


def test_every_bundle_of_a_generator_is_tried():
    trainable = {bundle.name for bundle in list_bundles() if "can be trained" in bundle.use}
    assert {name for name in trainable if trains_generator(name)} == set(SMOKE)


@pytest.mark.parametrize("name", SMOKE)
def test_four_real_images_are_learnt(name, real_data, tmp_path):
    smoke, losses = SMOKE[name], []
    four = load_datalist(real_data("dsb2018_fluorescence"))["training"][:4]
    if takes_pairs(name):
        data = {"datalist": {"training": four, "validation": []}}
    else:
        data = {"images": [{"image": entry["image"]} for entry in four], "masks": [{"label": e["label"]} for e in four]}
    length = {"epochs": 1, "iterations_per_epoch": smoke.iterations}
    train_bundle(
        name,
        {**COMMON, **length, **smoke.settings, **data, "output_dir": str(tmp_path)},
        progress=lambda done, total, values: losses.append(values.get(smoke.loss)),
    )
    losses = losses[-smoke.iterations :]  # of the last stage
    first, last = statistics.mean(losses[:5]), statistics.mean(losses[-10:])
    assert last * smoke.factor < first, f"{smoke.loss} fell from {first:.3g} to {last:.3g} only"
