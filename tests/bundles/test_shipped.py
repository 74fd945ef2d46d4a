"""The generators that are shipped: they load by name, are small, and make images that follow their masks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from jsonschema import validate

from monai_genaug import GenerativeAugmentd, load_generator
from monai_genaug.generators.folders import list_bundles
from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.training.bundle import config_files

BUNDLES = Path(__file__).parents[2] / "bundles"
WEIGHTS = {  # and their channels
    "nuclei_pix2pix": 1,
    "nuclei_cyclegan": 1,
    "nuclei_spade": 1,
    "nuclei_cvae": 1,
    "nuclei_vaegan": 1,
    "nuclei_ddpm": 1,
    "nuclei_ldm": 1,
    "nuclei_rflow": 1,
    "nuclei_histology_pix2pix": 3,
}
TRAINABLE = [bundle.name for bundle in list_bundles() if "can be trained" in bundle.use]


def phantom_label() -> torch.Tensor:
    return torch.from_numpy(nuclei_phantom((128, 128), seed=1)[1].astype("int64"))


def test_bundles_are_listed_with_what_they_are_for():
    uses = {bundle.name: bundle.use for bundle in list_bundles()}
    assert uses == {
        "nuclei_cvae": "can be trained, has trained weights",
        "nuclei_cyclegan": "can be trained, has trained weights",
        "nuclei_ddpm": "can be trained, has trained weights",
        "nuclei_histology_pix2pix": "has trained weights",
        "nuclei_ldm": "can be trained, has trained weights",
        "nuclei_pix2pix": "can be trained, has trained weights",
        "nuclei_rflow": "can be trained, has trained weights",
        "nuclei_spade": "can be trained, has trained weights",
        "nuclei_unet": "can be trained",
        "nuclei_vaegan": "can be trained, has trained weights",
    }


def test_a_bundle_without_weights_is_no_generator_and_says_what_to_pass():
    with pytest.raises(FileNotFoundError, match=r"models/model.pt missing .*; pass the output_dir of a finished"):
        load_generator("nuclei_unet")


@pytest.mark.parametrize("folder", [*TRAINABLE, "shared"])
def test_files_that_monai_wants_in_each_bundle_are_equal(folder):
    place = BUNDLES / folder
    logging = place / ("logging.conf" if folder == "shared" else "configs/logging.conf")
    assert logging.read_text() == (BUNDLES / "nuclei_pix2pix/configs/logging.conf").read_text()


@pytest.mark.parametrize("name", TRAINABLE)
def test_what_bundles_share_stands_once(name):
    *shared, own = config_files(name)[1:]
    taken = [line for file in shared for line in file.read_text().splitlines() if len(line.strip()) > 30]
    repeated = [line for line in own.read_text().splitlines() if line in taken and not line.startswith("#")]
    assert len(repeated) <= 6, repeated


def test_a_bundle_that_lies_alone_reads_the_shared_files_of_the_package(tmp_path):
    copied = shutil.copytree(BUNDLES / "nuclei_spade", tmp_path / "mine")
    assert [file.parent.name for file in config_files(copied)] == ["configs", *["shared"] * 4, "configs"]
    assert config_files(copied)[0].is_relative_to(tmp_path)


def test_a_shared_file_that_is_not_there_is_named(tmp_path):
    copied = shutil.copytree(BUNDLES / "nuclei_spade", tmp_path / "mine")
    train = copied / "configs/train.yaml"
    train.write_text(train.read_text().replace("pairs.yaml", "pears.yaml"))
    with pytest.raises(FileNotFoundError, match=r"names the shared file 'pears\.yaml', which is not in"):
        config_files(copied)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_small_and_in_half_precision(name):
    file = BUNDLES / name / "models/model.pt"
    assert file.stat().st_size <= 10e6
    state = torch.load(file, weights_only=True)
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float16}


@pytest.mark.parametrize(("name", "channels"), WEIGHTS.items())
def test_nuclei_stand_out_from_their_ground_and_seeds_differ(name, channels):
    generator, label = load_generator(name), phantom_label()
    image, other = generator.sample(generator.encode(label[None]).expand(2, -1, -1, -1), seeds=[1, 2])
    inside = (label > 0).expand_as(image)
    assert image.shape == (channels, 128, 128)
    assert abs(image[inside].mean() - image[~inside].mean()) > 0.1
    assert (image - other).abs()[inside].mean() > 0.02


@pytest.mark.parametrize(("name", "channels"), WEIGHTS.items())
def test_they_augment_by_their_bare_name(name, channels):
    augment = GenerativeAugmentd("image", "label", generator=name, prob=1.0)
    sample = augment({"image": torch.full((channels, 128, 128), 0.5), "label": phantom_label()})
    assert sample["image"].meta["genaug"]["applied"]


@pytest.mark.parametrize("name", [*WEIGHTS, "nuclei_unet"])
def test_metadata_keep_the_schema(name):
    schema = json.loads((BUNDLES / "metadata_schema.json").read_text())
    validate(json.loads((BUNDLES / name / "configs/metadata.json").read_text()), schema)


@pytest.mark.parametrize("name", [*WEIGHTS, "nuclei_unet"])
def test_every_bundle_has_its_card_and_licence(name):
    assert (BUNDLES / name / "docs/README.md").read_text().startswith(f"# {name}\n")
    assert "Apache License" in (BUNDLES / name / "LICENSE").read_text()


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_cards_figures_are_those_of_the_results(name):
    [results] = (Path(__file__).parents[2] / "benchmarks/results").glob(f"*/{name}/test/metrics.json")
    means = json.loads(results.read_text())["means"]
    card = (BUNDLES / name / "docs/README.md").read_text()
    for figure in ("synthetic_inside", "real_inside", "mae", "ssim", "seed_difference_inside"):
        assert f"{means[figure]['mean']:.3f}" in card
    for figure in ("nearest_training_distance", "nearest_training_distance_of_real"):
        assert f"{means[figure]['mean']:.3f}" in card
