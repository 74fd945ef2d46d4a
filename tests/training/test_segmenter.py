"""Loading a trained segmentation network from its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_genaug.benchmark.segmentation import train_segmenter
from monai_genaug.data import load_datalist
from monai_genaug.training.segmenter import load_segmenter
from tests.helpers import save_untrained, write_pairs

SETTINGS = {"features": [4, 8, 6], "crop_size": 16, "batch_size": 2, "epochs": 1, "iterations_per_epoch": 2}
KINDS = {
    "unet": ({}, (24, 32), 1),
    "colour": ({"image_channels": 3}, (24, 32), 3),
    "volumes": ({"spatial_dims": 3}, (16, 20, 16), 1),
    "dynunet": ({"network_def": "@dynunet"}, (24, 32), 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_network_finds_what_the_trained_one_finds(tmp_path: Path, kind: str):
    settings, size, channels = KINDS[kind]
    data = write_pairs(tmp_path / "data", 2, size, channels=channels)
    entries = load_datalist(data, fractions=(1, 0, 0))["training"]
    trained = train_segmenter(entries, {**SETTINGS, **settings}, output_dir=tmp_path / "out", seed=0)
    loaded = load_segmenter(tmp_path / "out")
    image = torch.rand(channels, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = [segmenter.inferer(image[None], segmenter.network.eval()) for segmenter in (trained, loaded)]
    assert torch.equal(*logits)
    assert loaded.predict(image).shape == (1, *size)
    assert loaded.seconds == 0.0


def test_loading_leaves_the_global_generator_as_it_was(tmp_path):
    entries = load_datalist(write_pairs(tmp_path / "data", 2), fractions=(1, 0, 0))["training"]
    train_segmenter(entries, SETTINGS, output_dir=tmp_path / "out", seed=0)
    before = torch.get_rng_state()
    load_segmenter(tmp_path / "out")
    assert torch.equal(before, torch.get_rng_state())


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"models/model\.pt does not exist, expected the output folder"):
        load_segmenter(tmp_path)


def test_weights_of_a_generator_are_refused(tmp_path):
    save_untrained(tmp_path / "generator")
    with pytest.raises(ValueError, match=r"model\.pt cannot be read as the weights of a U-Net of nuclei_unet"):
        load_segmenter(tmp_path / "generator")


def test_a_truncated_file_is_refused(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/model.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="it may be truncated"):
        load_segmenter(tmp_path)
