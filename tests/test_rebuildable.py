from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from monai_genaug._rebuildable import Rebuildable, config_of
from monai_genaug.generators import Pix2PixGenerator
from monai_genaug.masks import BinaryEncoding, OneHotEncoding
from monai_genaug.networks import Pix2PixUNet


class Blur(Rebuildable):
    def __init__(self, sigma: float, *, spacing: int = 1) -> None:
        self.sigma = sigma


class Chain(Rebuildable, nn.Module):
    def __init__(self, first: Blur, rest: list[Blur] | None = None) -> None:
        super().__init__()


class Sharpened(Blur):
    def __init__(self, amount: float) -> None:
        super().__init__(amount + 1)


NAME = f"{Blur.__module__}."


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: Blur(2.0), {"sigma": 2.0}),
        (lambda: Blur(sigma=2.0, spacing=3), {"sigma": 2.0, "spacing": 3}),
    ],
    ids=["by place", "by name"],
)
def test_the_arguments_are_kept_by_name_as_they_were_given(made, expected):
    assert made().built_with == expected


def test_of_a_class_and_its_base_the_arguments_of_the_class_are_kept():
    assert Sharpened(1.0).built_with == {"amount": 1.0}
    assert Sharpened(1.0).sigma == 2.0


def test_wrong_arguments_are_refused_as_without_it():
    with pytest.raises(TypeError, match="unexpected keyword argument 'sigmoid'"):
        Chain(sigmoid=2.0)
    with pytest.raises(TypeError, match="'sigma'"):
        Blur()


def test_a_description_names_classes_and_arguments_however_deep():
    chain = Chain(Blur(1.0), rest=[Blur(2.0, spacing=2), Sharpened(3.0)])
    assert config_of(chain) == {
        "_target_": f"{NAME}Chain",
        "first": {"_target_": f"{NAME}Blur", "sigma": 1.0},
        "rest": [
            {"_target_": f"{NAME}Blur", "sigma": 2.0, "spacing": 2},
            {"_target_": f"{NAME}Sharpened", "amount": 3.0},
        ],
    }


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "batch", [1, [2.0, None]]], ids=str)
def test_what_yaml_holds_stays(value):
    assert config_of(value) == value


def test_tuples_become_lists():
    assert config_of((1, (2,))) == [1, [2]]


@pytest.mark.parametrize("value", [nn.Identity(), torch.tensor(1.0), torch.float32, {"a": 1}, {1}, print], ids=str)
def test_anything_else_is_refused_with_the_remedy(value):
    with pytest.raises(ValueError, match=f"type {type(value).__name__} cannot be written to a config.*Rebuildable"):
        config_of(Blur(value))


def test_networks_and_generators_of_this_package_describe_themselves():
    network = Pix2PixUNet(2, 2, out_channels=3, levels=2, base_features=4)
    assert config_of(Pix2PixGenerator(network, encoding=OneHotEncoding(2))) == {
        "_target_": "monai_genaug.generators.pix2pix.Pix2PixGenerator",
        "network": {
            "_target_": "monai_genaug.networks.pix2pix_unet.Pix2PixUNet",
            "spatial_dims": 2,
            "in_channels": 2,
            "out_channels": 3,
            "levels": 2,
            "base_features": 4,
        },
        "encoding": {"_target_": "monai_genaug.masks.encodings.OneHotEncoding", "num_classes": 2},
    }
    assert config_of(BinaryEncoding()) == {"_target_": "monai_genaug.masks.encodings.BinaryEncoding"}


def test_a_network_keeps_its_arguments_in_copies_and_out_of_its_state():
    network = Pix2PixUNet(2, 1, 1, levels=2, base_features=4)
    assert copy.deepcopy(network).built_with == network.built_with
    assert not any("built_with" in name for name in network.state_dict())
