"""Gates that options of `monai-genaug synthesize` ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_genaug.cli.gates import build_gate
from monai_genaug.data import load_datalist, write_dataset
from monai_genaug.quality import MaskFaithfulness, NearestNeighbourPrivacy
from monai_genaug.training.bundle import read_configs
from tests.helpers import write_pairs


def save_segmenter(folder: Path) -> Path:
    parser = read_configs("nuclei_unet")
    parser["features"] = [4, 8]
    network = parser.get_parsed_content("network_def")
    (folder / "models").mkdir(parents=True)
    torch.save(network.state_dict(), folder / "models/model.pt")
    return folder


def test_no_option_is_no_gate():
    assert build_gate(None, None, None, None, device="cpu") is None


def test_a_segmenter_asks_for_the_mask(tmp_path):
    [gate] = build_gate(save_segmenter(tmp_path), 0.25, None, None, device="cpu").gates
    assert isinstance(gate, MaskFaithfulness)
    assert gate.least_dice == 0.25
    assert gate(torch.rand(2, 1, 40, 50), torch.ones(2, 1, 40, 50)).shape == (2,)


def test_the_least_distance_is_given_or_that_of_validation_images(tmp_path):
    data = write_pairs(tmp_path / "data", 5, (48, 48))
    [given] = build_gate(None, None, data, 0.5, device="cpu").gates
    [fitted] = build_gate(None, None, data, None, device="cpu").gates
    assert isinstance(fitted, NearestNeighbourPrivacy)
    assert given.least_distance == 0.5
    assert 0 < fitted.least_distance < 5


def test_without_validation_images_a_least_distance_is_needed(tmp_path):
    data = write_pairs(tmp_path / "data", 3, (48, 48))
    first, *others = load_datalist(data, fractions=(1, 0, 0))["training"]
    write_dataset(data, {"training": others, "test": [first]}, name="d", licence="none")
    with pytest.raises(ValueError, match="has no validation images to tell a least distance: give --least-distance"):
        build_gate(None, None, data, None, device="cpu")
