"""Every bundle of a generator trains on volumes with classes, by settings alone."""

from __future__ import annotations

import pytest
import torch

from monai_genaug import load_generator
from monai_genaug.data import load_datalist, load_items
from monai_genaug.training import train_bundle
from monai_genaug.training.bundle import takes_pairs
from tests.helpers import TINY_BUNDLES, write_pairs

VOLUMES = {"spatial_dims": 3, "image_channels": 2, "condition_channels": 2, "encoding": "@one_hot"}


@pytest.mark.parametrize("name", TINY_BUNDLES)
def test_volumes_of_two_channels_with_two_classes_are_learnt_and_made(name, tmp_path):
    data = write_pairs(tmp_path / "data", 3, (16, 20, 18), channels=2)
    settings = {**TINY_BUNDLES[name], **VOLUMES, "output_dir": str(tmp_path / "out")}
    if name == "nuclei_pix2pix":
        settings["network_def#norm"] = "instance"  # as its README says
    if takes_pairs(name):
        settings["datalist"] = load_datalist(data, fractions=(1, 0, 0))
    else:
        settings["dataset_dir"] = str(data)
    train_bundle(name, settings)
    generator = load_generator(tmp_path / "out")
    label = load_items(load_datalist(data, fractions=(1, 0, 0))["training"])[0]["label"]
    one, two = (generator.sample(generator.encode(label[None]), seeds=[seed])[0] for seed in (1, 2))
    assert one.shape == (2, 16, 20, 18)
    assert torch.isfinite(one).all()
    assert not torch.equal(one, two)
