from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_genaug import load_generator
from monai_genaug.data import load_datalist, load_items, write_array
from monai_genaug.masks import BinaryEncoding, InstanceEncoding, OneHotEncoding
from monai_genaug.training import NonFiniteLossError, train_bundle
from tests.helpers import TINY, train, write_pairs

NO_NOISE = {"network_def#latent_channels": 0, "network_def#smooth_channels": 0, "network_def#noise_channels": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models/model.pt", weights_only=True)


def metadata(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "configs/metadata.json").read_text())


def written(folder: Path) -> list[str]:
    """Name the files of a folder, but for the log."""
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != "train.log"]


def test_training_writes_a_folder_that_loads_and_says_how_it_was_made(data, tmp_path):
    folder = train(data, tmp_path, seed=3)
    generator = load_generator(folder)
    assert generator.sample(generator.encode(torch.ones(1, 1, 20, 24)), seeds=[1]).shape == (1, 1, 20, 24)
    training = metadata(folder)["training"]
    assert training["family"] == "pix2pix"
    assert training["epoch"] == 2
    assert {"seed": 3, "images": 3, "epochs": 2, "lambda_l1": 100.0}.items() <= training["settings"].items()
    assert {"g_l1", "d_loss", "loss"} <= training["losses"].keys()


def test_a_folder_of_images_and_labels_is_split_and_trained_on(data, tmp_path):
    parser = train_bundle("nuclei_pix2pix", {**TINY, "dataset_dir": str(data), "output_dir": str(tmp_path)})
    training = len(parser.get_parsed_content("datalist")["training"])
    assert 0 < training < 3
    assert metadata(tmp_path)["training"]["settings"]["images"] == training


def test_the_parser_comes_back_with_what_was_trained(data, tmp_path):
    overrides = {**TINY, "dataset_dir": str(data), "output_dir": str(tmp_path), "ema_momentum": None}
    network = train_bundle("nuclei_pix2pix", overrides).get_parsed_content("network_def")
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in weights(tmp_path).items())


def test_the_same_seed_gives_the_same_weights_and_the_global_state_stays(data, tmp_path):
    before = torch.get_rng_state()
    first, second, other = (
        weights(train(data, tmp_path / name, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_weights_do_not_depend_on_the_number_of_workers(data, tmp_path):
    alone, helped = (weights(train(data, tmp_path / str(count), num_workers=count)) for count in (0, 2))
    assert all(torch.equal(alone[key], helped[key]) for key in alone)


def test_progress_is_told_after_every_iteration(data, tmp_path):
    told = []
    train(data, tmp_path, progress=lambda done, total, losses: told.append((done, total, losses["g_l1"] > 0)))
    assert told == [(1, 4, True), (2, 4, True), (3, 4, True), (4, 4, True)]


def test_l1_falls_when_a_few_images_are_learned(data, tmp_path):
    losses = []
    budget = {"iterations_per_epoch": 40, "learning_rate": 3e-3, "ema_momentum": 0.2, "network_def#base_features": 8}
    train(data, tmp_path, **budget, progress=lambda done, total, now: losses.append(now["g_l1"]))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    generator = load_generator(tmp_path)
    [item] = load_items([{"image": data / "images/0.png", "label": data / "labels/0.png", "group": "a"}])
    image = generator.sample(generator.encode(item["label"][None]), seeds=[1])[0]
    inside = item["label"] > 0
    assert image[inside].mean() - image[~inside].mean() > 0.2  # about 0.8 in the images


@pytest.mark.parametrize(
    ("shape", "change"),
    [
        ((1, (9, 10, 11)), {"spatial_dims": 3, "crop_size": 8}),
        ((3, (20, 24)), {"image_channels": 3}),
        ((1, (20, 24)), {"encoding": "@one_hot", "condition_channels": 2}),
        ((3, (9, 10, 11)), {"spatial_dims": 3, "image_channels": 3, "encoding": "@one_hot", "condition_channels": 2}),
        ((1, (20, 24)), {"encoding": "@instance", "condition_channels": 3}),
        ((1, (20, 24)), {"network_def#norm": "instance", "adversarial": "bce", "d_interval": 2, "max_grad_norm": 1.0}),
        ((1, (20, 24)), {**NO_NOISE, "lambda_mode_seeking": 0}),
        ((1, (20, 24)), {"ema_momentum": None, "network_def#levels": 3, "network_def#dropout": 0.0}),
        ((1, (20, 24)), {"crop_size": 32}),
    ],
    ids=[
        "3d",
        "colour",
        "one-hot",
        "3d colour one-hot",
        "instances",
        "norm",
        "no noise",
        "no average",
        "mirrored",
    ],
)
def test_the_folder_loads_whatever_the_settings(tmp_path, shape, change):
    channels, size = shape
    data = write_pairs(tmp_path / "data", size=size, channels=channels)
    change = {"epochs": 1, "iterations_per_epoch": 1, **change}
    generator = load_generator(train(data, tmp_path / "out", **change))
    assert (generator.spatial_dims, generator.image_channels) == (len(size), channels)
    encodings = {"@one_hot": OneHotEncoding, "@instance": InstanceEncoding}
    assert isinstance(generator.encoding, encodings.get(change.get("encoding"), BinaryEncoding))
    image = generator.sample(generator.encode(torch.ones(1, 1, *size)), seeds=[1])
    assert image.shape == (1, channels, *size)
    data_format = metadata(tmp_path / "out")["network_data_format"]
    assert data_format["inputs"]["image"]["num_channels"] == generator.condition_channels
    assert data_format["outputs"]["pred"]["num_channels"] == channels
    assert data_format["outputs"]["pred"]["spatial_shape"] == [f"{generator.stride}*n"] * len(size)


@pytest.mark.parametrize(
    ("size", "change"),
    [((20, 24), {}), ((9, 10, 11), {"spatial_dims": 3, "crop_size": 8}), ((20, 24), {"crop_size": 32})],
    ids=["2d", "3d", "mirrored"],
)
def test_crops_keep_image_and_label_together_and_differ(tmp_path, size, change):
    data = write_pairs(tmp_path / "data", size=size)
    overrides = {**TINY, "dataset_dir": str(data), "output_dir": str(tmp_path / "out"), "epochs": 1, **change}
    crops = list(train_bundle("nuclei_pix2pix", overrides).get_parsed_content("train#dataloader"))
    side = change.get("crop_size", 16)
    for batch in crops:
        assert batch["image"].shape == batch["label"].shape == (2, 1, *[side] * len(size))
        assert torch.equal(batch["image"] > 0.5, batch["label"] > 0)
    assert not torch.equal(crops[0]["image"], crops[1]["image"])


def test_a_generator_that_could_not_be_loaded_again_is_refused_before_training(data, tmp_path):
    own = {
        "_target_": "monai_genaug.generators.module.ModuleGenerator",
        "module": "@network_def",
        "spatial_dims": 2,
        "image_channels": 1,
        "encoding": "@binary",
    }
    with pytest.raises(ValueError, match="cannot be"):
        train(data, tmp_path / "out", generator=own)
    assert written(tmp_path / "out") == []


def test_divergence_stops_training_and_the_last_good_epoch_stays(data, tmp_path):
    train(data, tmp_path)
    before = (tmp_path / "models/model.pt").read_bytes()
    with pytest.raises(NonFiniteLossError, match=r"loss of g is not finite in iteration 1 .*g_l1=inf"):
        train(data, tmp_path, lambda_l1=1e39, resume=False)
    assert (tmp_path / "models/model.pt").read_bytes() == before


def test_the_log_goes_to_a_file_and_not_to_the_screen(data, tmp_path, capsys):
    train(data, tmp_path, log_interval=1)
    assert capsys.readouterr().out == ""
    log = (tmp_path / "train.log").read_text()
    assert "3 training images: 2D, 1 channel(s), size 20x24" in log
    assert log.count("g_l1") == 4


def test_a_bundle_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no bundle 'nuclei_pix2pixx': expected one of .*nuclei_pix2pix"):
        train_bundle("nuclei_pix2pixx", {})
    with pytest.raises(FileNotFoundError, match=r"a folder with configs/train\.yaml"):
        train_bundle(tmp_path, {})


def test_a_data_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train_bundle("nuclei_pix2pix", {**TINY, "dataset_dir": str(tmp_path / "nowhere"), "output_dir": str(tmp_path)})


@pytest.mark.parametrize("kind", ["truncated", "missing"])
def test_an_image_that_cannot_be_read_is_named(tmp_path, kind):
    data = write_pairs(tmp_path / "data")
    file = data / "images/1.png"
    datalist = {"training": [{"image": str(file), "label": str(data / "labels/1.png")}], "validation": []}
    if kind == "truncated":
        file.write_bytes(file.read_bytes()[:60])
    else:
        file.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=r"1\.png"):
        train(data, tmp_path / "out", datalist=datalist)
    assert written(tmp_path / "out") == []


def test_a_label_of_another_size_than_its_image_is_named(tmp_path):
    data = write_pairs(tmp_path / "data")
    write_array(data / "labels/0.png", np.ones((1, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"0\.png has shape \(1, 8, 8\), expected \(1, 20, 24\)"):
        train(data, tmp_path / "out")
    assert written(tmp_path / "out") == []


def test_real_images_are_trained_on(real_data, tmp_path):
    training = load_datalist(real_data("dsb2018_fluorescence"))["training"][:3]
    datalist = {"training": training, "validation": training[:1]}
    train_bundle("nuclei_pix2pix", {**TINY, "datalist": datalist, "output_dir": str(tmp_path), "crop_size": 64})
    assert load_generator(tmp_path).image_channels == 1


def test_cells_of_a_matlab_file_can_be_given_as_lists(tmp_path):
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    cells = {name: np.empty(3, dtype=object) for name in ("images", "masks")}
    for number in range(3):
        cells["masks"][number] = (rng.random((20, 24)) > 0.5).astype(np.uint8)
        cells["images"][number] = rng.integers(0, 255, (20, 24)).astype(np.uint8)
    savemat(tmp_path / "set.mat", cells)
    datalist = load_datalist(tmp_path / "set.mat", fractions=(1, 0, 0))
    assert "#" in datalist["training"][0]["image"]
    train_bundle("nuclei_pix2pix", {**TINY, "datalist": datalist, "output_dir": str(tmp_path / "out")})
    assert (tmp_path / "out/models/model.pt").is_file()
