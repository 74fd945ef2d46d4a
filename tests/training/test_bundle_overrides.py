"""What is set beside a bundle's named settings counts as well, and what cannot be built of settings is one line."""

from __future__ import annotations

import json

import pytest

from monai_genaug.training import train_bundle
from tests.helpers import train, write_pairs


@pytest.fixture
def data(tmp_path):
    return write_pairs(tmp_path / "data")


def test_a_nested_setting_is_noted_and_another_one_on_resume_refused(data, tmp_path):
    out = train(data, tmp_path / "out", **{"train#trainer#lambda_l1": 5.0})
    settings = json.loads((out / "configs/metadata.json").read_text())["training"]["settings"]
    assert settings["overrides"] == {"train#trainer#lambda_l1": "5.0"}
    with pytest.raises(ValueError, match=r"settings\.overrides"):
        train(data, out)


def test_the_record_of_settings_cannot_be_set(data, tmp_path):
    with pytest.raises(ValueError, match="settings is a record"):
        train(data, tmp_path / "out", **{"settings#seed": 3})


def test_arguments_that_a_config_does_not_give_can_be_set(data, tmp_path):
    train(data, tmp_path / "out", **{"g_optimizer#weight_decay": 0.1})
    with pytest.raises(ValueError, match="'g_optimizer#weight_decai' is no setting"):
        train(data, tmp_path / "other", **{"g_optimizer#weight_decai": 0.1})


@pytest.mark.parametrize(
    "change",
    [{"crop_size": "$[16, 32]"}, {"encoding": "$'one_hot'"}, {"network_def#base_features": "$[4]"}],
    ids=["list", "text", "nested"],
)
def test_settings_that_do_not_fit_together_are_one_line(data, tmp_path, change):
    with pytest.raises(ValueError, match=r"the settings do not fit together: .*Check what was set"):
        train(data, tmp_path / "out", **change)


def test_an_output_folder_in_the_data_set_is_refused(data):
    for out in (data, data / "images"):
        with pytest.raises(ValueError, match="lies in the data set"):
            train_bundle("nuclei_pix2pix", {"dataset_dir": str(data), "output_dir": str(out)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"genaug_way": "batches"}, "genaug_way is 'batches', expected one of 'sample', 'batch'"),
        ({"image_channels": 3}, "set image_channels=1"),
        ({"crop_size": 15}, "crop_size is 15, expected a multiple of 8"),
        ({"features": 32}, "the settings do not fit together"),
        ({"network_def": "dynunet"}, "network_def is 'dynunet', expected one of '@unet', '@dynunet'"),
    ],
    ids=str,
)
def test_the_segmentation_training_checks_data_and_settings_too(data, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        train_bundle("nuclei_unet", {"dataset_dir": str(data), "output_dir": str(tmp_path / "out"), **change})
