from __future__ import annotations

import pytest
import torch
import yaml

from monai_genaug import ModuleGenerator, load_generator, save_generator
from monai_genaug.generators import Pix2PixGenerator, build_generator, describe_generator
from monai_genaug.generators.folders import NETWORK_FILE, find_bundle
from monai_genaug.masks import BinaryEncoding
from monai_genaug.networks import Pix2PixUNet
from tests.helpers import build, rewrite


class ForeignUNet(Pix2PixUNet):
    """A user's own network."""


def foreign_network() -> Pix2PixGenerator:
    return Pix2PixGenerator(ForeignUNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding())


def own_module() -> ModuleGenerator:
    return ModuleGenerator(torch.nn.Identity(), spatial_dims=2, image_channels=1, encoding=BinaryEncoding())


@pytest.mark.parametrize("make", [foreign_network, own_module])
def test_a_generator_that_could_not_be_loaded_is_neither_described_nor_saved(tmp_path, make):
    generator = make()
    with pytest.raises(ValueError, match="cannot be"):
        describe_generator(generator)
    with pytest.raises(ValueError, match="cannot be"):
        save_generator(tmp_path / "g", generator)
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"spatial_dims": 3, "image_channels": 2},
        {"num_classes": 3, "norm": "instance"},
        {"latent_channels": 0, "smooth_channels": 0, "noise_channels": 0, "dropout": 0.0},
    ],
    ids=["plain", "3d", "one-hot", "no noise"],
)
def test_a_description_builds_the_same_generator(kwargs):
    generator = build(**kwargs)
    again = build_generator(describe_generator(generator))
    assert describe_generator(again) == describe_generator(generator)
    assert {key: value.shape for key, value in again.state_dict().items()} == {
        key: value.shape for key, value in generator.state_dict().items()
    }
    assert (again.spatial_dims, again.image_channels, again.condition_channels, again.stride) == (
        generator.spatial_dims,
        generator.image_channels,
        generator.condition_channels,
        generator.stride,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "@nothing"}, "@nothing refers to nothing"),
        ({"network": "@generator"}, "@generator refers to nothing"),
        ({"colour": 3}, "cannot be built.*colour"),
    ],
    ids=["unknown", "cycle", "argument"],
)
def test_broken_references_and_arguments_are_named(folder, change, message):
    rewrite(folder, lambda config: config["generator"].update(change))
    with pytest.raises(ValueError, match=message):
        load_generator(folder)


def test_network_and_encoding_must_agree_on_channels():
    config = describe_generator(build())
    config["network_def"]["in_channels"] = 2
    with pytest.raises(ValueError, match="encoding gives 1 channels, the network takes 2"):
        build_generator(config)


def test_the_configs_of_a_shipped_bundle_are_a_generators():
    config = yaml.safe_load((find_bundle("nuclei_pix2pix") / NETWORK_FILE).read_text())
    assert isinstance(build_generator(config), Pix2PixGenerator)
