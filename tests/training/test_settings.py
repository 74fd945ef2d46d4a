"""Settings of a bundle that are unknown or out of range."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_genaug.training.bundle import read_configs, train_bundle
from monai_genaug.training.settings import check_setting
from tests.helpers import TINY_BUNDLES, train, write_pairs

NO_NOISE = {"network_def#latent_channels": 0, "network_def#smooth_channels": 0, "network_def#noise_channels": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def metadata(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "configs/metadata.json").read_text())


def written(folder: Path) -> list[str]:
    """Name the files of a folder, but for the log."""
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != "train.log"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("epoch", "'epochs'"),
        ("learning_rat", "'learning_rate'"),
        ("network_def#level", "'network_def#levels'"),
        ("g_optimizer#learning_rate", "'g_optimizer#"),
        ("train#trainer#lambda", "'train#trainer#lambda_l1'"),
        ("_meta_", "'"),
        ("zzzzzzzz", "'spatial_dims', 'image_channels'"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_known_ones(data, tmp_path, name, near):
    with pytest.raises(ValueError, match=rf"'{name}' is no setting of nuclei_pix2pix, did you mean .*{near}"):
        train(data, tmp_path / "out", **{name: 3})
    assert written(tmp_path / "out") == []


def test_nested_settings_are_known_by_their_ids():
    parser = ConfigParser({"a": {"b": [{"c": 1}]}})
    check_setting("a#b#0#c", 2, parser, "x")
    with pytest.raises(ValueError, match="did you mean 'a#b'"):
        check_setting("a#c", 2, parser, "x")


@pytest.mark.parametrize("name", ["crop_size ", " crop_size", "crop _size", "network_def#levels "])
def test_a_name_with_a_space_is_refused(name):
    with pytest.raises(ValueError, match=r"is no setting of x, did you mean .*(crop_size|levels)'"):
        check_setting(name, 16, read_configs("nuclei_pix2pix"), "x")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("crop_size", [32, 32, 16], "a whole number such as 128"),
        ("crop_size", None, "a whole number such as 128"),
        ("epochs", 2.5, "a whole number such as 36"),
        ("epochs", True, "a whole number such as 36"),
        ("learning_rate", "fast", "a number such as 0.0002"),
        ("learning_rate", False, "a number such as 0.0002"),
        ("amp", 1, "true or false"),
        ("amp", "maybe", "true or false"),
        ("encoding", "@onehot", "one of '@binary', '@one_hot', '@instance'"),
        ("encoding", "one_hot", "one of '@binary', '@one_hot', '@instance'"),
        ("network_def#in_channels", "@condition_chanels", "one of '@condition_channels'"),
        ("seed", "@zzzzzzzz", "the name of another entry after @"),
    ],
    ids=lambda value: re.sub(r"\W+", "_", str(value)),
)
def test_a_value_of_another_kind_is_refused(name, value, expected):
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}, expected {expected}")):
        check_setting(name, value, read_configs("nuclei_pix2pix"), "nuclei_pix2pix")


@pytest.mark.parametrize(
    ("name", "value"),
    [("lambda_l1", 3), ("resume", "previous"), ("encoding", "@instance"), ("epochs", "$2 * 3"), ("masks_dir", "masks")],
)
def test_a_value_that_fits_is_taken(name, value):
    check_setting(name, value, read_configs("nuclei_pix2pix" if name != "masks_dir" else "nuclei_cyclegan"), "x")


@pytest.mark.parametrize("epochs", [0, -1, "$2.5"])
def test_epochs_that_cannot_be_trained_are_refused(data, tmp_path, epochs):
    settings = {**TINY_BUNDLES["nuclei_rflow"], "dataset_dir": str(data), "output_dir": str(tmp_path / "out")}
    with pytest.raises(ValueError, match=r"epochs is -?[\d.]+, expected a whole number of at least 1"):
        train_bundle("nuclei_rflow", {**settings, "epochs": epochs})
    assert written(tmp_path / "out") == []


def test_text_for_a_number_is_refused_unless_it_is_an_expression(data, tmp_path):
    with pytest.raises(ValueError, match="epochs is '3', expected a whole number such as 36"):
        train(data, tmp_path, epochs="3")
    train(data, tmp_path, epochs="$1 + 1")
    assert metadata(tmp_path)["training"]["settings"]["epochs"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected a whole number"),
        ({"iterations_per_epoch": 0}, "iterations_per_epoch is 0, expected at least 1"),
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"crop_size": 0}, "crop_size is 0, expected a multiple of 4"),
        ({"crop_size": 18}, "crop_size is 18, expected a multiple of 4.*set crop_size=16"),
        ({"discriminator_layers": 3}, "crop_size is 16, expected at least 24, .*set crop_size=24, or fewer discrim"),
        ({"learning_rate": -1.0}, "learning rate: -1"),
        ({"lambda_l1": -1.0}, "lambda_l1 is -1.0, expected at least 0"),
        ({"lambda_l1": math.nan}, "lambda_l1 is nan"),
        ({"lambda_mode_seeking": -1}, "lambda_mode_seeking is -1"),
        ({"d_interval": 0}, "d_interval is 0"),
        ({"max_grad_norm": 0}, "max_grad_norm"),
        ({"ema_momentum": 1.5}, "momentum: 1.5"),
        ({"instance_noise": -1}, "instance_noise is -1"),
        ({"label_smoothing": 2}, "label_smoothing is 2"),
        ({"adversarial": "wgan"}, "'wgan', expected one of 'bce', 'lsgan', 'hinge'"),
        ({"discriminator_features": 0}, "discriminator_features is 0, expected at least 1"),
        ({"discriminator_layers": 0}, "discriminator_layers is 0, expected at least 1"),
        ({"num_workers": -1}, "num_workers"),
        ({"sample_interval": 0}, "^sample_interval is 0, expected at least 1"),
        ({"resume": "prev"}, "resume is 'prev', expected one of True, False, 'previous'"),
        ({"spatial_dims": 4}, "spatial_dims is 4, expected one of 2, 3"),
        ({"image_channels": 0}, "out_channels is 0, expected at least 1"),
        ({"condition_channels": 2}, "encoding gives 1 channels, the network takes 2"),
        ({"encoding": "@one_hot", "condition_channels": 0}, "in_channels is 0"),
        ({"network_def#dropout": 1.2}, "dropout .*1.2"),
        ({"network_def#levels": 100}, "levels is 100, expected 2 to 12"),
        ({"network_def#norm": "layer"}, "norm is 'layer', expected one of"),
        (NO_NOISE, "mode seeking needs noise: .*lambda_mode_seeking=0"),
        ({"device": "xyz"}, "device is 'xyz', expected a name"),
    ],
    ids=lambda value: "-".join(f"{key}={text}" for key, text in value.items()) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_refused_by_name_before_anything_is_written(data, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        train(data, tmp_path / "out", **change)
    assert written(tmp_path / "out") == []
