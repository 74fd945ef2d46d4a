"""The generators that are shipped: they load by name, are small, and make images that follow their masks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from jsonschema import validate

from monai_genaug import GenerativeAugmentd, load_generator
from monai_genaug.generators.folders import list_bundles
from monai_genaug.phantoms import nuclei_phantom

BUNDLES = Path(__file__).parents[2] / "bundles"
WEIGHTS = {"nuclei_pix2pix": 1, "nuclei_cyclegan": 1, "nuclei_histology_pix2pix": 3}  # and their channels
UNTRAINED = ("nuclei_spade", "nuclei_unet")


def phantom_label() -> torch.Tensor:
    return torch.from_numpy(nuclei_phantom((128, 128), seed=1)[1].astype("int64"))


def test_bundles_are_listed_with_what_they_are_for():
    uses = {bundle.name: bundle.use for bundle in list_bundles()}
    assert uses == {
        "nuclei_cyclegan": "can be trained, has trained weights",
        "nuclei_histology_pix2pix": "has trained weights",
        "nuclei_pix2pix": "can be trained, has trained weights",
        "nuclei_spade": "can be trained",
        "nuclei_unet": "can be trained",
    }


@pytest.mark.parametrize("name", UNTRAINED)
def test_a_bundle_without_weights_is_no_generator_and_says_what_to_pass(name):
    with pytest.raises(FileNotFoundError, match=r"models/model.pt missing .*; pass the output_dir of a finished"):
        load_generator(name)


@pytest.mark.parametrize("name", ["nuclei_cyclegan", "nuclei_spade"])
@pytest.mark.parametrize("file", ["configs/inference.yaml", "configs/evaluate.yaml", "configs/logging.conf", "LICENSE"])
def test_files_that_know_no_family_are_equal_in_all_bundles_of_generators(name, file):
    assert (BUNDLES / name / file).read_text() == (BUNDLES / "nuclei_pix2pix" / file).read_text()


def test_what_learns_from_pairs_reads_them_alike():
    ours, theirs = (BUNDLES / name / "configs" for name in ("nuclei_spade", "nuclei_pix2pix"))
    assert (ours / "multi_gpu_train.yaml").read_text() == (theirs / "multi_gpu_train.yaml").read_text()
    train, other = (yaml.safe_load((folder / "train.yaml").read_text()) for folder in (ours, theirs))
    for parts in (train, other):
        del parts["train"]["trainer"], parts["train"]["handlers"]
    assert train["train"] == other["train"]
    assert train["initialize"] == other["initialize"]
    assert set(train) - set(other) == {"lambda_features", "discriminator_norm"}
    assert set(other) <= set(train)


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


@pytest.mark.parametrize("name", [*WEIGHTS, *UNTRAINED])
def test_metadata_keep_the_schema(name):
    schema = json.loads((BUNDLES / "metadata_schema.json").read_text())
    validate(json.loads((BUNDLES / name / "configs/metadata.json").read_text()), schema)


@pytest.mark.parametrize("name", [*WEIGHTS, *UNTRAINED])
def test_every_bundle_has_its_card_and_licence(name):
    assert (BUNDLES / name / "docs/README.md").read_text().startswith(f"# {name}\n")
    assert "Apache License" in (BUNDLES / name / "LICENSE").read_text()


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_cards_figures_are_those_of_the_results(name):
    results = Path(__file__).parents[2] / "benchmarks/results/2026-11-21-cpu2" / name / "test/metrics.json"
    means = json.loads(results.read_text())["means"]
    card = (BUNDLES / name / "docs/README.md").read_text()
    for figure in ("synthetic_inside", "real_inside", "mae", "ssim", "seed_difference_inside"):
        assert f"{means[figure]['mean']:.3f}" in card
    for figure in ("nearest_training_distance", "nearest_training_distance_of_real"):
        assert f"{means[figure]['mean']:.3f}" in card
