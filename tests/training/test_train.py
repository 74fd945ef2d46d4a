from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import pytest
import torch

from monai_genaug import load_generator
from monai_genaug.training import NonFiniteLossError, Pix2PixSettings, train_pix2pix
from monai_genaug.training.crops import CropLoader
from tests.helpers import TINY, blobs


@pytest.fixture
def items() -> list[dict[str, torch.Tensor]]:
    labels = [blobs((20, 24), seed) for seed in range(3)]
    return [{"image": 0.2 + 0.6 * (label > 0).float(), "label": label.float()} for label in labels]


def test_training_writes_a_folder_that_loads_and_says_how_it_was_made(items, tmp_path):
    folder = train_pix2pix(items, TINY, output_dir=tmp_path / "g", seed=3)
    generator = load_generator(folder)
    assert generator.sample(generator.encode(items[0]["label"][None]), seeds=[1]).shape == (1, 1, 20, 24)
    training = json.loads((folder / "configs/metadata.json").read_text())["training"]
    assert training["settings"]["epochs"] == 2
    assert (training["seed"], training["images"], training["epoch"]) == (3, 3, 2)


def test_the_same_seed_gives_the_same_weights_and_the_global_state_stays(items, tmp_path):
    before = torch.get_rng_state()
    first, second, other = (
        load_generator(train_pix2pix(items, TINY, output_dir=tmp_path / name, seed=seed)).state_dict()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_progress_is_told_after_every_iteration(items, tmp_path):
    told = []
    train_pix2pix(items, TINY, output_dir=tmp_path, progress=lambda done, total, losses: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_l1_falls_when_a_few_images_are_learned(items, tmp_path):
    settings = replace(TINY, epochs=2, iterations_per_epoch=60, base_features=8, learning_rate=2e-3)
    losses = []
    train_pix2pix(items, settings, output_dir=tmp_path, progress=lambda done, total, now: losses.append(now["g_l1"]))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    generator = load_generator(tmp_path)
    image = generator.sample(generator.encode(items[0]["label"][None]), seeds=[1])[0]
    inside = items[0]["label"] > 0
    assert image[inside].mean() - image[~inside].mean() > 0.2  # 0.6 in the images


@pytest.mark.parametrize(
    "change",
    [
        {"spatial_dims": 3, "crop_size": 8},
        {"num_classes": 2},
        {"jitter": True},
        {"image_channels": 3},
        {"norm": "instance", "adversarial": "lsgan", "d_interval": 2, "instance_noise": 0.1, "label_smoothing": 0.1},
        {"crop_size": 32},
    ],
    ids="-".join,
)
def test_variants_train_and_load(tmp_path, change):
    settings = replace(TINY, epochs=1, iterations_per_epoch=1, **change)
    size = (9, 10, 11)[: settings.spatial_dims]
    item = {"image": torch.rand(settings.image_channels, *size), "label": blobs(size, 0)}
    generator = load_generator(train_pix2pix([item], settings, output_dir=tmp_path))
    image = generator.sample(generator.encode(item["label"][None]), seeds=[1])
    assert image.shape == (1, settings.image_channels, *size)


def test_crops_keep_image_and_label_together_and_depend_on_seed_and_epoch_alone(items):
    runs = []
    for seed, epoch in ((1, 1), (1, 1), (1, 2), (2, 1)):
        loader = CropLoader(items, TINY, seed=seed)
        loader.set_epoch(epoch)
        torch.rand(seed)
        runs.append(list(loader))
    for batch in runs[0]:
        assert batch["image"].shape == (2, 1, 16, 16)
        assert type(batch["image"]) is torch.Tensor
        torch.testing.assert_close(batch["image"], 0.2 + 0.6 * (batch["label"] > 0).float())
    first, *others = ([batch["image"] for batch in run] for run in runs)
    same = [all(torch.equal(a, b) for a, b in zip(first, other, strict=True)) for other in others]
    assert same == [True, False, False]
    assert len(runs[0]) == TINY.iterations_per_epoch


def test_divergence_stops_training_and_the_last_good_epoch_stays(items, tmp_path):
    train_pix2pix(items, TINY, output_dir=tmp_path)
    before = (tmp_path / "models/model.pt").read_bytes()
    with pytest.raises(NonFiniteLossError, match="iteration"):
        train_pix2pix(items, replace(TINY, lambda_l1=float("inf")), output_dir=tmp_path, resume=False)
    assert (tmp_path / "models/model.pt").read_bytes() == before


def test_a_killed_training_leaves_a_whole_generator_of_its_last_epoch(tmp_path):
    code = (
        "import torch, sys; from dataclasses import replace; from monai_genaug.training import *;"
        "from tests.helpers import TINY, blobs\n"
        "item = {'image': torch.rand(1, 20, 24), 'label': blobs((20, 24), 0)}\n"
        f"train_pix2pix([item], replace(TINY, epochs=100000), output_dir={str(tmp_path / 'g')!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=os.path.dirname(__file__) + "/../..")
    weights = tmp_path / "g/models/model.pt"
    deadline = time.monotonic() + 120
    while not weights.exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert load_generator(tmp_path / "g").name == "Pix2PixGenerator"


@pytest.mark.parametrize(
    ("change", "item", "message"),
    [
        ({}, None, "no items"),
        ({"crop_size": 18}, {}, r"multiple of 2\*\*levels = 4"),
        ({"image_channels": 3}, {}, "set image_channels"),
        ({"spatial_dims": 3}, {}, "spatial_dims"),
        ({}, {"label": torch.ones(1, 5, 5)}, "item 0 has image"),
        ({}, {"image": torch.rand(1, 8, 8) * 255}, r"expected finite ones in \[0, 1\]"),
        ({}, {"image": torch.full((1, 8, 8), float("nan"))}, "item 0 has image values from nan"),
    ],
    ids=["empty", "crop", "channels", "dims", "sizes", "range", "nan"],
)
def test_what_does_not_fit_is_refused_before_training(tmp_path, change, item, message):
    whole = {"image": torch.rand(1, 8, 8), "label": torch.ones(1, 8, 8)}
    items = [] if item is None else [{**whole, **item}]
    with pytest.raises(ValueError, match=message):
        train_pix2pix(items, replace(TINY, **change), output_dir=tmp_path / "g")
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"iterations_per_epoch": 0},
        {"batch_size": -1},
        {"num_classes": 0},
        {"num_classes": 1.5},
        {"dropout": 1.2},
        {"lambda_l1": -1.0},
        {"spatial_dims": 4},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_when_made(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(TINY, **change)


def test_mode_seeking_without_noise_is_refused():
    with pytest.raises(ValueError, match="mode seeking needs noise"):
        replace(TINY, latent_channels=0, smooth_channels=0, noise_channels=0)


def test_a_device_that_is_not_there_is_refused(items, tmp_path):
    with pytest.raises(ValueError, match="device is 'xyz', expected a name"):
        train_pix2pix(items, TINY, output_dir=tmp_path, device="xyz")


def test_labels_that_are_no_labels_are_named_by_their_item(items, tmp_path):
    items[2] = {**items[2], "label": items[2]["label"] + 0.5}
    with pytest.raises(ValueError, match=r"label of item 2 holds 0\.5"):
        train_pix2pix(items, TINY, output_dir=tmp_path)


def test_labels_that_look_like_classes_are_warned_of_unless_told(items, tmp_path):
    with pytest.warns(UserWarning, match=r"values \[0, 1, 2\].*set num_classes=2"):
        train_pix2pix(items, TINY, output_dir=tmp_path / "a")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="labels hold")
        train_pix2pix(items, replace(TINY, num_classes=2), output_dir=tmp_path / "b")
        instances = [{**item, "label": item["label"] * 30} for item in items]
        train_pix2pix(instances, TINY, output_dir=tmp_path / "c")


def test_the_papers_levels_and_rates_are_the_settings_it_names():
    paper = Pix2PixSettings(
        levels=8, base_features=64, crop_size=256, batch_size=1, lambda_mode_seeking=0, ema_momentum=None
    )
    assert paper.crop_size % 2**paper.levels == 0
    assert (paper.learning_rate, paper.lambda_l1, paper.discriminator_layers) == (2e-4, 100.0, 3)
