"""Tests of bundles/nuclei_cyclegan: kinds of data, lists that do not belong together, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from monai_genaug import load_generator
from monai_genaug.data import list_unpaired
from monai_genaug.training import train_bundle
from tests.helpers import TINY_CYCLE, blobs, write_pairs


def train(out: Path, progress=None, **overrides: Any) -> Path:
    train_bundle("nuclei_cyclegan", {**TINY_CYCLE, "output_dir": str(out), **overrides}, progress=progress)
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models/model.pt", weights_only=True)


@pytest.mark.parametrize(
    ("size", "channels", "settings"),
    [
        ((20, 24), 3, {"image_channels": 3}),
        ((20, 24), 1, {"encoding": "@one_hot", "condition_channels": 2}),
        ((20, 24), 3, {"image_channels": 3, "encoding": "@instance", "condition_channels": 3}),
        ((18, 20, 16), 1, {"spatial_dims": 3}),
        ((20, 24), 3, {"image_channels": 3, "to_image#style_bank": 4}),
    ],
    ids=["colour", "classes", "instances", "volumes", "styles"],
)
def test_every_kind_of_data_is_trained_on_and_loads(tmp_path, size, channels, settings):
    data = write_pairs(tmp_path / "data", 3, size, channels=channels)
    generator = load_generator(train(tmp_path / "out", dataset_dir=str(data), **settings))
    label = blobs(size, 0)[None]
    assert generator.sample(generator.encode(label), seeds=[1]).shape == (1, channels, *size)
    assert (tmp_path / "out/samples/epoch_0002.png").is_file()


def test_images_and_masks_of_different_number_and_size_from_different_folders(tmp_path):
    images, masks = write_pairs(tmp_path / "a", 4, (40, 18)), write_pairs(tmp_path / "b", 2, (20, 64))
    told = []
    out = tmp_path / "out"
    train(
        out,
        dataset_dir=str(images / "images"),
        masks_dir=str(masks / "labels"),
        progress=lambda done, total, losses: told.append(losses),
    )
    assert len(told) == 4
    assert {"g_cycle_image", "g_cycle_mask", "d_image", "d_mask"} <= set(told[0])
    assert '"images": 4' in (out / "configs/metadata.json").read_text()
    assert '"masks": 2' in (out / "configs/metadata.json").read_text()


def test_lists_in_memory_and_masks_of_nothing(tmp_path):
    data = write_pairs(tmp_path / "data")
    sampler = {"_target_": "monai_genaug.masks.procedural.ProceduralNuclei", "radius": 3.0}
    images = list_unpaired(data, "image")
    out = train(tmp_path / "out", images=images, masks_dir=None, mask_sampler=sampler)
    assert load_generator(out).image_channels == 1


def test_a_stopped_training_goes_on_exactly_with_its_image_pools(tmp_path):
    data = write_pairs(tmp_path / "data")
    settings = {"dataset_dir": str(data), "epochs": 3, "pool_size": 2, "lambda_mask": 1.0, "cycle_noise": 0.2}

    class Stop(KeyboardInterrupt):
        pass

    def stop(done, total, losses):
        if done == 5:  # in the third epoch
            raise Stop

    with pytest.raises(Stop):
        train(tmp_path / "stopped", progress=stop, **settings)
    assert len(torch.load(tmp_path / "stopped/checkpoint.pt", weights_only=True)["parts"]["image_pool"]["images"]) == 2
    train(tmp_path / "stopped", **settings)
    train(tmp_path / "whole", **settings)
    stopped, whole = weights(tmp_path / "stopped"), weights(tmp_path / "whole")
    assert all(torch.equal(stopped[key], whole[key]) for key in whole)


@pytest.mark.parametrize(
    "change",
    [{"mask_sampler": None}, {"mask_sampler#flip": 0.0}, {"cycle_noise": 0.3}, {"blocks": 2}],
    ids=lambda change: next(iter(change)),
)
def test_a_training_of_other_settings_is_not_gone_on_with(tmp_path, change):
    data = write_pairs(tmp_path / "data")
    train(tmp_path / "out", dataset_dir=str(data))
    with pytest.raises(ValueError, match="is of another training"):
        train(tmp_path / "out", dataset_dir=str(data), **change)


def test_one_image_more_is_another_training(tmp_path):
    data = write_pairs(tmp_path / "data")
    images = list_unpaired(data, "image")
    train(tmp_path / "out", images=images[:2], masks=list_unpaired(data, "label"))
    with pytest.raises(ValueError, match=r"settings\.(data|images) "):
        train(tmp_path / "out", images=images, masks=list_unpaired(data, "label"))


def test_masks_of_nothing_with_a_sampler_that_only_deforms_are_refused_before_training(tmp_path):
    data, told = write_pairs(tmp_path / "data"), []
    with pytest.raises(ValueError, match=r"masks drawn for the training are empty, .*ProceduralNuclei"):
        train(tmp_path / "out", dataset_dir=str(data), masks_dir=None, progress=lambda *state: told.append(state))
    assert told == []
    assert not (tmp_path / "out/checkpoint.pt").exists()


def test_a_folder_of_images_alone_says_what_is_missing(tmp_path):
    (write_pairs(tmp_path / "data") / "labels").rename(tmp_path / "labels")
    with pytest.raises(ValueError, match=r"^masks_dir .* has images/ and no labels/, .*set masks_dir to where"):
        train(tmp_path / "out", dataset_dir=str(tmp_path / "data"))
    with pytest.raises(ValueError, match=r"0\.png is listed as an image and as a mask, .*set masks_dir"):
        train(tmp_path / "out", dataset_dir=str(tmp_path / "data/images"))


def test_a_crop_of_which_the_discriminator_leaves_nothing_is_refused(tmp_path):
    data = write_pairs(tmp_path / "data", 3, (18, 20, 16))
    with pytest.raises(ValueError, match=r"crop_size is 16, expected at least 24, .*set crop_size=24"):
        train(tmp_path / "out", dataset_dir=str(data), spatial_dims=3, discriminator_layers=3)
